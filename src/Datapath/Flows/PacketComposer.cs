using System.Buffers.Binary;
using Softswitch.Datapath.Headers;

namespace Softswitch.Datapath.Flows;

/// <summary>Makes the packet that a match describes: the parser the other way round.</summary>
/// <remarks>
/// What the match leaves open is 0, and a frame without a type is one of 802.3. Checksums are right. Everything behind the headers is
/// 0 and belongs to the IP packet.
/// </remarks>
internal static class PacketComposer
{
    /// <summary>The shortest Ethernet frame, without FCS.</summary>
    public const int ShortestFrame = 60;

    /// <summary>The TTL where none is asked for.</summary>
    public const byte UsualTimeToLive = 64;

    private const int EthernetLength = 14;
    private const int TagLength = 4;
    private const int Ipv4Length = 20;
    private const int TcpLength = 20;
    private const int ShortHeaderLength = 8; // UDP, ICMP

    /// <summary>Bytes of the headers, which is what the packet has at least.</summary>
    public static int HeaderLength(in FlowMatch match) => LinkLength(match) + match switch
    {
        { Wildcards: var open } when Has(open, FlowWildcards.DlType) => 0,
        { DlType: EtherType.Arp } => ArpMessage.FrameLength - EthernetLength,
        { DlType: EtherType.Ipv4, Wildcards: var open } when Has(open, FlowWildcards.NwProto) => Ipv4Length,
        { DlType: EtherType.Ipv4 } => Ipv4Length + TransportLength(match.NwProto),
        _ => 0,
    };

    /// <param name="match">Wildcarded fields are not looked at; of addresses the prefix is.</param>
    /// <param name="packet">As long as the packet is to be: <see cref="HeaderLength"/> or more, up to what an IP packet has room
    /// for.</param>
    /// <param name="timeToLive">Of an IP packet: no match has it.</param>
    public static void Compose(in FlowMatch match, Span<byte> packet, byte timeToLive = UsualTimeToLive)
    {
        packet.Clear();
        FlowWildcards open = match.Wildcards;
        (Has(open, FlowWildcards.DlDst) ? default : match.DlDst).CopyTo(packet);
        (Has(open, FlowWildcards.DlSrc) ? default : match.DlSrc).CopyTo(packet[MacAddress.Size..]);
        int link = LinkLength(match);
        if (link != EthernetLength)
        {
            int id = Has(open, FlowWildcards.DlVlan) || match.DlVlan == FlowMatch.VlanNone ? 0 : match.DlVlan & 0xfff;
            int priority = Has(open, FlowWildcards.DlVlanPcp) ? 0 : match.DlVlanPcp;
            BinaryPrimitives.WriteUInt16BigEndian(packet[12..], EtherType.Vlan);
            BinaryPrimitives.WriteUInt16BigEndian(packet[14..], (ushort)((priority << 13) | id));
        }
        ushort type = Has(open, FlowWildcards.DlType) ? EtherType.NotEthernetII : match.DlType;
        Span<byte> payload = packet[link..];
        // 802.3: there the length stands, and no type.
        ushort typeOrLength = type < EtherType.FirstType ? (ushort)Math.Min(payload.Length, EtherType.FirstType - 1) : type;
        BinaryPrimitives.WriteUInt16BigEndian(packet[(link - 2)..], typeOrLength);
        if (type == EtherType.Arp)
        {
            ComposeArp(match, payload);
        }
        else if (type == EtherType.Ipv4)
        {
            ComposeIpv4(match, payload, timeToLive);
        }
    }

    private static void ComposeArp(in FlowMatch match, Span<byte> arp)
    {
        BinaryPrimitives.WriteUInt16BigEndian(arp, 1);
        BinaryPrimitives.WriteUInt16BigEndian(arp[2..], EtherType.Ipv4);
        arp[4] = MacAddress.Size;
        arp[5] = 4;
        arp[7] = Has(match.Wildcards, FlowWildcards.NwProto) ? (byte)0 : match.NwProto;
        (Has(match.Wildcards, FlowWildcards.DlSrc) ? default : match.DlSrc).CopyTo(arp[8..]);
        WriteAddresses(match, arp[14..], arp[24..]);
    }

    private static void ComposeIpv4(in FlowMatch match, Span<byte> ip, byte timeToLive)
    {
        FlowWildcards open = match.Wildcards;
        byte protocol = Has(open, FlowWildcards.NwProto) ? (byte)0 : match.NwProto;
        ip[0] = 0x45;
        ip[1] = Has(open, FlowWildcards.NwTos) ? (byte)0 : (byte)(match.NwTos & 0xfc);
        BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)ip.Length);
        ip[8] = timeToLive;
        ip[9] = protocol;
        WriteAddresses(match, ip[12..], ip[16..]);
        BitConverter.TryWriteBytes(ip[10..], InternetChecksum.Compute(ip[..Ipv4Length]));
        Span<byte> transport = ip[Ipv4Length..];
        ushort first = Has(open, FlowWildcards.TpSrc) ? (ushort)0 : match.TpSrc;
        ushort second = Has(open, FlowWildcards.TpDst) ? (ushort)0 : match.TpDst;
        switch (protocol)
        {
            case IpProtocol.Icmp:
                transport[0] = (byte)first;
                transport[1] = (byte)second;
                BitConverter.TryWriteBytes(transport[2..], InternetChecksum.Compute(transport));
                break;
            case IpProtocol.Tcp or IpProtocol.Udp:
                BinaryPrimitives.WriteUInt16BigEndian(transport, first);
                BinaryPrimitives.WriteUInt16BigEndian(transport[2..], second);
                if (protocol == IpProtocol.Tcp)
                {
                    transport[12] = (TcpLength / 4) << 4;
                }
                else
                {
                    BinaryPrimitives.WriteUInt16BigEndian(transport[4..], (ushort)transport.Length);
                }
                ulong sum = InternetChecksum.Add(transport, InternetChecksum.AddPseudoHeader(ip[12..20], protocol, transport.Length));
                bool isTcp = protocol == IpProtocol.Tcp;
                ushort checksum = isTcp ? InternetChecksum.Finish(sum) : InternetChecksum.FinishUdp(sum);
                BitConverter.TryWriteBytes(transport[(isTcp ? 16 : 6)..], checksum);
                break;
        }
    }

    private static void WriteAddresses(in FlowMatch match, Span<byte> source, Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt32BigEndian(source, Cut(match.NwSrc, match.NwSrcWildBits));
        BinaryPrimitives.WriteUInt32BigEndian(destination, Cut(match.NwDst, match.NwDstWildBits));
    }

    private static uint Cut(uint address, int openBits) => openBits == 32 ? 0 : address & (uint.MaxValue << openBits);

    private static int TransportLength(byte protocol) => protocol switch
    {
        IpProtocol.Tcp => TcpLength,
        IpProtocol.Udp or IpProtocol.Icmp => ShortHeaderLength,
        _ => 0,
    };

    /// <summary>With a tag if the match asks for one.</summary>
    private static int LinkLength(in FlowMatch match)
    {
        bool saysUntagged = !Has(match.Wildcards, FlowWildcards.DlVlan) && match.DlVlan == FlowMatch.VlanNone;
        const FlowWildcards tag = FlowWildcards.DlVlan | FlowWildcards.DlVlanPcp;
        bool saysTagged = (match.Wildcards & tag) != tag;
        return saysTagged && !saysUntagged ? EthernetLength + TagLength : EthernetLength;
    }

    private static bool Has(FlowWildcards open, FlowWildcards field) => (open & field) != 0;
}
