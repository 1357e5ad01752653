using System.Globalization;

namespace Softswitch.Hosting.Reports;

/// <summary>Numbers as people read them.</summary>
internal static class Quantity
{
    private static readonly string[] s_prefixes = ["", "k", "M", "G", "T", "P", "E"];

    /// <summary>Three digits and a prefix: <c>0</c>, <c>12.3k</c>, <c>1.48M</c>.</summary>
    public static string Short(double value)
    {
        int thousands = 0;
        while (value >= 999.5 && thousands < s_prefixes.Length - 1)
        {
            value /= 1000;
            thousands++;
        }
        bool isWhole = value is 0 or >= 99.95 || (thousands == 0 && value == Math.Floor(value));
        string digits = isWhole ? "0" : value >= 9.995 ? "0.0" : "0.00";
        return value.ToString(digits, CultureInfo.InvariantCulture) + s_prefixes[thousands];
    }

    /// <summary>The two largest units: <c>3 h 12 min</c>, <c>4.2 s</c>.</summary>
    public static string Duration(double seconds) => seconds switch
    {
        < 0.001 => $"{seconds * 1e6:0} us",
        < 1 => $"{Short(seconds * 1e3)} ms",
        < 10 => $"{seconds:0.0} s",
        < 60 => $"{seconds:0} s",
        < 3600 => $"{(int)seconds / 60} min {(int)seconds % 60} s",
        < 86_400 => $"{(int)seconds / 3600} h {(int)seconds / 60 % 60} min",
        _ => $"{(long)seconds / 86_400} d {(long)seconds / 3600 % 24} h",
    };

    /// <summary>A part of a whole in percent; nothing of nothing is 0.</summary>
    public static string Percent(double part, double whole) => whole <= 0 ? "0 %"
        : $"{(100 * part / whole).ToString("0.#", CultureInfo.InvariantCulture)} %";

    /// <summary>A noun after its number.</summary>
    public static string Of(long count, string noun) =>
        count == 1 ? $"1 {noun}"
        : noun.EndsWith("try", StringComparison.Ordinal) ? $"{count} {noun[..^1]}ies"
        : $"{count} {noun}{(noun.EndsWith("ch", StringComparison.Ordinal) ? "es" : "s")}";
}
