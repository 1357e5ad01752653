using System.Globalization;
using System.Text;
using Softswitch.Datapath.Classification;
using Softswitch.Datapath.Headers;

namespace Softswitch.OfAgent.Wire;

/// <summary>Matches as text, in the words of <c>ovs-ofctl</c>: <c>priority=7,tcp,in_port=1,nw_src=10.1.2.0/24,tp_dst=80</c>.</summary>
/// <remarks>A field whose prerequisite is open is shown too, since it was sent; Open vSwitch leaves it out.</remarks>
public static class MatchPrinter
{
    /// <summary>Priority of a flow-mod that names none: it is not shown.</summary>
    public const ushort DefaultPriority = 0x8000;

    /// <summary>Adds priority and match; nothing at all for the default priority and every packet.</summary>
    public static void Append(StringBuilder text, in FlowMatch match, ushort priority = DefaultPriority)
    {
        int start = text.Length;
        if (priority != DefaultPriority)
        {
            text.Append($"priority={priority},");
        }
        string? keyword = Keyword(match, out bool protocolIsNamed);
        text.Append(keyword is null ? "" : $"{keyword},");
        AppendLink(text, match, typeIsNamed: keyword is not null);
        AppendNetwork(text, match, protocolIsNamed);
        if (text.Length > start)
        {
            text.Length--; // the last comma
        }
    }

    /// <summary>A duration as ovs-ofctl writes it: 3.500s, 100s.</summary>
    public static string Seconds(TimeSpan duration)
    {
        long milliseconds = (long)duration.TotalMilliseconds;
        return milliseconds % 1000 == 0
            ? $"{milliseconds / 1000}s"
            : string.Create(CultureInfo.InvariantCulture, $"{milliseconds / 1000}.{milliseconds % 1000:000}s");
    }

    private static bool Has(in FlowMatch match, FlowWildcards field) => (match.Wildcards & field) == 0;

    private static string? Keyword(in FlowMatch match, out bool protocolIsNamed)
    {
        protocolIsNamed = false;
        if (!Has(match, FlowWildcards.DlType))
        {
            return null;
        }
        if (match.DlType == EtherType.Ipv4 && Has(match, FlowWildcards.NwProto))
        {
            protocolIsNamed = match.NwProto is IpProtocol.Icmp or IpProtocol.Tcp or IpProtocol.Udp;
        }
        return match.DlType switch
        {
            EtherType.Arp => "arp",
            EtherType.Rarp => "rarp",
            EtherType.Ipv4 when !protocolIsNamed => "ip",
            EtherType.Ipv4 => match.NwProto switch { IpProtocol.Icmp => "icmp", IpProtocol.Tcp => "tcp", _ => "udp" },
            _ => null,
        };
    }

    private static void AppendLink(StringBuilder text, in FlowMatch match, bool typeIsNamed)
    {
        if (Has(match, FlowWildcards.InPort))
        {
            text.Append($"in_port={ActionPrinter.PortName(match.InPort)},");
        }
        bool untagged = Has(match, FlowWildcards.DlVlan) && match.DlVlan == FlowMatch.VlanNone;
        if (Has(match, FlowWildcards.DlVlan))
        {
            text.Append(untagged ? "vlan_tci=0x0000," : $"dl_vlan={match.DlVlan},");
        }
        if (Has(match, FlowWildcards.DlVlanPcp) && !untagged)
        {
            text.Append($"dl_vlan_pcp={match.DlVlanPcp},");
        }
        if (Has(match, FlowWildcards.DlSrc))
        {
            text.Append($"dl_src={match.DlSrc},");
        }
        if (Has(match, FlowWildcards.DlDst))
        {
            text.Append($"dl_dst={match.DlDst},");
        }
        if (Has(match, FlowWildcards.DlType) && !typeIsNamed)
        {
            text.Append($"dl_type=0x{match.DlType:x4},");
        }
    }

    private static void AppendNetwork(StringBuilder text, in FlowMatch match, bool protocolIsNamed)
    {
        bool isArp = Has(match, FlowWildcards.DlType) && match.DlType is EtherType.Arp or EtherType.Rarp;
        bool isIcmp = protocolIsNamed && match.NwProto == IpProtocol.Icmp;
        AppendAddress(text, isArp ? "arp_spa" : "nw_src", match.NwSrc, match.NwSrcWildBits);
        AppendAddress(text, isArp ? "arp_tpa" : "nw_dst", match.NwDst, match.NwDstWildBits);
        if (Has(match, FlowWildcards.NwProto) && !protocolIsNamed)
        {
            text.Append($"{(isArp ? "arp_op" : "nw_proto")}={match.NwProto},");
        }
        if (Has(match, FlowWildcards.NwTos) && !isArp)
        {
            text.Append($"nw_tos={match.NwTos & 0xfc},");
        }
        if (Has(match, FlowWildcards.TpSrc) && !isArp)
        {
            text.Append($"{(isIcmp ? "icmp_type" : "tp_src")}={match.TpSrc},");
        }
        if (Has(match, FlowWildcards.TpDst) && !isArp)
        {
            text.Append($"{(isIcmp ? "icmp_code" : "tp_dst")}={match.TpDst},");
        }
    }

    private static void AppendAddress(StringBuilder text, string name, uint address, int wildBits)
    {
        if (wildBits < 32)
        {
            text.Append($"{name}={ActionPrinter.Address(address)}{(wildBits == 0 ? "" : $"/{32 - wildBits}")},");
        }
    }
}
