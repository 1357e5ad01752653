using System.Buffers.Binary;
using System.Numerics;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;

namespace Softswitch.Testing;

/// <summary>How <see cref="NearMisses"/> draws.</summary>
/// <param name="Packets">Packets that matches are made after.</param>
/// <param name="Share">How likely a match compares a field.</param>
/// <param name="LeastPrefix">Bits of an address that a match compares.</param>
/// <param name="MostPrefix">At most 32.</param>
/// <param name="MostWrong">Fields in which a match is not like its packet; 0 for none ever.</param>
internal sealed record NearMissStyle(string Name, int Packets, double Share, int LeastPrefix, int MostPrefix, int MostWrong)
{
    public static IReadOnlyList<NearMissStyle> All { get; } =
    [
        new("prefixes", 6, 0.3, 1, 32, 2),
        new("subsets", 4, 0.5, 0, 32, 1),
        new("matching", 2, 0.5, 0, 32, 0),
        new("values", 300, 0.8, 8, 32, 2),
        new("wide", 12, 0.15, 0, 6, 1),
        new("hosts", 100, 0.4, 32, 32, 1),
    ];

    public override string ToString() => Name;
}

/// <summary>Matches of hundreds of masks that nearly match a few packets, and such packets: what searches by masks are attacked with.</summary>
internal sealed class NearMisses
{
    private const int Fields = 12;
    private const int Inputs = 3;
    private const uint Source = 0x0a5a_3cc3;
    private const uint Destination = 0xc0a5_96b4;

    private readonly NearMissStyle _style;
    private readonly FlowMatch[] _packets;

    public NearMisses(NearMissStyle style, int seed)
    {
        _style = style;
        Random = new Random(seed);
        _packets = [.. Enumerable.Range(0, style.Packets).Select(_ => NextPacket())];
    }

    public Random Random { get; }

    public FlowMatch NextMatch()
    {
        FlowMatch match = Mixed(_style.MostWrong);
        foreach (FlowWildcards field in Enum.GetValues<FlowWildcards>().Where(field => BitOperations.IsPow2((uint)field)))
        {
            match.Wildcards |= Random.NextDouble() < _style.Share ? FlowWildcards.None : field;
        }
        // Mostly what addresses and ports need, or hardly any would be compared (§3.4).
        match.Wildcards &= Random.Next(4) > 0 ? ~FlowWildcards.DlType : ~FlowWildcards.None;
        match.Wildcards &= Random.Next(4) > 0 ? ~FlowWildcards.NwProto : ~FlowWildcards.None;
        match.SetNwWildBits(NextWildBits(), NextWildBits());
        return match;

        int NextWildBits() => 32 - Random.Next(_style.LeastPrefix, _style.MostPrefix + 1);
    }

    /// <summary>A few in one half of the cases, which many share, any in the other.</summary>
    public ushort NextPriority() => (ushort)(Random.Next(2) == 0 ? Random.Next(4) : Random.Next(ushort.MaxValue + 1));

    /// <summary>A packet like those that matches are made after, or like two of them.</summary>
    public (byte[] Frame, ushort InPort) NextFrame()
    {
        FlowMatch packet = Mixed(most: 2);
        ushort? tag = packet.DlVlan == FlowMatch.VlanNone ? null : (ushort)((packet.DlVlanPcp << 13) | packet.DlVlan);
        if (packet.DlType == EtherType.Arp)
        {
            byte[] arp = TestPacket.Arp(packet.NwProto, packet.NwSrc, packet.NwDst);
            return (TestPacket.Ethernet(EtherType.Arp, arp.AsSpan(14), packet.DlSrc.Value, packet.DlDst.Value, tag), packet.InPort);
        }
        if (packet.DlType != EtherType.Ipv4)
        {
            return (TestPacket.Ethernet(packet.DlType, new byte[46], packet.DlSrc.Value, packet.DlDst.Value, tag), packet.InPort);
        }
        byte[] transport = new byte[24];
        BinaryPrimitives.WriteUInt16BigEndian(transport, packet.TpSrc);
        BinaryPrimitives.WriteUInt16BigEndian(transport.AsSpan(2), packet.TpDst);
        transport[12] = 5 << 4;
        byte[] frame = TestPacket.Ipv4(
            packet.NwProto, transport, packet.NwSrc, packet.NwDst, tag, packet.NwTos, dlSrc: packet.DlSrc.Value, dlDst: packet.DlDst.Value);
        return (frame, packet.InPort);
    }

    private FlowMatch NextPacket() => new()
    {
        InPort = (ushort)Random.Next(1, Inputs + 1),
        DlSrc = new MacAddress(0x0200_0000_0000UL | (uint)Random.Next(1, 4)),
        DlDst = new MacAddress(0x0200_0000_0000UL | (1UL << Random.Next(40))),
        DlVlan = Random.Next(3) == 0 ? (ushort)(1 << Random.Next(12)) : FlowMatch.VlanNone,
        DlVlanPcp = (byte)Random.Next(8),
        DlType = Random.Next(8) switch { 0 => EtherType.Arp, 1 => EtherType.Lldp, _ => EtherType.Ipv4 },
        NwTos = (byte)(Random.Next(64) << 2),
        NwProto = Random.Next(8) switch { 0 => IpProtocol.Icmp, 1 => 89, < 5 => IpProtocol.Udp, _ => IpProtocol.Tcp },
        // Each bit is the last that some prefix compares.
        NwSrc = Source ^ (1u << Random.Next(32)),
        NwDst = Destination ^ (1u << Random.Next(32)),
        TpSrc = (ushort)Random.Next(1, 4),
        TpDst = (ushort)(1 << Random.Next(16)),
    };

    private FlowMatch Mixed(int most)
    {
        FlowMatch mixed = _packets[Random.Next(_packets.Length)];
        for (int count = Random.Next(most + 1); count > 0; count--)
        {
            Copy(ref mixed, _packets[Random.Next(_packets.Length)], Random.Next(Fields));
        }
        return mixed;
    }

    private static void Copy(ref FlowMatch to, in FlowMatch from, int field)
    {
        switch (field)
        {
            case 0:
                to.InPort = from.InPort;
                break;
            case 1:
                to.DlSrc = from.DlSrc;
                break;
            case 2:
                to.DlDst = from.DlDst;
                break;
            case 3:
                to.DlVlan = from.DlVlan;
                break;
            case 4:
                to.DlVlanPcp = from.DlVlanPcp;
                break;
            case 5:
                to.DlType = from.DlType;
                break;
            case 6:
                to.NwTos = from.NwTos;
                break;
            case 7:
                to.NwProto = from.NwProto;
                break;
            case 8:
                to.NwSrc = from.NwSrc;
                break;
            case 9:
                to.NwDst = from.NwDst;
                break;
            case 10:
                to.TpSrc = from.TpSrc;
                break;
            default:
                to.TpDst = from.TpDst;
                break;
        }
    }
}
