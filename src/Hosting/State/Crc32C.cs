using System.Numerics;
using System.Runtime.InteropServices;

namespace Softswitch.Hosting.State;

/// <summary>The checksum of records: CRC-32C (Castagnoli; RFC 3720 appendix B.4), by the processor's instruction where there is one.</summary>
internal static class Crc32C
{
    /// <summary>Of no bytes.</summary>
    public const uint Start = 0;

    /// <summary>The checksum of what <paramref name="before"/> stands for and these bytes behind it.</summary>
    public static uint Append(uint before, ReadOnlySpan<byte> bytes)
    {
        uint crc = ~before;
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(bytes);
        foreach (ulong word in words)
        {
            crc = BitOperations.Crc32C(crc, word);
        }
        foreach (byte one in bytes[(words.Length * sizeof(ulong))..])
        {
            crc = BitOperations.Crc32C(crc, one);
        }
        return ~crc;
    }
}
