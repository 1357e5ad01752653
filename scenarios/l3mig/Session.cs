using System.Buffers.Binary;
using Softswitch.Datapath.Headers;

namespace Softswitch.Scenarios.L3Mig;

/// <summary>A TCP connection, or UDP packets alike, as its first packet named it.</summary>
/// <param name="Protocol">TCP's or UDP's number.</param>
/// <param name="Source">Of the machine that began it.</param>
/// <param name="SourcePort">Host order, as <paramref name="DestinationPort"/>.</param>
internal sealed record Session(byte Protocol, Be32 Source, Be32 Destination, ushort SourcePort, ushort DestinationPort)
{
    private const int EthernetLength = 14;
    private const int ShortestHeader = 20;
    private const int PortsLength = 4;
    private const int FlagsOffset = 13; // of TCP

    /// <summary>As the other end names it.</summary>
    public Session Reversed => new(Protocol, Destination, Source, DestinationPort, SourcePort);

    /// <summary>In flows' words.</summary>
    public string ProtocolWord => Protocol == IpProtocol.Tcp ? "tcp" : "udp";

    /// <summary>Whether this machine is one of its ends.</summary>
    public bool Concerns(Be32 machine) => Source == machine || Destination == machine;

    /// <summary>Reads an untagged frame.</summary>
    /// <param name="isFirst">Whether a session may begin with it: any packet of UDP, SYN without ACK of TCP. What comes late of an ended connection is no new one.</param>
    /// <returns>False for what is neither TCP nor UDP over IPv4, or is a fragment: a port number is needed.</returns>
    public static bool TryRead(ReadOnlySpan<byte> frame, out Session? session, out bool isFirst)
    {
        session = null;
        isFirst = false;
        if (frame.Length < EthernetLength + ShortestHeader || BinaryPrimitives.ReadUInt16BigEndian(frame[12..]) != EtherType.Ipv4)
        {
            return false;
        }
        ReadOnlySpan<byte> ip = frame[EthernetLength..];
        int header = (ip[0] & 0xf) * 4;
        bool isFragment = (BinaryPrimitives.ReadUInt16BigEndian(ip[6..]) & 0x3fff) != 0; // MF or an offset
        if (header < ShortestHeader || ip.Length < header + PortsLength || isFragment || ip[9] is not (IpProtocol.Tcp or IpProtocol.Udp))
        {
            return false;
        }
        isFirst = ip[9] == IpProtocol.Udp || (ip.Length > header + FlagsOffset && (ip[header + FlagsOffset] & 0x12) == 0x02);
        session = new Session(
            ip[9],
            Be32.FromHost(BinaryPrimitives.ReadUInt32BigEndian(ip[12..])), Be32.FromHost(BinaryPrimitives.ReadUInt32BigEndian(ip[16..])),
            BinaryPrimitives.ReadUInt16BigEndian(ip[header..]), BinaryPrimitives.ReadUInt16BigEndian(ip[(header + 2)..]));
        return true;
    }

    public override string ToString() => $"{ProtocolWord} {Ipv4Text.Format(Source)}:{SourcePort} to {Ipv4Text.Format(Destination)}:{DestinationPort}";
}
