using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Softswitch.Datapath.Packets;

namespace Softswitch.Datapath.Tables;

/// <summary>What a search for the packets of one batch keeps: of each packet by its position, of each probe in the subtables' order.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct SearchState
{
    /// <summary>Enough for memory accesses to overlap; few, because what is found there keeps packets from the subtables after them.</summary>
    public const int SubtablesAtOnce = 8;

    /// <summary>Entries that fit the list beyond one for each probe.</summary>
    public const int SpareCandidates = 4 * PacketBatch.Capacity;

    private const int MaxProbes = SubtablesAtOnce * PacketBatch.Capacity;

    /// <summary>The subtables that may hold an entry for a packet, as <see cref="SubtableFilter"/> says. By position.</summary>
    public fixed uint Subtables[PacketBatch.Capacity];

    /// <summary>The upper half of <see cref="Best"/>, by position.</summary>
    public fixed int Priority[PacketBatch.Capacity];

    /// <summary>What a packet has found so far: a <see cref="BestEntry"/>. By position.</summary>
    public fixed ulong Best[PacketBatch.Capacity];

    /// <summary>Packets to look for in a subtable, each a <see cref="Probe"/>. Written by whole vectors.</summary>
    public fixed uint Probes[MaxProbes + PacketBatch.Capacity];

    /// <summary>Of the bits that the probe's subtable compares.</summary>
    public fixed ulong Hash[MaxProbes];

    /// <summary>Addresses of buckets, by probe.</summary>
    public fixed ulong Bucket[MaxProbes];

    /// <summary>Entries to compare, each a <see cref="Candidate"/>.</summary>
    public fixed ulong Candidates[MaxProbes + SpareCandidates];

    /// <summary>The slots of the bucket whose signature fits, where there is one subtable.</summary>
    public fixed uint Fitting[PacketBatch.Capacity];

    /// <summary>Positions of the packets that bit vectors may have something better for.</summary>
    public fixed byte Open[PacketBatch.Capacity];

    /// <summary>In bit vectors, by position.</summary>
    public BatchRows Rows;
}

/// <summary>A packet looked for in a subtable, as one number: the position in the batch, above it the subtable's rank among those at hand.</summary>
internal static class Probe
{
    private const int PositionBits = 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Of(int position, int rank) => (uint)(rank << PositionBits | position);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint PositionOf(uint probe) => (byte)probe;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint RankOf(uint probe) => probe >> PositionBits;
}

/// <summary>An entry to compare a packet with, as one number: its index, and above it the packet's position in the batch.</summary>
internal static class Candidate
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Of(uint index, uint position) => index | ((ulong)position << 32);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint IndexOf(ulong candidate) => (uint)candidate;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint PositionOf(ulong candidate) => (uint)(candidate >> 32);
}
