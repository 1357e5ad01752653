using System.Buffers;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Ports;
using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Text;

/// <summary>Reads packet-outs: <c>in_port=1,packet=ffffffffffff...,actions=output:2</c>.</summary>
internal static class PacketOutSyntax
{
    private static readonly SearchValues<char> HexadecimalDigits = SearchValues.Create("0123456789abcdefABCDEF");
    private const int EthernetHeader = 14;
    private const int MaxPacket = 65_000;

    /// <param name="text"><c>actions=</c> comes last.</param>
    /// <param name="error">One line that names the word and the reason.</param>
    public static bool TryParse(ReadOnlySpan<char> text, PortNames? ports, out ParsedPacketOut packetOut, out string error)
    {
        packetOut = new ParsedPacketOut();
        ports ??= PortNames.ReservedOnly;
        KeyValueReader reader = new(text);
        error = "";
        while (reader.TryRead(out ReadOnlySpan<char> key, out ReadOnlySpan<char> value))
        {
            if (key is "actions" or "action")
            {
                ReadOnlySpan<char> rest = reader.FromKey[key.Length..];
                bool isGood = ActionSyntax.TryParse(rest.IsEmpty ? rest : rest[1..], ports, out FlowAction[] actions, out error);
                packetOut.Actions = actions;
                return isGood && IsComplete(packetOut, out error);
            }
            if (!TryReadWord(key, value, ports, packetOut, out error))
            {
                return false;
            }
        }
        error = "actions: missing (actions=drop for none)";
        return false;
    }

    /// <summary>A packet in hexadecimal; blanks and colons between bytes do no harm.</summary>
    public static bool TryParsePacket(ReadOnlySpan<char> text, out byte[] packet, out string error)
    {
        packet = [];
        error = "";
        string digits = text.ToString().Replace(" ", "", StringComparison.Ordinal).Replace(":", "", StringComparison.Ordinal);
        if (digits.Length % 2 != 0 || digits.AsSpan().ContainsAnyExcept(HexadecimalDigits))
        {
            error = "packet: not bytes in hexadecimal";
            return false;
        }
        packet = Convert.FromHexString(digits);
        error = packet.Length < EthernetHeader ? $"packet: {packet.Length} bytes are less than an Ethernet header's 14"
            : packet.Length > MaxPacket ? $"packet: {packet.Length} bytes do not fit a message"
            : "";
        return error.Length == 0;
    }

    private static bool TryReadWord(
        ReadOnlySpan<char> key, ReadOnlySpan<char> value, PortNames ports, ParsedPacketOut packetOut, out string error)
    {
        error = "";
        switch (key)
        {
            case "in_port":
                if (!ports.TryParse(value, out ushort port))
                {
                    error = $"in_port: '{value}' is neither a port number nor the name of a port";
                }
                packetOut.InPort = port;
                break;
            case "packet":
                bool isGood = TryParsePacket(value, out byte[] packet, out error);
                packetOut.Packet = packet;
                return isGood;
            case "buffer_id":
                if (!TextNumber.TryParse(value, uint.MaxValue, out ulong buffer, out string reason))
                {
                    error = $"buffer_id: '{value}' {reason}";
                }
                packetOut.BufferId = (uint)buffer;
                break;
            default:
                error = $"{key}: unknown word";
                break;
        }
        return error.Length == 0;
    }

    private static bool IsComplete(ParsedPacketOut packetOut, out string error)
    {
        bool hasBuffer = packetOut.BufferId != FlowMod.NoBuffer;
        error = hasBuffer == (packetOut.Packet.Length > 0)
            ? hasBuffer ? "packet: has no place beside buffer_id" : "packet: missing"
            : "";
        return error.Length == 0;
    }
}

/// <summary>A packet-out as <see cref="PacketOutSyntax"/> reads it.</summary>
internal sealed class ParsedPacketOut
{
    public uint BufferId { get; set; } = FlowMod.NoBuffer;

    public ushort InPort { get; set; } = PortNumber.None;

    public FlowAction[] Actions { get; set; } = [];

    public byte[] Packet { get; set; } = [];

    public PacketOut ToPacketOut() => new() { BufferId = BufferId, InPort = InPort, Actions = Actions, Data = Packet };
}
