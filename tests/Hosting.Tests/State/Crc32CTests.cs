using System.Text;
using Softswitch.Hosting.State;

namespace Softswitch.Hosting.Tests.State;

/// <summary>The checksum of records.</summary>
public sealed class Crc32CTests
{
    [Theory]
    [InlineData("", 0u)]
    [InlineData("123456789", 0xe3069283u)] // the check value of the catalogue of CRCs
    [InlineData("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 0x8a9136aau)] // RFC 3720 B.4, as a number
    public void Published_values_come_out(string text, uint expected) => Assert.Equal(expected, Crc32C.Append(Crc32C.Start, Encoding.Latin1.GetBytes(text)));

    [Fact]
    public void It_is_the_textbook_s_at_any_length_and_in_pieces()
    {
        Random random = new(1);
        for (int length = 0; length < 100; length++)
        {
            byte[] bytes = new byte[length];
            random.NextBytes(bytes);
            int cut = random.Next(length + 1);
            uint whole = Crc32C.Append(Crc32C.Start, bytes);
            Assert.Equal(BitByBit(bytes), whole);
            Assert.Equal(whole, Crc32C.Append(Crc32C.Append(Crc32C.Start, bytes.AsSpan(0, cut)), bytes.AsSpan(cut)));
        }
    }

    private static uint BitByBit(byte[] bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte one in bytes)
        {
            crc ^= one;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82f63b78 : crc >> 1;
            }
        }
        return ~crc;
    }
}
