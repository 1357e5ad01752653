using System.Numerics;
using Softswitch.Datapath.Headers;

namespace Softswitch.Datapath.Flows;

/// <summary>A controller's match to what the tables compare: key and mask.</summary>
/// <remarks>
/// A field whose prerequisite is open or different is ignored, in every command alike, as OpenFlow 1.0.1 words it and as the
/// reference switch and Open vSwitch behave: network fields need dl_type IPv4 or ARP, transport fields an nw_proto of TCP,
/// UDP or ICMP, dl_vlan_pcp a tag. Ignored fields are 0 in key and mask, which is what the parser gives packets without them.
/// Reports know a few prerequisites more, for packets that OpenFlow 1.0 has no fields of but Open vSwitch looks into: they show what
/// was given.
/// </remarks>
internal static class MatchNormalizer
{
    /// <summary>Which of the fields behind the Ethernet header apply to a type and protocol.</summary>
    [Flags]
    private enum UpperFields
    {
        None = 0,
        Addresses = 1 << 0,
        Protocol = 1 << 1,
        Tos = 1 << 2,
        Transport = 1 << 3,
    }

    /// <summary>Computes key and mask; the key is 0 wherever the mask is.</summary>
    /// <returns>True for an exact entry: one without wildcards (§3.4), whose mask compares every bit.</returns>
    public static bool Normalize(in FlowMatch match, out FlowKey key, out FlowKey mask)
    {
        Translate(match, ComparedOf(match), out key, out mask);
        if (key is { NwProto: IpProtocol.Icmp, DlType.Host: EtherType.Ipv4 })
        {
            // §3.4 table 3: ICMP type and code are 8 bits of the 16.
            key.TpSrc = Be16.FromHost((byte)key.TpSrc.Host);
            key.TpDst = Be16.FromHost((byte)key.TpDst.Host);
        }
        if ((match.Wildcards & FlowWildcards.All) != FlowWildcards.None)
        {
            return false;
        }
        mask = FlowKey.AllOnes;
        return true;
    }

    /// <summary>
    /// Whether the match gives fields that reports show and the tables do not compare, those of IPv6 for example: it meets more packets
    /// than it says.
    /// </summary>
    public static bool IsWidened(in FlowMatch match)
    {
        UpperFields hidden = ShownOf(match) & ~ComparedOf(match);
        return (Has(hidden, UpperFields.Addresses) && Math.Min(match.NwSrcWildBits, match.NwDstWildBits) < 32)
            || (Has(hidden, UpperFields.Protocol) && Has(match, FlowWildcards.NwProto))
            || (Has(hidden, UpperFields.Tos) && Has(match, FlowWildcards.NwTos))
            || (Has(hidden, UpperFields.Transport) && (Has(match, FlowWildcards.TpSrc) || Has(match, FlowWildcards.TpDst)));
    }

    /// <summary>The match as reports show it: what applies, each thing said in one way, so that it can be compared and sent back.</summary>
    /// <remarks>
    /// Wildcarded and ignored fields are 0, ignored ones wildcarded, addresses cut to their prefix: bit for bit what Open vSwitch reports. But
    /// an exact entry stays one, without wildcards, as in the reference switch: its rank hangs on that.
    /// </remarks>
    public static FlowMatch Report(in FlowMatch match)
    {
        bool exact = (match.Wildcards & FlowWildcards.All) == FlowWildcards.None;
        Translate(match, ShownOf(match), out FlowKey key, out FlowKey mask);
        FlowMatch report = new()
        {
            Wildcards = OpenIf(mask.InPort == 0, FlowWildcards.InPort)
                | OpenIf(mask.DlSrc == default, FlowWildcards.DlSrc)
                | OpenIf(mask.DlDst == default, FlowWildcards.DlDst)
                | OpenIf(mask.DlType == default, FlowWildcards.DlType)
                | OpenIf(mask.NwTos == 0, FlowWildcards.NwTos)
                | OpenIf(mask.NwProto == 0, FlowWildcards.NwProto)
                | OpenIf(mask.TpSrc == default, FlowWildcards.TpSrc)
                | OpenIf(mask.TpDst == default, FlowWildcards.TpDst),
            InPort = key.InPort,
            DlSrc = key.DlSrc,
            DlDst = key.DlDst,
            DlType = key.DlType.Host,
            NwTos = key.NwTos,
            NwProto = key.NwProto,
            NwSrc = key.NwSrc.Host,
            NwDst = key.NwDst.Host,
            TpSrc = key.TpSrc.Host,
            TpDst = key.TpDst.Host,
        };
        report.SetNwWildBits(BitOperations.TrailingZeroCount(mask.NwSrc.Host), BitOperations.TrailingZeroCount(mask.NwDst.Host));
        ReportVlan(key.Vlan.Host, mask.Vlan.Host, ref report);
        if (exact)
        {
            report.Wildcards = FlowWildcards.None;
        }
        else if (report.Wildcards == FlowWildcards.None)
        {
            report.Wildcards = FlowWildcards.DlVlanPcp; // of frames without a tag, which have none; else it would be taken for exact
        }
        return report;
    }

    /// <summary>What the tables compare.</summary>
    private static UpperFields ComparedOf(in FlowMatch match) => (TypeOf(match), ProtocolOf(match)) switch
    {
        (EtherType.Ipv4, IpProtocol.Tcp or IpProtocol.Udp or IpProtocol.Icmp) =>
            UpperFields.Addresses | UpperFields.Protocol | UpperFields.Tos | UpperFields.Transport,
        (EtherType.Ipv4, _) => UpperFields.Addresses | UpperFields.Protocol | UpperFields.Tos,
        (EtherType.Arp, _) => UpperFields.Addresses | UpperFields.Protocol,
        _ => UpperFields.None,
    };

    /// <summary>What reports show: the fields that Open vSwitch compares.</summary>
    private static UpperFields ShownOf(in FlowMatch match) => (TypeOf(match), ProtocolOf(match)) switch
    {
        (EtherType.Ipv4, IpProtocol.Sctp) => ComparedOf(match) | UpperFields.Transport,
        (EtherType.Ipv6, IpProtocol.Tcp or IpProtocol.Udp or IpProtocol.Sctp or IpProtocol.IcmpV6) =>
            UpperFields.Protocol | UpperFields.Tos | UpperFields.Transport,
        (EtherType.Ipv6, _) => UpperFields.Protocol | UpperFields.Tos,
        (EtherType.Rarp, _) => UpperFields.Addresses | UpperFields.Protocol,
        _ => ComparedOf(match),
    };

    /// <summary>dl_type, or 0, which no frame has, where it is open.</summary>
    private static ushort TypeOf(in FlowMatch match) => Has(match, FlowWildcards.DlType) ? match.DlType : (ushort)0;

    /// <summary>nw_proto, or 0, which decides nothing, where it is open.</summary>
    private static byte ProtocolOf(in FlowMatch match) => Has(match, FlowWildcards.NwProto) ? match.NwProto : (byte)0;

    private static void Translate(in FlowMatch match, UpperFields upper, out FlowKey key, out FlowKey mask)
    {
        mask = default;
        key = default;
        key.InPort = match.InPort;
        mask.InPort = Has(match, FlowWildcards.InPort) ? (ushort)0xffff : (ushort)0;
        key.DlSrc = match.DlSrc;
        mask.DlSrc = Has(match, FlowWildcards.DlSrc) ? MacAddress.Broadcast : default;
        key.DlDst = match.DlDst;
        mask.DlDst = Has(match, FlowWildcards.DlDst) ? MacAddress.Broadcast : default;
        key.DlType = Be16.FromHost(match.DlType);
        mask.DlType = Has(match, FlowWildcards.DlType) ? new Be16(0xffff) : default;
        TranslateVlan(match, ref key, ref mask);
        TranslateUpper(match, upper, ref key, ref mask);
        key = FlowKey.And(key, mask);
    }

    private static void ReportVlan(ushort vlan, ushort mask, ref FlowMatch report)
    {
        if ((mask & FlowKey.VlanPresent) != 0 && (vlan & FlowKey.VlanPresent) == 0)
        {
            report.DlVlan = FlowMatch.VlanNone;
            return;
        }
        report.Wildcards |= OpenIf((mask & 0x0fff) == 0, FlowWildcards.DlVlan) | OpenIf((mask & (7 << 13)) == 0, FlowWildcards.DlVlanPcp);
        report.DlVlan = (ushort)(vlan & 0x0fff);
        report.DlVlanPcp = (byte)(vlan >> 13);
    }

    private static FlowWildcards OpenIf(bool isOpen, FlowWildcards field) => isOpen ? field : FlowWildcards.None;

    private static void TranslateVlan(in FlowMatch match, ref FlowKey key, ref FlowKey mask)
    {
        bool matchId = Has(match, FlowWildcards.DlVlan);
        if (matchId && match.DlVlan == FlowMatch.VlanNone)
        {
            mask.Vlan = Be16.FromHost(0xffff); // no tag: all 16 bits are 0
            return;
        }
        ushort vlan = 0;
        ushort vlanMask = 0;
        if (matchId)
        {
            vlan = (ushort)((match.DlVlan & 0x0fff) | FlowKey.VlanPresent);
            vlanMask = 0x0fff | FlowKey.VlanPresent;
        }
        if (Has(match, FlowWildcards.DlVlanPcp))
        {
            vlan |= (ushort)(((match.DlVlanPcp & 7) << 13) | FlowKey.VlanPresent);
            vlanMask |= (7 << 13) | FlowKey.VlanPresent;
        }
        key.Vlan = Be16.FromHost(vlan);
        mask.Vlan = Be16.FromHost(vlanMask);
    }

    private static void TranslateUpper(in FlowMatch match, UpperFields upper, ref FlowKey key, ref FlowKey mask)
    {
        if (Has(upper, UpperFields.Addresses))
        {
            key.NwSrc = Be32.FromHost(match.NwSrc);
            mask.NwSrc = Be32.FromHost(PrefixMask(match.NwSrcWildBits));
            key.NwDst = Be32.FromHost(match.NwDst);
            mask.NwDst = Be32.FromHost(PrefixMask(match.NwDstWildBits));
        }
        if (Has(upper, UpperFields.Protocol))
        {
            key.NwProto = match.NwProto;
            mask.NwProto = Has(match, FlowWildcards.NwProto) ? (byte)0xff : (byte)0;
        }
        if (Has(upper, UpperFields.Tos))
        {
            key.NwTos = match.NwTos;
            mask.NwTos = Has(match, FlowWildcards.NwTos) ? (byte)0xfc : (byte)0;
        }
        if (Has(upper, UpperFields.Transport))
        {
            key.TpSrc = Be16.FromHost(match.TpSrc);
            mask.TpSrc = Has(match, FlowWildcards.TpSrc) ? new Be16(0xffff) : default;
            key.TpDst = Be16.FromHost(match.TpDst);
            mask.TpDst = Has(match, FlowWildcards.TpDst) ? new Be16(0xffff) : default;
        }
    }

    /// <summary>True if the match compares the field.</summary>
    private static bool Has(in FlowMatch match, FlowWildcards field) => (match.Wildcards & field) == 0;

    /// <summary>Enum.HasFlag would allocate where the JIT has not optimised yet.</summary>
    private static bool Has(UpperFields fields, UpperFields field) => (fields & field) != 0;

    private static uint PrefixMask(int wildBits) => wildBits >= 32 ? 0 : uint.MaxValue << wildBits;
}
