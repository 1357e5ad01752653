using System.Text;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;

namespace Softswitch.OfAgent.Text;

/// <summary>Writes matches in the words of ovs-ofctl 3.1: <c>priority=5,tcp,in_port=1,nw_dst=10.0.0.0/8,tp_dst=80</c>.</summary>
/// <remarks>A match is written as it stands, with fields whose prerequisite is missing; nothing is normalised here.</remarks>
internal static class MatchText
{
    private const ushort VlanIdMask = 0xfff;

    /// <param name="priority">Written unless it is the default, 32768.</param>
    /// <returns>Whether anything was written: a match for every packet has no words.</returns>
    public static bool Append(StringBuilder text, in FlowMatch match, ushort priority = ParsedFlow.DefaultPriority)
    {
        int start = text.Length;
        if (priority != ParsedFlow.DefaultPriority)
        {
            text.Append($"priority={priority},");
        }
        FlowWildcards given = ~match.Wildcards;
        AppendProtocol(text, match, given, out bool needsType, out bool needsProtocol);
        if (given.HasFlag(FlowWildcards.InPort))
        {
            text.Append($"in_port={PortNames.Format(match.InPort)},");
        }
        AppendVlan(text, match, given);
        if (given.HasFlag(FlowWildcards.DlSrc))
        {
            text.Append($"dl_src={match.DlSrc},");
        }
        if (given.HasFlag(FlowWildcards.DlDst))
        {
            text.Append($"dl_dst={match.DlDst},");
        }
        if (needsType)
        {
            text.Append($"dl_type=0x{match.DlType:x4},");
        }
        AppendNetwork(text, match, given, needsProtocol);
        AppendTransport(text, match, given);
        if (text.Length == start)
        {
            return false;
        }
        text.Length--;
        return true;
    }

    /// <summary>The word for a type and protocol, if there is one.</summary>
    internal static string? ProtocolWord(ushort dlType, byte? nwProto) => (dlType, nwProto) switch
    {
        (EtherType.Ipv4, IpProtocol.Icmp) => "icmp",
        (EtherType.Ipv4, IpProtocol.Tcp) => "tcp",
        (EtherType.Ipv4, IpProtocol.Udp) => "udp",
        (EtherType.Ipv4, IpProtocol.Sctp) => "sctp",
        (EtherType.Ipv6, IpProtocol.IcmpV6) => "icmp6",
        (EtherType.Ipv6, IpProtocol.Tcp) => "tcp6",
        (EtherType.Ipv6, IpProtocol.Udp) => "udp6",
        (EtherType.Ipv6, IpProtocol.Sctp) => "sctp6",
        (EtherType.Ipv4, _) => "ip",
        (EtherType.Ipv6, _) => "ipv6",
        (EtherType.Arp, _) => "arp",
        (EtherType.Rarp, _) => "rarp",
        (0x8847, _) => "mpls",
        (0x8848, _) => "mplsm",
        _ => null,
    };

    private static void AppendProtocol(StringBuilder text, in FlowMatch match, FlowWildcards given, out bool needsType, out bool needsProtocol)
    {
        needsType = given.HasFlag(FlowWildcards.DlType);
        needsProtocol = given.HasFlag(FlowWildcards.NwProto);
        if (!needsType || ProtocolWord(match.DlType, needsProtocol ? match.NwProto : null) is not { } word)
        {
            return;
        }
        text.Append(word).Append(',');
        needsType = false;
        needsProtocol = needsProtocol && word is not ("icmp" or "tcp" or "udp" or "sctp" or "icmp6" or "tcp6" or "udp6" or "sctp6");
    }

    private static void AppendVlan(StringBuilder text, in FlowMatch match, FlowWildcards given)
    {
        if (given.HasFlag(FlowWildcards.DlVlan) && match.DlVlan == FlowMatch.VlanNone)
        {
            text.Append("vlan_tci=0x0000,");
            return;
        }
        if (given.HasFlag(FlowWildcards.DlVlan))
        {
            text.Append($"dl_vlan={match.DlVlan & VlanIdMask},");
        }
        if (given.HasFlag(FlowWildcards.DlVlanPcp))
        {
            text.Append($"dl_vlan_pcp={match.DlVlanPcp & 7},");
        }
    }

    private static void AppendNetwork(StringBuilder text, in FlowMatch match, FlowWildcards given, bool needsProtocol)
    {
        bool isArp = given.HasFlag(FlowWildcards.DlType) && match.DlType is EtherType.Arp or EtherType.Rarp;
        AppendPrefix(text, isArp ? "arp_spa" : "nw_src", match.NwSrc, match.NwSrcWildBits);
        AppendPrefix(text, isArp ? "arp_tpa" : "nw_dst", match.NwDst, match.NwDstWildBits);
        if (needsProtocol)
        {
            text.Append($"{(isArp ? "arp_op" : "nw_proto")}={match.NwProto},");
        }
        if (given.HasFlag(FlowWildcards.NwTos))
        {
            text.Append($"nw_tos={match.NwTos & 0xfc},");
        }
    }

    private static void AppendPrefix(StringBuilder text, string name, uint address, int openBits)
    {
        if (openBits == 32)
        {
            return;
        }
        text.Append(name).Append('=').Append(TextNumber.FormatAddress(address & (uint.MaxValue << openBits)));
        if (openBits > 0)
        {
            text.Append('/').Append(32 - openBits);
        }
        text.Append(',');
    }

    private static void AppendTransport(StringBuilder text, in FlowMatch match, FlowWildcards given)
    {
        bool isIcmp = (given & (FlowWildcards.DlType | FlowWildcards.NwProto)) == (FlowWildcards.DlType | FlowWildcards.NwProto)
            && match is { DlType: EtherType.Ipv4, NwProto: IpProtocol.Icmp } or { DlType: EtherType.Ipv6, NwProto: IpProtocol.IcmpV6 };
        if (given.HasFlag(FlowWildcards.TpSrc))
        {
            text.Append($"{(isIcmp && match.TpSrc <= byte.MaxValue ? "icmp_type" : "tp_src")}={match.TpSrc},");
        }
        if (given.HasFlag(FlowWildcards.TpDst))
        {
            text.Append($"{(isIcmp && match.TpDst <= byte.MaxValue ? "icmp_code" : "tp_dst")}={match.TpDst},");
        }
    }
}
