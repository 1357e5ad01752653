using System.Buffers.Binary;
using System.Text;
using Softswitch.Datapath.Headers;

namespace Softswitch.OfAgent.Text;

/// <summary>Writes a packet's headers in one line, in the words of ovs-ofctl 3.1, for people who watch packet-ins.</summary>
/// <remarks>This is for reading; what a flow table makes of a packet is the datapath's parser's to say.</remarks>
internal static class PacketText
{
    private const int EthernetHeader = 14;
    private const int VlanTag = 4;
    private const ushort FragmentOffsetMask = 0x1fff;
    private const ushort MoreFragments = 0x2000;

    private static readonly string[] TcpFlagNames = ["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"];

    /// <summary>One line with its end; nothing for less than an Ethernet header.</summary>
    public static void Append(StringBuilder text, ReadOnlySpan<byte> packet)
    {
        if (packet.Length < EthernetHeader)
        {
            return;
        }
        ushort dlType = BinaryPrimitives.ReadUInt16BigEndian(packet[12..]);
        ReadOnlySpan<byte> payload = packet[EthernetHeader..];
        string vlan = "vlan_tci=0x0000,";
        if (dlType == EtherType.Vlan && payload.Length >= VlanTag)
        {
            ushort tci = BinaryPrimitives.ReadUInt16BigEndian(payload);
            dlType = BinaryPrimitives.ReadUInt16BigEndian(payload[2..]);
            payload = payload[VlanTag..];
            vlan = $"dl_vlan={tci & 0xfff},dl_vlan_pcp={tci >> 13},vlan_tci1=0x0000,";
        }
        dlType = dlType < EtherType.FirstType ? EtherType.NotEthernetII : dlType;
        bool isIp = dlType == EtherType.Ipv4 && payload.Length >= 20 && payload[0] >> 4 == 4;
        string? word = MatchText.ProtocolWord(dlType, isIp ? payload[9] : null);
        text.Append(word is null ? "" : word + ",");
        text.Append(vlan).Append($"dl_src={new MacAddress(packet[6..])},dl_dst={new MacAddress(packet)}");
        text.Append(word is null ? $",dl_type=0x{dlType:x4}" : "");
        if (isIp)
        {
            AppendIpv4(text, payload, word is "ip");
        }
        else if (dlType is EtherType.Arp or EtherType.Rarp && payload.Length >= 28)
        {
            AppendArp(text, payload);
        }
        text.Append('\n');
    }

    private static void AppendArp(StringBuilder text, ReadOnlySpan<byte> arp)
    {
        text.Append($",arp_spa={Address(arp[14..])},arp_tpa={Address(arp[24..])},arp_op={BinaryPrimitives.ReadUInt16BigEndian(arp[6..])}");
        text.Append($",arp_sha={new MacAddress(arp[8..])},arp_tha={new MacAddress(arp[18..])}");
    }

    private static void AppendIpv4(StringBuilder text, ReadOnlySpan<byte> ip, bool needsProtocol)
    {
        ushort fragment = BinaryPrimitives.ReadUInt16BigEndian(ip[6..]);
        string kind = (fragment & FragmentOffsetMask) != 0 ? "later" : (fragment & MoreFragments) != 0 ? "first" : "no";
        text.Append($",nw_src={Address(ip[12..])},nw_dst={Address(ip[16..])}");
        text.Append(needsProtocol ? $",nw_proto={ip[9]}" : "");
        text.Append($",nw_tos={ip[1] & 0xfc},nw_ecn={ip[1] & 3},nw_ttl={ip[8]},nw_frag={kind}");
        int headerLength = (ip[0] & 0xf) * 4;
        if (headerLength < 20)
        {
            text.Append($" (damaged: an IPv4 header of {headerLength} bytes, IHL {ip[0] & 0xf}; flow entries see dl_type alone)");
            return;
        }
        if (kind == "later" || ip.Length < headerLength)
        {
            return;
        }
        AppendTransport(text, ip[9], ip[headerLength..]);
    }

    private static void AppendTransport(StringBuilder text, byte protocol, ReadOnlySpan<byte> segment)
    {
        if (protocol == IpProtocol.Icmp && segment.Length >= 8)
        {
            text.Append($",icmp_type={segment[0]},icmp_code={segment[1]} icmp_csum:{BinaryPrimitives.ReadUInt16BigEndian(segment[2..]):x}");
        }
        else if (protocol is IpProtocol.Tcp && segment.Length >= 20)
        {
            AppendPorts(text, segment);
            AppendTcpFlags(text, segment[13]);
            text.Append($" tcp_csum:{BinaryPrimitives.ReadUInt16BigEndian(segment[16..]):x}");
        }
        else if (protocol is IpProtocol.Udp && segment.Length >= 8)
        {
            AppendPorts(text, segment);
            text.Append($" udp_csum:{BinaryPrimitives.ReadUInt16BigEndian(segment[6..]):x}");
        }
    }

    private static void AppendPorts(StringBuilder text, ReadOnlySpan<byte> segment) =>
        text.Append($",tp_src={BinaryPrimitives.ReadUInt16BigEndian(segment)},tp_dst={BinaryPrimitives.ReadUInt16BigEndian(segment[2..])}");

    private static void AppendTcpFlags(StringBuilder text, byte flags)
    {
        text.Append(",tcp_flags=").Append(flags == 0 ? "0" : "");
        string separator = "";
        for (int i = 0; i < TcpFlagNames.Length; i++)
        {
            if ((flags & (1 << i)) != 0)
            {
                text.Append(separator).Append(TcpFlagNames[i]);
                separator = "|";
            }
        }
    }

    private static string Address(ReadOnlySpan<byte> bytes) => TextNumber.FormatAddress(BinaryPrimitives.ReadUInt32BigEndian(bytes));
}
