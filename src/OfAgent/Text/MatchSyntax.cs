using System.Numerics;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;

namespace Softswitch.OfAgent.Text;

/// <summary>Reads the match fields of a flow's text.</summary>
internal static class MatchSyntax
{
    private const ushort MaxVlanId = 0xfff;
    private const ushort TagPresent = 0x1000;
    private const byte DscpMask = 0xfc;

    /// <summary>Everything open, address wildcards as 32 bits each.</summary>
    public static FlowMatch Any
    {
        get
        {
            FlowMatch match = FlowMatch.Any;
            match.SetNwWildBits(32, 32);
            return match;
        }
    }

    /// <summary>A protocol's word: <c>tcp</c> is dl_type=0x0800,nw_proto=6.</summary>
    public static bool TrySetProtocol(ReadOnlySpan<char> word, ref FlowMatch match)
    {
        (ushort dlType, byte nwProto) = word switch
        {
            "ip" => (EtherType.Ipv4, (byte)0),
            "icmp" => (EtherType.Ipv4, IpProtocol.Icmp),
            "tcp" => (EtherType.Ipv4, IpProtocol.Tcp),
            "udp" => (EtherType.Ipv4, IpProtocol.Udp),
            "sctp" => (EtherType.Ipv4, IpProtocol.Sctp),
            "arp" => (EtherType.Arp, (byte)0),
            "rarp" => (EtherType.Rarp, (byte)0),
            "ipv6" => (EtherType.Ipv6, (byte)0),
            "mpls" => ((ushort)0x8847, (byte)0),
            "mplsm" => ((ushort)0x8848, (byte)0),
            _ => ((ushort)0, (byte)0),
        };
        if (dlType == 0)
        {
            return false;
        }
        match.DlType = dlType;
        match.Wildcards &= ~FlowWildcards.DlType;
        if (nwProto != 0)
        {
            match.NwProto = nwProto;
            match.Wildcards &= ~FlowWildcards.NwProto;
        }
        return true;
    }

    /// <summary>Sets the field <paramref name="key"/>.</summary>
    /// <param name="error">Null if it is set or unknown.</param>
    /// <returns>False if there is no such field in OpenFlow 1.0.</returns>
    public static bool TrySetField(ReadOnlySpan<char> key, ReadOnlySpan<char> value, PortNames ports, ref FlowMatch match, out string? error)
    {
        error = null;
        switch (key)
        {
            case "in_port":
                SetInPort(value, ports, ref match, ref error);
                return true;
            case "dl_src" or "eth_src":
                SetMac(key, value, FlowWildcards.DlSrc, ref match.Wildcards, ref match.DlSrc, ref error);
                return true;
            case "dl_dst" or "eth_dst":
                SetMac(key, value, FlowWildcards.DlDst, ref match.Wildcards, ref match.DlDst, ref error);
                return true;
            case "dl_vlan" or "vlan_vid":
                SetVlan(key, value, ref match, ref error);
                return true;
            case "vlan_tci":
                SetVlanTci(value, ref match, ref error);
                return true;
            case "nw_src" or "ip_src" or "arp_spa":
                SetNetwork(key, value, isSource: true, ref match, ref error);
                return true;
            case "nw_dst" or "ip_dst" or "arp_tpa":
                SetNetwork(key, value, isSource: false, ref match, ref error);
                return true;
            default:
                return TrySetNumber(key, value, ref match, ref error);
        }
    }

    /// <summary>Opens the fields whose prerequisite is missing, as ovs-ofctl does before it sends a match (§3.4: such fields are not looked at).</summary>
    /// <remarks>
    /// No tag is all there is to say of a tag, so dl_vlan_pcp counts as given then. A match that gives every field stays as it is, as with ovs-ofctl: it makes an
    /// exact entry (§3.4), whether its frames have those fields or not.
    /// </remarks>
    public static void Normalise(ref FlowMatch match, List<string> warnings)
    {
        if (match.DlVlan == FlowMatch.VlanNone && !match.Wildcards.HasFlag(FlowWildcards.DlVlan))
        {
            if (match.DlVlanPcp != 0)
            {
                warnings.Add("dl_vlan_pcp is ignored: it can be matched with a VLAN tag only");
            }
            match.Wildcards &= ~FlowWildcards.DlVlanPcp;
            match.DlVlanPcp = 0;
        }
        if ((match.Wildcards & FlowWildcards.All) == FlowWildcards.None)
        {
            return;
        }
        ushort dlType = match.Wildcards.HasFlag(FlowWildcards.DlType) ? (ushort)0 : match.DlType;
        byte nwProto = match.Wildcards.HasFlag(FlowWildcards.NwProto) ? (byte)0 : match.NwProto;
        bool isIp = dlType == EtherType.Ipv4;
        bool isArp = dlType is EtherType.Arp or EtherType.Rarp;
        bool hasPorts = isIp && nwProto is IpProtocol.Icmp or IpProtocol.Tcp or IpProtocol.Udp or IpProtocol.Sctp;
        if (!hasPorts)
        {
            Open(ref match, FlowWildcards.TpSrc, ref match.TpSrc, "tp_src", "tcp, udp or icmp", warnings);
            Open(ref match, FlowWildcards.TpDst, ref match.TpDst, "tp_dst", "tcp, udp or icmp", warnings);
        }
        if (!isIp)
        {
            Open(ref match, FlowWildcards.NwTos, ref match.NwTos, "nw_tos", "ip", warnings);
        }
        if (!isIp && !isArp)
        {
            Open(ref match, FlowWildcards.NwProto, ref match.NwProto, "nw_proto", "ip or arp", warnings);
            OpenNetwork(ref match, isSource: true, warnings);
            OpenNetwork(ref match, isSource: false, warnings);
        }
    }

    /// <summary>Sets fields that are open to zero, address bits outside the prefix too, and wildcard bits that mean the same to the same.</summary>
    public static void ClearOpenFields(ref FlowMatch match)
    {
        FlowWildcards open = match.Wildcards;
        FlowMatch cleared = default;
        cleared.Wildcards = open & FlowWildcards.All;
        cleared.SetNwWildBits(match.NwSrcWildBits, match.NwDstWildBits);
        cleared.InPort = open.HasFlag(FlowWildcards.InPort) ? default : match.InPort;
        cleared.DlSrc = open.HasFlag(FlowWildcards.DlSrc) ? default : match.DlSrc;
        cleared.DlDst = open.HasFlag(FlowWildcards.DlDst) ? default : match.DlDst;
        cleared.DlVlan = open.HasFlag(FlowWildcards.DlVlan) ? default : match.DlVlan;
        cleared.DlVlanPcp = open.HasFlag(FlowWildcards.DlVlanPcp) ? default : match.DlVlanPcp;
        cleared.DlType = open.HasFlag(FlowWildcards.DlType) ? default : match.DlType;
        cleared.NwTos = open.HasFlag(FlowWildcards.NwTos) ? default : (byte)(match.NwTos & DscpMask);
        cleared.NwProto = open.HasFlag(FlowWildcards.NwProto) ? default : match.NwProto;
        cleared.NwSrc = match.NwSrcWildBits == 32 ? 0 : match.NwSrc & (uint.MaxValue << match.NwSrcWildBits);
        cleared.NwDst = match.NwDstWildBits == 32 ? 0 : match.NwDst & (uint.MaxValue << match.NwDstWildBits);
        cleared.TpSrc = open.HasFlag(FlowWildcards.TpSrc) ? default : match.TpSrc;
        cleared.TpDst = open.HasFlag(FlowWildcards.TpDst) ? default : match.TpDst;
        match = cleared;
    }

    private static bool TrySetNumber(ReadOnlySpan<char> key, ReadOnlySpan<char> value, ref FlowMatch match, ref string? error)
    {
        switch (key)
        {
            case "dl_type" or "eth_type":
                SetNumber(key, value, ushort.MaxValue, FlowWildcards.DlType, ref match.Wildcards, ref match.DlType, ref error);
                return true;
            case "dl_vlan_pcp" or "vlan_pcp":
                SetNumber(key, value, 7, FlowWildcards.DlVlanPcp, ref match.Wildcards, ref match.DlVlanPcp, ref error);
                return true;
            case "nw_tos":
                SetNumber(key, value, byte.MaxValue, FlowWildcards.NwTos, ref match.Wildcards, ref match.NwTos, ref error);
                match.NwTos &= DscpMask;
                return true;
            case "ip_dscp" or "nw_dscp":
                SetNumber(key, value, 63, FlowWildcards.NwTos, ref match.Wildcards, ref match.NwTos, ref error);
                match.NwTos <<= 2;
                return true;
            case "nw_proto" or "ip_proto" or "arp_op":
                SetNumber(key, value, byte.MaxValue, FlowWildcards.NwProto, ref match.Wildcards, ref match.NwProto, ref error);
                return true;
            case "tp_src" or "tcp_src" or "udp_src" or "sctp_src":
                SetNumber(key, value, ushort.MaxValue, FlowWildcards.TpSrc, ref match.Wildcards, ref match.TpSrc, ref error);
                return true;
            case "tp_dst" or "tcp_dst" or "udp_dst" or "sctp_dst":
                SetNumber(key, value, ushort.MaxValue, FlowWildcards.TpDst, ref match.Wildcards, ref match.TpDst, ref error);
                return true;
            case "icmp_type" or "icmpv4_type":
                SetNumber(key, value, byte.MaxValue, FlowWildcards.TpSrc, ref match.Wildcards, ref match.TpSrc, ref error);
                return true;
            case "icmp_code" or "icmpv4_code":
                SetNumber(key, value, byte.MaxValue, FlowWildcards.TpDst, ref match.Wildcards, ref match.TpDst, ref error);
                return true;
            default:
                return false;
        }
    }

    private static void SetNumber<T>(
        ReadOnlySpan<char> key, ReadOnlySpan<char> value, ulong max, FlowWildcards bit, ref FlowWildcards wildcards, ref T field, ref string? error)
        where T : struct, INumberBase<T>
    {
        if (value is "*")
        {
            wildcards |= bit;
            field = T.Zero;
            return;
        }
        string reason = "cannot be matched with a mask in OpenFlow 1.0";
        if (value.Contains('/') || !TextNumber.TryParse(value, max, out ulong number, out reason))
        {
            error = $"{key}: '{value}' {reason}";
            return;
        }
        wildcards &= ~bit;
        field = T.CreateTruncating(number);
    }

    private static void SetInPort(ReadOnlySpan<char> value, PortNames ports, ref FlowMatch match, ref string? error)
    {
        if (value is "*")
        {
            match.Wildcards |= FlowWildcards.InPort;
            match.InPort = 0;
        }
        else if (ports.TryParse(value, out match.InPort))
        {
            match.Wildcards &= ~FlowWildcards.InPort;
        }
        else
        {
            error = $"in_port: '{value}' is neither a port number nor the name of a port";
        }
    }

    private static void SetMac(
        ReadOnlySpan<char> key, ReadOnlySpan<char> value, FlowWildcards bit, ref FlowWildcards wildcards, ref MacAddress field, ref string? error)
    {
        if (value is "*")
        {
            wildcards |= bit;
            field = default;
        }
        else if (value.Contains('/'))
        {
            error = $"{key}: '{value}' cannot be matched with a mask in OpenFlow 1.0";
        }
        else if (TextNumber.TryParseMac(value, out field))
        {
            wildcards &= ~bit;
        }
        else
        {
            error = $"{key}: '{value}' is not an Ethernet address (six hexadecimal bytes, aa:bb:cc:dd:ee:ff)";
        }
    }

    private static void SetVlan(ReadOnlySpan<char> key, ReadOnlySpan<char> value, ref FlowMatch match, ref string? error)
    {
        SetNumber(key, value, ushort.MaxValue, FlowWildcards.DlVlan, ref match.Wildcards, ref match.DlVlan, ref error);
        if (error is null && match.DlVlan is > MaxVlanId and not FlowMatch.VlanNone)
        {
            error = $"{key}: '{value}' is not a VLAN id (0 to 4095, or 0xffff for frames without a tag)";
        }
    }

    /// <summary>ovs-ofctl writes a match for frames without a tag as vlan_tci=0x0000, so this word must be read as well.</summary>
    private static void SetVlanTci(ReadOnlySpan<char> value, ref FlowMatch match, ref string? error)
    {
        if (!TextNumber.TryParse(value, ushort.MaxValue, out ulong tci, out _) || (tci != 0 && (tci & TagPresent) == 0))
        {
            error = $"vlan_tci: '{value}' cannot be matched in OpenFlow 1.0 "
                + "(0x0000 for no tag, or a tag's value with bit 0x1000; better dl_vlan and dl_vlan_pcp)";
            return;
        }
        match.Wildcards &= ~FlowWildcards.DlVlan;
        match.DlVlan = tci == 0 ? FlowMatch.VlanNone : (ushort)(tci & MaxVlanId);
        match.DlVlanPcp = (byte)(tci >> 13);
        match.Wildcards &= ~FlowWildcards.DlVlanPcp;
    }

    private static void SetNetwork(ReadOnlySpan<char> key, ReadOnlySpan<char> value, bool isSource, ref FlowMatch match, ref string? error)
    {
        int openBits = 32;
        uint address = 0;
        if (value is not "*")
        {
            int slash = value.IndexOf('/');
            if (!TextNumber.TryParseAddress(slash < 0 ? value : value[..slash], out address))
            {
                error = $"{key}: '{value}' is not an IPv4 address";
                return;
            }
            openBits = 0;
            if (slash >= 0 && !TryParsePrefix(value[(slash + 1)..], out openBits, out string reason))
            {
                error = $"{key}: '{value}' {reason}";
                return;
            }
        }
        // §5.2.3: bits outside the prefix are not looked at; ovs-ofctl sends them as zeros.
        address = openBits == 32 ? 0 : address & (uint.MaxValue << openBits);
        match.SetNwWildBits(isSource ? openBits : match.NwSrcWildBits, isSource ? match.NwDstWildBits : openBits);
        (isSource ? ref match.NwSrc : ref match.NwDst) = address;
    }

    private static bool TryParsePrefix(ReadOnlySpan<char> text, out int openBits, out string reason)
    {
        reason = "";
        openBits = 0;
        if (TextNumber.TryParseAddress(text, out uint mask))
        {
            openBits = BitOperations.TrailingZeroCount(mask);
            reason = "has a netmask with holes; OpenFlow 1.0 matches prefixes only";
            return openBits == 32 || ~mask == (1u << openBits) - 1;
        }
        if (!TextNumber.TryParse(text, ulong.MaxValue, out ulong length, out _))
        {
            reason = "has neither a prefix length nor a netmask behind the slash";
            return false;
        }
        reason = "has a prefix longer than 32";
        openBits = length <= 32 ? 32 - (int)length : 0;
        return length <= 32;
    }

    private static void Open<T>(ref FlowMatch match, FlowWildcards bit, ref T field, string name, string needs, List<string> warnings)
        where T : struct
    {
        if (!match.Wildcards.HasFlag(bit))
        {
            match.Wildcards |= bit;
            field = default;
            warnings.Add($"{name} is ignored: it can be matched with {needs} only");
        }
    }

    private static void OpenNetwork(ref FlowMatch match, bool isSource, List<string> warnings)
    {
        if ((isSource ? match.NwSrcWildBits : match.NwDstWildBits) < 32)
        {
            match.SetNwWildBits(isSource ? 32 : match.NwSrcWildBits, isSource ? match.NwDstWildBits : 32);
            (isSource ? ref match.NwSrc : ref match.NwDst) = 0;
            warnings.Add($"{(isSource ? "nw_src" : "nw_dst")} is ignored: it can be matched with ip or arp only");
        }
    }
}
