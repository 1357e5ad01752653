using System.Globalization;
using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Tests.Codec;

/// <summary>Entries and actions from hexadecimal words.</summary>
internal static class CardWords
{
    public static KeyWords Key(string words)
    {
        KeyWords key = default;
        Read(words, key);
        return key;
    }

    public static ActionWords Action(string words)
    {
        ActionWords action = default;
        Read(words, action);
        return action;
    }

    public static string Text(in KeyWords words) => Text((ReadOnlySpan<uint>)words);

    public static string Text(in ActionWords words) => Text((ReadOnlySpan<uint>)words);

    private static string Text(ReadOnlySpan<uint> words) => string.Join(' ', words.ToArray().Select(w => $"{w:x8}"));

    private static void Read(string text, Span<uint> words)
    {
        string[] parts = text.Split(' ');
        for (int i = 0; i < words.Length; i++)
        {
            words[i] = uint.Parse(parts[i], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        }
    }
}
