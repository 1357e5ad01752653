using System.Globalization;
using Softswitch.Hosting.Configuration;
using Softswitch.NetFpga.Registers;

namespace Softswitch.Hosting.Cards;

/// <summary>Register writes as lines of text: <c>W address value</c>, both hexadecimal, one write a line, # for comments. Lines of reads, <c>R address value</c>, are passed over.</summary>
internal static class RegisterLines
{
    public static string Format(RegisterWrite write) => $"W {write.Address:x8} {write.Value:x8}";

    /// <summary>Applies the lines, in order, to a card's registers.</summary>
    /// <param name="place">Where they come from, for messages.</param>
    /// <exception cref="OptionException">One is no access to a register; names place and line.</exception>
    public static void Apply(TextReader lines, string place, IRegisterAccess card)
    {
        int number = 0;
        while (lines.ReadLine() is { } line)
        {
            number++;
            int comment = line.IndexOf('#', StringComparison.Ordinal);
            string[] words = (comment < 0 ? line : line[..comment]).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            if (words.Length == 0)
            {
                continue;
            }
            if (words.Length != 3 || words[0] is not ("W" or "R"))
            {
                throw new OptionException($"{place}:{number}: '{line.Trim()}' is neither 'W address value' nor 'R address value'");
            }
            uint address = Number(words[1], "address", place, number);
            if (address % 4 != 0 || address >= CardRegisters.AddressLimit)
            {
                throw new OptionException($"{place}:{number}: address '{words[1]}' is not a multiple of 4 below 0x{CardRegisters.AddressLimit:x}");
            }
            uint value = Number(words[2], "value", place, number);
            if (words[0] == "W")
            {
                card.Write(address, value);
            }
        }
    }

    private static uint Number(string word, string what, string place, int line)
    {
        ReadOnlySpan<char> digits = word.StartsWith("0x", StringComparison.OrdinalIgnoreCase) ? word.AsSpan(2) : word;
        return uint.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out uint number)
            ? number
            : throw new OptionException($"{place}:{line}: {what} '{word}' is not a hexadecimal number of 32 bits");
    }
}
