using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Softswitch.Ports.Specs;

/// <summary>Names of cards' interfaces: the driver calls them nf2c0, nf2c1, ..., four for each card.</summary>
internal static class CardNetdev
{
    public const string Prefix = "nf2c";

    // The name of an interface has 15 characters; nobody has that many cards.
    private const int MaxDigits = 3;

    public static string NameOf(int index) => $"{Prefix}{index.ToString(CultureInfo.InvariantCulture)}";

    /// <param name="index">0 for the first interface of the first card.</param>
    public static bool TryParse([NotNullWhen(true)] string? name, out int index)
    {
        index = 0;
        if (name is null || !name.StartsWith(Prefix, StringComparison.Ordinal))
        {
            return false;
        }
        string digits = name[Prefix.Length..];
        return digits.Length <= MaxDigits
            && (digits == "0" || !digits.StartsWith('0'))
            && int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out index);
    }
}
