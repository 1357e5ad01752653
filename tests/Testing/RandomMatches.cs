using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;

namespace Softswitch.Testing;

/// <summary>Random matches and packets from few values, so that they meet often: the food of the differential tests.</summary>
internal sealed class RandomMatches(int seed)
{
    private static readonly ushort[] Types = [EtherType.Ipv4, EtherType.Ipv4, EtherType.Ipv4, EtherType.Arp, EtherType.Lldp, EtherType.Rarp];
    private static readonly byte[] Protocols = [IpProtocol.Tcp, IpProtocol.Udp, IpProtocol.Icmp, 89];

    private static readonly ushort[] MoreTypes =
        [EtherType.Ipv4, EtherType.Ipv6, EtherType.Arp, EtherType.Rarp, EtherType.Lldp, EtherType.NotEthernetII, 0x8847, 0];
    private static readonly byte[] MoreProtocols =
        [IpProtocol.Tcp, IpProtocol.Udp, IpProtocol.Icmp, IpProtocol.IcmpV6, IpProtocol.Sctp, IpProtocol.Gre, 2, 0];

    private readonly Random _random = new(seed);

    public Random Random => _random;

    public FlowMatch NextMatch()
    {
        FlowMatch match = new()
        {
            Wildcards = _random.Next(8) == 0 ? FlowWildcards.None : (FlowWildcards)_random.Next(1 << 22),
            InPort = (ushort)_random.Next(1, 4),
            DlSrc = NextMac(),
            DlDst = NextMac(),
            DlVlan = _random.Next(3) == 0 ? (ushort)_random.Next(1, 3) : FlowMatch.VlanNone,
            DlVlanPcp = (byte)_random.Next(2),
            DlType = Types[_random.Next(Types.Length)],
            NwTos = (byte)(_random.Next(2) << 2),
            NwProto = Protocols[_random.Next(Protocols.Length)],
            NwSrc = NextAddress(),
            NwDst = NextAddress(),
            TpSrc = (ushort)_random.Next(1, 4),
            TpDst = (ushort)_random.Next(1, 4),
        };
        if (_random.Next(2) == 0)
        {
            match.SetNwWildBits(_random.Next(5) * 8, _random.Next(5) * 8);
        }
        return match;
    }

    /// <summary>A match of any dl_type and nw_proto, ports and TOS of all their bits: for codecs and reports.</summary>
    public FlowMatch NextMatchOfAnyType() => NextMatch() with
    {
        DlType = MoreTypes[_random.Next(MoreTypes.Length)],
        NwProto = MoreProtocols[_random.Next(MoreProtocols.Length)],
        NwTos = (byte)_random.Next(256),
        TpSrc = (ushort)_random.Next(65536),
        TpDst = (ushort)_random.Next(65536),
    };

    /// <summary>A frame whose fields come from the same few values.</summary>
    public byte[] NextFrame()
    {
        ushort? vlan = _random.Next(3) == 0 ? (ushort)((_random.Next(2) << 13) | _random.Next(1, 3)) : null;
        ulong src = NextMac().Value;
        ulong dst = NextMac().Value;
        byte tos = (byte)(_random.Next(2) << 2);
        ushort fragment = _random.Next(8) == 0 ? (ushort)(_random.Next(2) == 0 ? 0x2000 : 0x0010) : (ushort)0;
        int options = _random.Next(6) == 0 ? 4 * _random.Next(1, 11) : 0;
        ushort from = (ushort)_random.Next(1, 4);
        ushort to = (ushort)_random.Next(1, 4);
        return _random.Next(6) switch
        {
            0 or 1 => TestPacket.Tcp(NextAddress(), NextAddress(), from, to, 20, vlan, tos, options, fragment, src, dst),
            2 => TestPacket.Udp(NextAddress(), NextAddress(), from, to, 20, vlan, tos, options, fragment, true, src, dst),
            3 => TestPacket.Icmp((byte)from, (byte)to, NextAddress(), NextAddress()),
            4 => TestPacket.Arp((ushort)_random.Next(1, 3), NextAddress(), NextAddress(), src, dst),
            _ => TestPacket.Ethernet(Types[_random.Next(Types.Length)], new byte[46], src, dst, vlan),
        };
    }

    private MacAddress NextMac() => new(0x0200_0000_0000UL | (uint)_random.Next(1, 4));

    private uint NextAddress() => 0x0a000000u | (uint)(_random.Next(2) << 16) | (uint)(_random.Next(2) << 8) | (uint)_random.Next(1, 4);
}
