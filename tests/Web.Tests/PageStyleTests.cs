using System.Globalization;
using System.Text.RegularExpressions;

namespace Softswitch.Web.Tests;

/// <summary>The style's colours, by the formula of WCAG 2.2 (§1.4.3, §1.4.11).</summary>
public sealed partial class PageStyleTests
{
    [Theory]
    [InlineData(0, "light")]
    [InlineData(1, "dark")]
    public void Text_stands_out_from_what_it_stands_on(int scheme, string name)
    {
        Dictionary<string, string> colours = Root().Matches(PageStyle.Text).ElementAt(scheme).Groups[1].Value is { } block
            ? Colour().Matches(block).ToDictionary(one => one.Groups[1].Value, one => one.Groups[2].Value)
            : [];
        foreach (string text in (string[])["text", "quiet", "accent", "rx", "tx", "drop", "good", "warn"])
        {
            foreach (string ground in (string[])["ground", "card", "faint"])
            {
                double contrast = Contrast(colours[text], colours[ground]);
                Assert.True(contrast >= 4.5, $"{name}: {text} on {ground}: {contrast:0.00}");
            }
        }
        Assert.True(Contrast(colours["on-accent"], colours["accent"]) >= 4.5);
    }

    private static double Contrast(string a, string b)
    {
        (double x, double y) = (Luminance(a), Luminance(b));
        return (Math.Max(x, y) + 0.05) / (Math.Min(x, y) + 0.05);
    }

    private static double Luminance(string colour)
    {
        double Part(int at)
        {
            double value = int.Parse(colour.AsSpan(at, 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture) / 255.0;
            return value <= 0.04045 ? value / 12.92 : Math.Pow((value + 0.055) / 1.055, 2.4);
        }
        return (0.2126 * Part(0)) + (0.7152 * Part(2)) + (0.0722 * Part(4));
    }

    [GeneratedRegex(@":root \{([^}]*)\}")]
    private static partial Regex Root();

    [GeneratedRegex(@"--([a-z-]+): #([0-9a-f]{6})\b")]
    private static partial Regex Colour();
}
