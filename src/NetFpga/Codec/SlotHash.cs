using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Codec;

/// <summary>The two slots of the exact table at which the card looks for a match value.</summary>
/// <remarks>
/// Two CRC-32s over the 32 bytes of the value with the active bit cleared, byte 0 (the lowest of word 0) first, each from its most significant bit; from 0,
/// not reflected, not inverted. The slot is the low 15 bits.
/// </remarks>
internal static class SlotHash
{
    public const uint PolynomialA = 0x04c11db7;
    public const uint PolynomialB = 0x1edc6f41;

    private static readonly uint[] TableA = Tabulate(PolynomialA);
    private static readonly uint[] TableB = Tabulate(PolynomialB);

    /// <summary>Slots a and b; the card prefers a. They can be the same. The active bit is ignored.</summary>
    public static (int A, int B) Compute(in KeyWords value)
    {
        KeyWords image = value;
        KeyFields.Active.Set(image, 0);
        uint a = 0;
        uint b = 0;
        foreach (uint word in image)
        {
            for (int shift = 0; shift < 32; shift += 8)
            {
                uint next = (byte)(word >> shift);
                a = (a << 8) ^ TableA[(a >> 24) ^ next];
                b = (b << 8) ^ TableB[(b >> 24) ^ next];
            }
        }
        return ((int)(a % CardRegisters.SlotCount), (int)(b % CardRegisters.SlotCount));
    }

    /// <summary>What a byte at the top of the remainder adds to the next one.</summary>
    private static uint[] Tabulate(uint polynomial)
    {
        uint[] table = new uint[256];
        for (uint first = 0; first < table.Length; first++)
        {
            uint remainder = first << 24;
            for (int bit = 0; bit < 8; bit++)
            {
                remainder = (remainder << 1) ^ ((remainder >> 31) * polynomial);
            }
            table[first] = remainder;
        }
        return table;
    }
}
