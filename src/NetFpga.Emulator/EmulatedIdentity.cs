using System.Text;
using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Emulator;

/// <summary>The identification block, both versions of it, and the version of the CPCI.</summary>
internal sealed record EmulatedIdentity
{
    private const int Words = 64;
    private const int FirstString = 0x1c;
    private const int ShortString = 64;
    private const int LongString = 100;

    private static readonly uint[] SignatureOfOld = [0x4071736d, 0x8a603d2b, 0x4d55f629, 0x89a73c95];
    private static readonly uint[] SignatureOfNew = [0x5e461ffe, 0x439725c9, 0x279a22a1, 0x855f6c53];

    /// <summary>1 for package 2.x with one string, 2 for package 3.x with three; 0 for a bitfile without the block.</summary>
    public int BlockVersion { get; init; } = 2;

    public uint DeviceId { get; init; }

    /// <summary>Major version * 65536 + minor * 256 + revision; in a block of version 1 a revision.</summary>
    public uint Version { get; init; } = 0x010004;

    /// <summary>Low 24 bits version, high 8 revision.</summary>
    public uint CpciVersion { get; init; } = 0x01000004;

    /// <summary>The project's directory; absent from a block of version 1.</summary>
    public string Directory { get; init; } = "openflow_switch";

    /// <summary>The project's name; the device string of a block of version 1.</summary>
    public string Name { get; init; } = "OpenFlow Switch";

    public string Description { get; init; } = "OpenFlow Switch";

    /// <summary>What bitfiles of the layout say.</summary>
    public static EmulatedIdentity Of(CardLayout layout) =>
        layout == CardLayout.V10 ? new EmulatedIdentity() : new EmulatedIdentity { BlockVersion = 1, Version = 1 };

    /// <summary>The block as words, from its first address.</summary>
    internal uint[] ToWords(uint absent)
    {
        uint[] words = new uint[Words];
        if (BlockVersion == 0)
        {
            Array.Fill(words, absent);
            return words;
        }
        (BlockVersion == 1 ? SignatureOfOld : SignatureOfNew).CopyTo(words, 0);
        words[4] = DeviceId;
        words[5] = Version;
        words[6] = CpciVersion;
        if (BlockVersion == 1)
        {
            Write(words, FirstString, LongString, Name);
            return words;
        }
        Write(words, FirstString, ShortString, Directory);
        Write(words, FirstString + ShortString, ShortString, Name);
        Write(words, FirstString + (2 * ShortString), LongString, Description);
        return words;
    }

    /// <summary>The first character of a word is in its highest byte; the last byte of the field stays 0.</summary>
    private static void Write(uint[] words, int at, int length, string text)
    {
        byte[] characters = Encoding.ASCII.GetBytes(text);
        for (int i = 0; i < Math.Min(characters.Length, length - 1); i++)
        {
            words[(at + i) / 4] |= (uint)characters[i] << (24 - (8 * ((at + i) % 4)));
        }
    }
}
