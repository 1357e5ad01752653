using System.Runtime.CompilerServices;

namespace Softswitch.Datapath.Tables;

/// <summary>The best entry a search has met so far as one number, the higher the better: priority and 2 above, the index below.</summary>
/// <remarks>Numbers rather than objects so that a batch of them fits vectors, and the better of two takes no branch.</remarks>
internal static class BestEntry
{
    /// <summary>Worse than any entry, better than one that does not match.</summary>
    public const ulong None = 1UL << 32;

    /// <summary>Better than any entry.</summary>
    public const ulong Unbeatable = long.MaxValue;

    /// <summary>An entry if it matches, otherwise what is worse than none. Without a branch.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Of(bool matches, uint index, ushort priority) =>
        ((((ulong)priority + 2) << 32) | index) & (0UL - Unsafe.BitCast<bool, byte>(matches));

    /// <summary>The upper half, which is enough to tell what may be better.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int PriorityOf(ulong best) => (int)(best >> 32);

    /// <summary>0 for <see cref="None"/>.</summary>
    public static uint IndexOf(ulong best) => (uint)best;

    /// <summary>The better one. Without a branch, which <see cref="ulong.Max"/> would be, and which it is is a matter of chance.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Better(ulong a, ulong b) => a ^ ((a ^ b) & (ulong)((long)(a - b) >> 63)); // neither uses the topmost bit

    /// <summary>Whether age decides between them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AreOfOnePriority(ulong a, ulong b) => (a ^ b) <= uint.MaxValue;

    /// <summary>The lowest <see cref="PriorityOf"/> above all entries of this priority or, for -1, above <see cref="None"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Above(int priority) => priority + 3;
}
