using System.Buffers.Binary;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;

namespace Softswitch.Lab.Measures;

/// <summary>The headers of one flow's packets: IPv4. Host byte order.</summary>
internal readonly record struct FlowHeaders(
    ulong DlSrc, ulong DlDst, byte NwProto, uint NwSrc, uint NwDst, ushort TpSrc, ushort TpDst)
{
    /// <summary>The shortest Ethernet frame, without FCS.</summary>
    public const int MinFrame = 60;

    public const int MaxFrame = 1514;

    private const int TagSize = 4;
    private const int TypeOffset = 12;
    private const int Ipv4Size = 20;

    /// <summary>The whole TOS byte.</summary>
    public byte NwTos { get; init; }

    /// <summary>PCP and VLAN id of the 802.1Q tag; null for a frame without.</summary>
    public ushort? VlanTag { get; init; }

    /// <summary>The flow entry that matches these fields and no others.</summary>
    public FlowMatch ToMatch(ushort inPort) => new()
    {
        InPort = inPort,
        DlSrc = new MacAddress(DlSrc),
        DlDst = new MacAddress(DlDst),
        DlVlan = VlanTag is { } tag ? (ushort)(tag & 0x0fff) : FlowMatch.VlanNone,
        DlVlanPcp = (byte)((VlanTag ?? 0) >> 13),
        DlType = EtherType.Ipv4,
        NwTos = NwTos,
        NwProto = NwProto,
        NwSrc = NwSrc,
        NwDst = NwDst,
        TpSrc = TpSrc,
        TpDst = TpDst,
    };

    /// <summary>Writes a frame that fills <paramref name="frame"/>; TCP and UDP get ports, other protocols an empty payload.</summary>
    public void Write(Span<byte> frame)
    {
        frame.Clear();
        new MacAddress(DlDst).CopyTo(frame);
        new MacAddress(DlSrc).CopyTo(frame[6..]);
        int type = TypeOffset;
        if (VlanTag is { } tag)
        {
            BinaryPrimitives.WriteUInt16BigEndian(frame[TypeOffset..], EtherType.Vlan);
            BinaryPrimitives.WriteUInt16BigEndian(frame[(TypeOffset + 2)..], tag);
            type += TagSize;
        }
        BinaryPrimitives.WriteUInt16BigEndian(frame[type..], EtherType.Ipv4);
        Span<byte> ip = frame[(type + 2)..];
        ip[0] = 0x45;
        ip[1] = NwTos;
        BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)ip.Length);
        ip[8] = 64;
        ip[9] = NwProto;
        BinaryPrimitives.WriteUInt32BigEndian(ip[12..], NwSrc);
        BinaryPrimitives.WriteUInt32BigEndian(ip[16..], NwDst);
        ushort checksum = InternetChecksum.Compute(ip[..Ipv4Size]);
        BinaryPrimitives.WriteUInt16BigEndian(ip[10..], new Be16(checksum).Host);
        WriteTransport(ip[Ipv4Size..]);
    }

    private void WriteTransport(Span<byte> transport)
    {
        if (NwProto is not (IpProtocol.Tcp or IpProtocol.Udp))
        {
            return;
        }
        BinaryPrimitives.WriteUInt16BigEndian(transport, TpSrc);
        BinaryPrimitives.WriteUInt16BigEndian(transport[2..], TpDst);
        if (NwProto == IpProtocol.Tcp)
        {
            transport[12] = 5 << 4;
            transport[13] = 0x10;
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(transport[4..], (ushort)transport.Length); // its checksum stays 0: none (RFC 768)
        }
    }
}
