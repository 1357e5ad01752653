using System.Globalization;
using Softswitch.Datapath.Headers;

namespace Softswitch.OfAgent.Text;

/// <summary>Numbers and addresses as people write them in flows.</summary>
internal static class TextNumber
{
    /// <summary>A decimal or 0x number of at most <paramref name="max"/>.</summary>
    /// <param name="reason">Why not, as the end of a sentence that starts with the text.</param>
    public static bool TryParse(ReadOnlySpan<char> text, ulong max, out ulong value, out string reason)
    {
        bool isHexadecimal = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        ReadOnlySpan<char> digits = isHexadecimal ? text[2..] : text;
        NumberStyles style = isHexadecimal ? NumberStyles.AllowHexSpecifier : NumberStyles.None;
        reason = "";
        if (digits.IsEmpty || digits.ContainsAnyExcept(isHexadecimal ? "0123456789abcdefABCDEF" : "0123456789"))
        {
            value = 0;
            reason = "is not a number";
            return false;
        }
        // ovs-ofctl reads 010 as octal. The user may mean 10 or 8, so it is refused.
        if (!isHexadecimal && digits.Length > 1 && digits[0] == '0')
        {
            value = 0;
            reason = "starts with a zero (octal numbers are not read; write it decimal or with 0x)";
            return false;
        }
        if (!ulong.TryParse(digits, style, CultureInfo.InvariantCulture, out value) || value > max)
        {
            reason = $"is larger than {max}";
            return false;
        }
        return true;
    }

    /// <summary>An IPv4 address in dotted form.</summary>
    public static bool TryParseAddress(ReadOnlySpan<char> text, out uint address)
    {
        bool isAddress = Ipv4Text.TryParse(text, out Be32 parsed);
        address = parsed.Host;
        return isAddress;
    }

    public static string FormatAddress(uint address) => Ipv4Text.Format(Be32.FromHost(address));

    /// <summary>Six hexadecimal bytes of one or two digits with colons between.</summary>
    public static bool TryParseMac(ReadOnlySpan<char> text, out MacAddress address)
    {
        address = default;
        ulong value = 0;
        int bytes = 0;
        foreach (Range range in text.Split(':'))
        {
            ReadOnlySpan<char> part = text[range];
            if (part.Length is 0 or > 2 || ++bytes > 6
                || !byte.TryParse(part, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte b))
            {
                return false;
            }
            value = (value << 8) | b;
        }
        address = new MacAddress(value);
        return bytes == 6;
    }
}
