using System.Globalization;

namespace Softswitch.Ports.Specs;

/// <summary>Rates as people write them: <c>10M</c>, <c>1.5G</c>, <c>64k</c>, <c>800000</c>; bit/s, decimal prefixes.</summary>
internal static class BitRate
{
    /// <summary>What a rate looks like, for errors.</summary>
    public const string Example = "a rate in bit/s such as 10M (k, M or G; at least 1k)";

    private const long Least = 1000;
    private const long Most = 1_000_000_000_000;

    /// <param name="text">A number with up to three decimals and one of k, M, G behind it, or none.</param>
    /// <param name="bitsPerSecond">1000 to 10^12.</param>
    public static bool TryParse(string? text, out long bitsPerSecond)
    {
        bitsPerSecond = 0;
        if (string.IsNullOrEmpty(text))
        {
            return false;
        }
        int factor = text[^1] switch
        {
            'k' or 'K' => 1000,
            'M' => 1_000_000,
            'G' => 1_000_000_000,
            _ => 1,
        };
        string digits = factor == 1 ? text : text[..^1];
        if (!decimal.TryParse(digits, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal value) || value > Most)
        {
            return false;
        }
        decimal rate = value * factor;
        if (rate != decimal.Truncate(rate) || rate is < Least or > Most)
        {
            return false;
        }
        bitsPerSecond = (long)rate;
        return true;
    }

    /// <summary>The shortest of the ways to write it: 1500000 is <c>1.5M</c>.</summary>
    public static string Format(long bitsPerSecond) => bitsPerSecond switch
    {
        >= 1_000_000_000 => Format(bitsPerSecond, 1_000_000_000, "G"),
        >= 1_000_000 => Format(bitsPerSecond, 1_000_000, "M"),
        >= 1000 => Format(bitsPerSecond, 1000, "k"),
        _ => Format(bitsPerSecond, 1, string.Empty),
    };

    private static string Format(long rate, long unit, string suffix) => ((decimal)rate / unit).ToString("0.#########", CultureInfo.InvariantCulture) + suffix;
}
