using System.Text;

namespace Softswitch.NetFpga.Registers;

/// <summary>What a card says of its bitfile.</summary>
/// <param name="BlockVersion">Of the identification block: 1 has one string, the project; 2 has three.</param>
/// <param name="Version">Block 2: major * 65536 + minor * 256 + revision. Block 1: a revision.</param>
/// <param name="CpciVersion">Low 24 bits version, high 8 revision.</param>
/// <param name="Project">Block 2: the project's directory. Block 1: the device string.</param>
internal sealed record CardIdentity(int BlockVersion, uint DeviceId, uint Version, uint CpciVersion, string Project, string Name, string Description)
{
    private const string ProjectOfBlock2 = "openflow_switch";
    private const string ProjectOfBlock1 = "openflow";
    private const uint CpciStatus = 0x0000104;
    private const uint CpciVersionAddress = 0x0400018;
    private const uint Strings = 0x040001c;
    private const int ShortString = 64;
    private const int LongString = 100;

    private static readonly uint[] Signature1 = [0x4071736d, 0x8a603d2b, 0x4d55f629, 0x89a73c95];
    private static readonly uint[] Signature2 = [0x5e461ffe, 0x439725c9, 0x279a22a1, 0x855f6c53];

    /// <summary>Major, minor and revision; of a block of version 1 the revision alone.</summary>
    public string VersionText => BlockVersion == 1 ? $"revision {Version}" : $"{Version >> 16}.{(byte)(Version >> 8)}.{(byte)Version}";

    /// <summary>Reads the identification block. Nothing is written.</summary>
    /// <exception cref="RegisterAccessException">There is none that is known, or the card does not answer.</exception>
    public static CardIdentity Read(IRegisterAccess card)
    {
        uint[] signature = new uint[4];
        for (int i = 0; i < signature.Length; i++)
        {
            signature[i] = card.Read(CardRegisters.Identification + (4 * (uint)i));
        }
        int block = signature.SequenceEqual(Signature2) ? 2 : signature.SequenceEqual(Signature1) ? 1 : 0;
        if (block == 0)
        {
            string words = string.Join(' ', signature.Select(word => $"{word:x8}"));
            string loaded = (card.Read(CpciStatus) & 0x100) == 0 ? ": no bitfile is loaded, or this is no NetFPGA" : ": a bitfile without identification, or no NetFPGA";
            throw new RegisterAccessException($"{card.Transport}: 0x{CardRegisters.Identification:x7} reads {words}, which is no known signature{loaded}");
        }
        return new CardIdentity(
            block,
            card.Read(CardRegisters.DeviceId),
            card.Read(CardRegisters.Version),
            card.Read(CpciVersionAddress),
            ReadString(card, Strings, block == 1 ? LongString : ShortString),
            block == 1 ? string.Empty : ReadString(card, Strings + ShortString, ShortString),
            block == 1 ? string.Empty : ReadString(card, Strings + (2 * ShortString), LongString));
    }

    /// <summary>What the bits of this bitfile's entries mean.</summary>
    /// <param name="card">For messages.</param>
    /// <param name="wanted">As the operator says; null to go by the version, which a block of version 1 does not have.</param>
    /// <exception cref="RegisterAccessException">It is not the OpenFlow switch, or the layout cannot be told.</exception>
    public CardLayout ChooseLayout(IRegisterAccess card, CardLayout? wanted)
    {
        string read = $"identification block {BlockVersion}, project '{Project}', version {VersionText}";
        bool isSwitch = BlockVersion == 1 ? Project.Contains(ProjectOfBlock1, StringComparison.OrdinalIgnoreCase) : Project == ProjectOfBlock2;
        if (!isSwitch)
        {
            throw new RegisterAccessException($"{card.Transport}: the card does not run the OpenFlow switch: {read}");
        }
        if (wanted is { } layout)
        {
            return layout;
        }
        return BlockVersion == 2 && Version >> 16 == 1
            ? CardLayout.V10
            : throw new RegisterAccessException(
                $"{card.Transport}: the layout of its tables cannot be told from {read}: say layout=1.0, or layout=0.9 for bitfiles of 2009");
    }

    /// <summary>Characters from the highest byte of each word on, up to a zero; what is not printable ASCII becomes a question mark.</summary>
    private static string ReadString(IRegisterAccess card, uint address, int length)
    {
        StringBuilder text = new();
        for (uint i = 0; i < length; i += 4)
        {
            uint word = card.Read(address + i);
            for (int shift = 24; shift >= 0; shift -= 8)
            {
                char character = (char)(byte)(word >> shift);
                if (character == 0)
                {
                    return text.ToString();
                }
                text.Append(character is >= ' ' and <= '~' ? character : '?');
            }
        }
        return text.ToString();
    }
}
