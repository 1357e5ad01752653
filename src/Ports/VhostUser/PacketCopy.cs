using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Softswitch.Ports.VhostUser;

/// <summary>Copies a packet between a frame and a guest's buffer: a short one by a few vector moves that overlap in its middle, without a call.</summary>
internal static unsafe class PacketCopy
{
    private const nuint Longest = 128;

    /// <param name="length">Any; what lies behind it is neither read nor written.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Copy(byte* to, byte* from, nuint length)
    {
        if (length - 32 > Longest - 32)
        {
            Unsafe.CopyBlockUnaligned(to, from, (uint)length);
            return;
        }
        Vector256<byte> first = Vector256.Load(from);
        Vector256<byte> last = Vector256.Load(from + length - 32);
        if (length > 64)
        {
            Vector256<byte> second = Vector256.Load(from + 32);
            Vector256<byte> third = Vector256.Load(from + length - 64);
            second.Store(to + 32);
            third.Store(to + length - 64);
        }
        first.Store(to);
        last.Store(to + length - 32);
    }
}
