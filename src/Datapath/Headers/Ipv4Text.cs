using System.Globalization;

namespace Softswitch.Datapath.Headers;

/// <summary>IPv4 addresses as people write them: four decimal numbers, nothing abbreviated.</summary>
internal static class Ipv4Text
{
    public static bool TryParse(ReadOnlySpan<char> text, out Be32 address)
    {
        address = default;
        uint value = 0;
        int count = 0;
        foreach (Range range in text.Split('.'))
        {
            ReadOnlySpan<char> part = text[range];
            if (++count > 4 || part.Length > 3 || !byte.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out byte number))
            {
                return false;
            }
            value = (value << 8) | number;
        }
        address = Be32.FromHost(value);
        return count == 4;
    }

    /// <summary>Whether a host can have this address: not 0.0.0.0/8, not loopback, multicast or reserved (RFC 1122 §3.2.1.3).</summary>
    public static bool IsUnicast(Be32 address) => (address.Host >> 24) is not 0 and not 127 and < 224;

    public static string Format(Be32 address)
    {
        uint value = address.Host;
        return $"{value >> 24}.{(byte)(value >> 16)}.{(byte)(value >> 8)}.{(byte)value}";
    }
}
