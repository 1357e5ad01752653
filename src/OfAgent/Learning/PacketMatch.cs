using System.Buffers.Binary;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;

namespace Softswitch.OfAgent.Learning;

/// <summary>The match for exactly the packets like one that came in (OpenFlow 1.0.0 §3.4).</summary>
internal static class PacketMatch
{
    private const int EthernetHeader = 14;
    private const int VlanTag = 4;
    private const int ArpPacket = 28;
    private const int Ipv4Header = 20;
    private const int SnapHeader = 8;
    private const ushort FragmentMask = 0x3fff; // more-fragments bit and offset

    /// <param name="packet">As much of it as the switch sent.</param>
    /// <returns>False for less than an Ethernet header.</returns>
    public static bool TryCreate(ReadOnlySpan<byte> packet, ushort inPort, out FlowMatch match)
    {
        match = default;
        if (packet.Length < EthernetHeader)
        {
            return false;
        }
        match.InPort = inPort;
        match.DlDst = new MacAddress(packet);
        match.DlSrc = new MacAddress(packet[6..]);
        match.DlVlan = FlowMatch.VlanNone;
        ushort type = BinaryPrimitives.ReadUInt16BigEndian(packet[12..]);
        ReadOnlySpan<byte> payload = packet[EthernetHeader..];
        if (type == EtherType.Vlan && payload.Length >= VlanTag)
        {
            ushort tag = BinaryPrimitives.ReadUInt16BigEndian(payload);
            match.DlVlan = (ushort)(tag & 0xfff);
            match.DlVlanPcp = (byte)(tag >> 13);
            type = BinaryPrimitives.ReadUInt16BigEndian(payload[2..]);
            payload = payload[VlanTag..];
        }
        match.DlType = type < EtherType.FirstType ? ReadSnap(ref payload) : type;
        if (match.DlType == EtherType.Ipv4)
        {
            ReadIpv4(payload, ref match);
        }
        else if (match.DlType == EtherType.Arp)
        {
            ReadArp(payload, ref match);
        }
        return true;
    }

    /// <summary>The type behind an 802.3 length: that of SNAP with OUI 0, else "not Ethernet II" (§3.4, figure 4).</summary>
    private static ushort ReadSnap(ref ReadOnlySpan<byte> payload)
    {
        if (payload.Length < SnapHeader || !payload.StartsWith((ReadOnlySpan<byte>)[0xaa, 0xaa, 0x03, 0, 0, 0]))
        {
            return EtherType.NotEthernetII;
        }
        ushort type = BinaryPrimitives.ReadUInt16BigEndian(payload[6..]);
        payload = payload[SnapHeader..];
        return type;
    }

    private static void ReadArp(ReadOnlySpan<byte> arp, ref FlowMatch match)
    {
        if (arp.Length < ArpPacket || BinaryPrimitives.ReadUInt16BigEndian(arp[6..]) > byte.MaxValue)
        {
            LeaveOpen(ref match, FlowWildcards.NwProto | FlowWildcards.NwSrcAll | FlowWildcards.NwDstAll);
            return;
        }
        match.NwProto = arp[7];
        match.NwSrc = BinaryPrimitives.ReadUInt32BigEndian(arp[14..]);
        match.NwDst = BinaryPrimitives.ReadUInt32BigEndian(arp[24..]);
    }

    private static void ReadIpv4(ReadOnlySpan<byte> ip, ref FlowMatch match)
    {
        if (ip.Length < Ipv4Header)
        {
            LeaveOpen(ref match, FlowWildcards.NwProto | FlowWildcards.NwTos | FlowWildcards.NwSrcAll | FlowWildcards.NwDstAll
                | FlowWildcards.TpSrc | FlowWildcards.TpDst);
            return;
        }
        match.NwTos = (byte)(ip[1] & 0xfc);
        match.NwProto = ip[9];
        match.NwSrc = BinaryPrimitives.ReadUInt32BigEndian(ip[12..]);
        match.NwDst = BinaryPrimitives.ReadUInt32BigEndian(ip[16..]);
        if (match.NwProto is not (IpProtocol.Tcp or IpProtocol.Udp or IpProtocol.Icmp))
        {
            return;
        }
        int headerLength = (ip[0] & 0xf) * 4;
        bool isFragment = (BinaryPrimitives.ReadUInt16BigEndian(ip[6..]) & FragmentMask) != 0;
        if (isFragment || headerLength < Ipv4Header || ip.Length < headerLength + 4)
        {
            // Switches differ on the ports of first fragments: left open, the match fits on each of them.
            LeaveOpen(ref match, FlowWildcards.TpSrc | FlowWildcards.TpDst);
            return;
        }
        ReadOnlySpan<byte> segment = ip[headerLength..];
        bool isIcmp = match.NwProto == IpProtocol.Icmp;
        match.TpSrc = isIcmp ? segment[0] : BinaryPrimitives.ReadUInt16BigEndian(segment);
        match.TpDst = isIcmp ? segment[1] : BinaryPrimitives.ReadUInt16BigEndian(segment[2..]);
    }

    private static void LeaveOpen(ref FlowMatch match, FlowWildcards fields) => match.Wildcards |= fields;
}
