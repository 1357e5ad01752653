using Softswitch.NetFpga.Codec;
using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Tests.Codec;

public sealed class SlotHashTests
{
    [Fact]
    public void Slots_are_what_dividing_bit_by_bit_leaves()
    {
        Random random = new(1);
        for (int i = 0; i < 10_000; i++)
        {
            byte[] bytes = new byte[32];
            random.NextBytes(bytes);
            bytes[31] &= 0x7f;

            Assert.Equal(((int)Divide(bytes, 0x104c11db7) & 0x7fff, (int)Divide(bytes, 0x11edc6f41) & 0x7fff), SlotHash.Compute(Words(bytes)));
        }
    }

    [Fact]
    public void The_active_bit_does_not_matter()
    {
        byte[] bytes = new byte[32];
        new Random(2).NextBytes(bytes);
        KeyWords value = Words(bytes);
        KeyWords other = value;
        other[7] ^= 0x8000_0000;

        Assert.Equal(SlotHash.Compute(value), SlotHash.Compute(other));
    }

    /// <summary>The remainder of the message, followed by 32 zero bits, divided by the polynomial: the definition of a CRC.</summary>
    private static ulong Divide(byte[] message, ulong polynomial)
    {
        ulong remainder = 0;
        for (int bit = 0; bit < (message.Length * 8) + 32; bit++)
        {
            int next = bit < message.Length * 8 ? (message[bit / 8] >> (7 - (bit % 8))) & 1 : 0;
            remainder = (remainder << 1) | (uint)next;
            if ((remainder >> 32) != 0)
            {
                remainder ^= polynomial;
            }
        }
        return remainder;
    }

    private static KeyWords Words(byte[] bytes)
    {
        KeyWords words = default;
        for (int i = 0; i < 32; i++)
        {
            words[i / 4] |= (uint)bytes[i] << (8 * (i % 4));
        }
        return words;
    }
}
