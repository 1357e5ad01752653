using System.Buffers.Binary;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.Tunnels;

/// <summary>What tunnels put around frames and take off, against an encapsulator that does it one field at a time.</summary>
[Trait("HardwarePaths", "OuterHeader")]
public sealed class TunnelTests
{
    private const string Ends = "local=10.0.0.1,remote=10.0.0.2";
    private static readonly byte[] Frame = TestPacket.Tcp(src: 0xc0a80001, dst: 0xc0a80002, payload: 100);

    public static TheoryData<string, byte, string> Kinds => new()
    {
        { $"vxlan:{Ends},key=42", ReferenceTunnel.Udp, "vxlan" },
        { $"vxlan:{Ends},key=42,csum=on,port=8472", ReferenceTunnel.Udp, "vxlan" },
        { $"gre:{Ends}", ReferenceTunnel.Gre, "gre" },
        { $"gre:{Ends},key=42", ReferenceTunnel.Gre, "gre" },
        { $"gre:{Ends},key=4294967295,csum=on", ReferenceTunnel.Gre, "gre" },
        { $"gre:{Ends},csum=on", ReferenceTunnel.Gre, "gre" },
        { $"gre:{Ends},key=42,nvgre", ReferenceTunnel.Gre, "nvgre" },
        { $"ipip:{Ends},inner-src=02:00:00:00:00:01,inner-dst=02:00:00:00:00:02", ReferenceTunnel.Ipip, "ipip" },
        { $"capsulator:{Ends},key=42", ReferenceTunnel.Capsulator, "capsulator" },
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void What_is_wrapped_comes_out_at_the_far_end_as_it_went_in(string spec, byte protocol, string kind)
    {
        using TunnelHost left = Host(spec);
        using var right = new TunnelHost(
            "address=10.0.0.2/24", mac: 0x0200_0000_00b2, pool: left.Pool,
            tunnels: [spec.Replace(Ends, "local=10.0.0.2,remote=10.0.0.1", StringComparison.Ordinal)]);
        var random = new Random(7);
        for (int round = 0; round < 300; round++)
        {
            byte[] frame = RandomFrame(random, kind == "ipip");
            left.Send(frame);
            byte[] outer = Assert.Single(left.Sent());
            ReferenceTunnel.Open(outer, protocol);
            if (outer.Length < 60)
            {
                outer = [.. outer, .. new byte[60 - outer.Length]]; // Ethernet pads
            }
            right.Arrive(outer);
            Assert.Equal(frame, Assert.Single(right.Received()));
        }
    }

    [Fact]
    public void Vxlan_is_as_rfc_7348_has_it()
    {
        using TunnelHost host = Host($"vxlan:{Ends},key=11259375,ttl=7,tos=184");
        host.Send(Frame);
        byte[] outer = Assert.Single(host.Sent());
        Assert.Equal((184, 7, 0x40), (outer[15], outer[22], outer[20]));
        byte[] udp = ReferenceTunnel.Open(outer, ReferenceTunnel.Udp);
        Assert.True(BinaryPrimitives.ReadUInt16BigEndian(udp) >= 49152);
        Assert.Equal(ReferenceTunnel.Vxlan(11259375, Frame)[2..], udp[2..]);
    }

    /// <summary>A tunnel's number, its protocol, what stands in the outer packet, and another form that is taken too.</summary>
    public static TheoryData<int, byte, byte[], byte[]?> Layouts => new()
    {
        { 0, ReferenceTunnel.Gre, ReferenceTunnel.GreHeader(Frame), null },
        { 1, ReferenceTunnel.Gre, ReferenceTunnel.GreHeader(Frame, key: 42), ReferenceTunnel.GreHeader(Frame, key: 42, sequence: 9) },
        { 2, ReferenceTunnel.Gre, ReferenceTunnel.GreHeader(Frame, key: 43, checksum: true), null },
        { 3, ReferenceTunnel.Capsulator, ReferenceTunnel.Tagged(0xdeadbeef, Frame), null },
    };

    [Theory]
    [MemberData(nameof(Layouts))]
    public void Gre_is_as_rfc_2784_and_rfc_2890_have_it_and_the_capsulators_tag_stands_behind_protocol_245(int tunnel, byte protocol, byte[] payload, byte[]? other)
    {
        using TunnelHost host = Host($"gre:{Ends}", $"gre:{Ends},key=42", $"gre:{Ends},key=43,csum=on", $"capsulator:{Ends},key=3735928559");
        host.Send(Frame, tunnel);
        Assert.Equal(payload, ReferenceTunnel.Open(Assert.Single(host.Sent()), protocol));
        host.Arrive(ReferenceTunnel.Outer(protocol, payload), ReferenceTunnel.Outer(protocol, other ?? payload));
        Assert.Equal([Frame, Frame], host.Received(tunnel));
    }

    [Fact]
    public void Nvgre_has_the_subnet_and_a_flow_id_in_the_key()
    {
        using TunnelHost host = Host($"gre:{Ends},key=42,nvgre");
        host.Send(Frame);
        byte[] gre = ReferenceTunnel.Open(Assert.Single(host.Sent()), ReferenceTunnel.Gre);
        Assert.Equal([0x20, 0, 0x65, 0x58, 0, 0, 42], gre[..7]);
        host.Arrive(ReferenceTunnel.Outer(ReferenceTunnel.Gre, ReferenceTunnel.GreHeader(Frame, key: (42 << 8) | 0x99)));
        Assert.Equal(Frame, Assert.Single(host.Received()));
    }

    [Fact]
    public void Ipip_carries_the_ip_packet_alone_its_ttl_untouched()
    {
        using TunnelHost host = Host($"ipip:{Ends},inner-dst=02:00:00:00:00:77");
        byte[] tagged = TestPacket.Tcp(vlan: 5, payload: 0);
        foreach (byte[] frame in (byte[][])[Frame, [.. TestPacket.Tcp(payload: 0), 0, 0, 0, 0, 0, 0], tagged])
        {
            host.Send(frame);
            int network = frame == tagged ? 18 : 14;
            int end = network + BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(network + 2));
            Assert.Equal(frame[network..end], ReferenceTunnel.Open(Assert.Single(host.Sent()), ReferenceTunnel.Ipip));
        }
        host.Arrive(ReferenceTunnel.Outer(ReferenceTunnel.Ipip, Frame[14..]));
        byte[] received = Assert.Single(host.Received());
        Assert.Equal([2, 0, 0, 0, 0, 0x77, .. new byte[6], 8, 0, .. Frame[14..]], [.. received[..6], .. new byte[6], .. received[12..]]);
        Assert.Equal(host[0].HardwareAddress, new MacAddress(received.AsSpan(6)));
        host.Send(TestPacket.Arp());
        Assert.Equal(1, host.Drops(DropReason.TunnelNotIpv4));
        Assert.Equal(1ul, host.Statistics(1).TransmitErrors);
    }

    [Fact]
    public void Packets_of_a_flow_share_a_source_port_and_flows_spread()
    {
        using TunnelHost host = Host($"vxlan:{Ends}");
        var ports = new HashSet<ushort>();
        for (ushort flow = 0; flow < 200; flow++)
        {
            ushort first = SourcePort(TestPacket.Udp(srcPort: flow, payload: 10));
            Assert.Equal(first, SourcePort(TestPacket.Udp(srcPort: flow, payload: 300)));
            ports.Add(first);
        }
        Assert.True(ports.Count > 150, $"{ports.Count} ports for 200 flows");
        // Only the first fragment has ports, and it must go the way of the others.
        Assert.Equal(SourcePort(TestPacket.Udp(srcPort: 1, fragment: 0x2000)), SourcePort(TestPacket.Udp(srcPort: 2, fragment: 0x0010)));

        ushort SourcePort(byte[] frame)
        {
            host.Send(frame);
            return BinaryPrimitives.ReadUInt16BigEndian(Assert.Single(host.Sent()).AsSpan(34));
        }
    }

    [Fact]
    public void The_type_of_service_is_inherited_on_demand_and_congestion_always()
    {
        using TunnelHost host = Host($"vxlan:{Ends},key=1", $"vxlan:{Ends},key=2,tos=inherit");
        byte[] frame = TestPacket.Tcp(tos: 0xb9);
        host.Send(frame);
        host.Send(frame, 1);
        Assert.Equal([1, 0xb9], host.Sent().Select(outer => outer[15]));

        host.Arrive(ReferenceTunnel.Outer(ReferenceTunnel.Udp, ReferenceTunnel.Vxlan(1, frame), tos: 3));
        byte[] marked = Assert.Single(host.Received());
        Assert.Equal(0xbb, marked[15]);
        Assert.Equal(0, TestPacket.TextbookChecksum(marked.AsSpan(14, 20)));
        host.Arrive(ReferenceTunnel.Outer(ReferenceTunnel.Udp, ReferenceTunnel.Vxlan(1, TestPacket.Tcp()), tos: 3));
        Assert.Equal(1, host.Drops(DropReason.TunnelCongestion));
    }

    [Fact]
    public void What_cannot_be_right_is_dropped_by_its_reason()
    {
        using TunnelHost host = Host($"vxlan:{Ends},key=42", $"gre:{Ends},key=42", $"ipip:{Ends}", $"capsulator:{Ends},key=42");
        byte[] good = ReferenceTunnel.Vxlan(42, Frame, checksum: true);
        byte[] spoilt = [.. good];
        spoilt[40] ^= 1;
        byte[] header = ReferenceTunnel.Outer(ReferenceTunnel.Udp, good);
        header[22]++;
        byte[] noVni = [.. ReferenceTunnel.Vxlan(42, Frame)];
        noVni[8] = 0;
        byte[] longUdp = [.. ReferenceTunnel.Vxlan(42, Frame)];
        longUdp[5]++;
        byte[] longIp = ReferenceTunnel.Outer(ReferenceTunnel.Udp, good);
        byte[] greSum = ReferenceTunnel.GreHeader(Frame, key: 42, checksum: true);
        greSum[60] ^= 1;
        byte[] routed = ReferenceTunnel.GreHeader(Frame, key: 42);
        routed[0] |= 0x40;
        byte[] ip6 = Frame[14..];
        ip6[0] = 0x60;
        (DropReason Reason, byte[] Packet)[] cases =
        [
            (DropReason.TunnelKey, Udp(ReferenceTunnel.Vxlan(43, Frame))),
            (DropReason.TunnelPeer, ReferenceTunnel.Outer(ReferenceTunnel.Udp, ReferenceTunnel.Vxlan(42, Frame), from: 0x0a000003)),
            (DropReason.TunnelLoop, ReferenceTunnel.Outer(ReferenceTunnel.Udp, ReferenceTunnel.Vxlan(42, Frame), from: TunnelHost.LocalAddress)),
            (DropReason.TunnelChecksum, Udp(spoilt)),
            (DropReason.TunnelChecksum, header),
            (DropReason.TunnelMalformed, Udp(noVni)),
            (DropReason.TunnelMalformed, Udp(longUdp)),
            (DropReason.TunnelMalformed, Udp(ReferenceTunnel.Vxlan(42, Frame[..13]))),
            (DropReason.TunnelMalformed, longIp[..^1]),
            (DropReason.TunnelKey, Gre(ReferenceTunnel.GreHeader(Frame))),
            (DropReason.TunnelChecksum, Gre(greSum)),
            (DropReason.TunnelMalformed, Gre(routed)),
            (DropReason.TunnelMalformed, Gre([0x20, 0, 0x65, 0x58, 0])),
            (DropReason.TunnelMalformed, Gre([])),
            (DropReason.TunnelMalformed, ReferenceTunnel.Outer(ReferenceTunnel.Ipip, ip6)),
            (DropReason.TunnelKey, ReferenceTunnel.Outer(ReferenceTunnel.Capsulator, ReferenceTunnel.Tagged(7, Frame))),
            (DropReason.TunnelMalformed, ReferenceTunnel.Outer(ReferenceTunnel.Capsulator, [1, 2, 3])),
        ];
        foreach ((DropReason reason, byte[] packet) in cases)
        {
            long before = host.Drops(reason);
            host.Arrive(packet);
            Assert.True(host.Drops(reason) == before + 1, $"{reason} is not counted for case {Array.IndexOf(cases, (reason, packet))}");
        }
        Assert.Equal((ulong)cases.Length, host.Statistics().ReceiveDropped + host.Statistics().ReceiveErrors);
        Assert.Empty(host.Left);
        host.Arrive(Udp(good), ReferenceTunnel.Outer(ReferenceTunnel.Udp, good, options: 8));
        Assert.Equal([Frame, Frame], host.Received());

        static byte[] Udp(byte[] payload) => ReferenceTunnel.Outer(ReferenceTunnel.Udp, payload);
        static byte[] Gre(byte[] payload) => ReferenceTunnel.Outer(ReferenceTunnel.Gre, payload);
    }

    [Fact]
    public void Whatever_comes_nothing_throws_and_no_frame_is_lost()
    {
        using TunnelHost host = Host($"vxlan:{Ends},key=42", $"gre:{Ends},key=42", $"ipip:{Ends}", $"capsulator:{Ends},key=42", $"gre:{Ends},key=1,nvgre");
        var random = new Random(11);
        byte[][] seeds =
        [
            ReferenceTunnel.Outer(ReferenceTunnel.Udp, ReferenceTunnel.Vxlan(42, Frame)), ReferenceTunnel.Outer(ReferenceTunnel.Gre, ReferenceTunnel.GreHeader(Frame, 42)),
            ReferenceTunnel.Outer(ReferenceTunnel.Ipip, Frame[14..]), ReferenceTunnel.Outer(ReferenceTunnel.Capsulator, ReferenceTunnel.Tagged(42, Frame)),
        ];
        for (int round = 0; round < 20_000; round++)
        {
            byte[] packet = [.. seeds[random.Next(seeds.Length)]];
            for (int i = random.Next(3); i >= 0; i--)
            {
                packet[random.Next(12, Math.Min(packet.Length, 80))] = (byte)random.Next(256);
            }
            if (random.Next(4) != 0)
            {
                packet[24] = packet[25] = 0; // so that more than the header's checksum is tried
                BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(24), TestPacket.TextbookChecksum(packet.AsSpan(14, Math.Min((packet[14] & 15) * 4, packet.Length - 14))));
            }
            host.Arrive(packet[..random.Next(14, packet.Length + 1)]);
            host.Received(round % 5);
            host.Left.Clear();
            host.Sent();
        }
        for (int tunnel = 0; tunnel < 5; tunnel++)
        {
            host.Received(tunnel);
        }
        host.Advance(60_000); // fragments that wait
    }

    [Fact]
    public void What_a_gre_tunnel_refuses_is_not_looked_for_among_nvgres_without_its_outer_headers()
    {
        using TunnelHost host = Host($"gre:{Ends},key=42", "gre:local=10.0.0.1,remote=10.0.0.9,key=0,nvgre");
        // Inside, where the addresses would be found if the outer headers were taken off already, stand those of the other tunnel.
        byte[] inner = TestPacket.Udp(src: 0x0a000009, dst: TunnelHost.LocalAddress, payload: 60);
        host.Arrive(ReferenceTunnel.Outer(ReferenceTunnel.Gre, ReferenceTunnel.GreHeader(inner, key: 42), tos: 3));
        Assert.Equal(1, host.Drops(DropReason.TunnelCongestion));
        Assert.Empty(host.Received(1));
    }

    [Fact]
    public void A_tunnel_is_not_sent_through_itself()
    {
        using TunnelHost host = Host($"vxlan:{Ends},key=42");
        host.Send(Frame);
        byte[] outer = Assert.Single(host.Sent());
        host.Send(outer);
        Assert.Equal(1, host.Drops(DropReason.TunnelLoop));
        Assert.Equal(1ul, host.Statistics(1).TransmitErrors);
        // The same addresses may be in use inside, for anything else.
        host.Send(TestPacket.Udp(src: TunnelHost.LocalAddress, dst: TunnelHost.PeerAddress));
        Assert.Single(host.Sent());
    }

    [Fact]
    public void Two_tunnels_cannot_have_the_same_ends_and_key()
    {
        using TunnelHost host = Host($"vxlan:{Ends},key=42");
        PortException e = Assert.Throws<PortException>(() => host.Open($"vxlan:{Ends},key=42"));
        Assert.Equal($"port 'vxlan:{Ends},key=42': the same ends and key as vxlan3", e.Message);
    }

    [Fact]
    public void Nothing_is_allocated_for_packets()
    {
        using TunnelHost host = Host($"vxlan:{Ends},key=42,remote-mac=02:00:00:00:00:b2");
        byte[] outer = ReferenceTunnel.Outer(ReferenceTunnel.Udp, ReferenceTunnel.Vxlan(42, Frame));
        var batch = new PacketBatch();
        var packets = new Packet[1];
        Assert.Equal(0, Allocations.OfOneRound(() =>
        {
            for (int i = 0; i < 1000; i++)
            {
                host.Wire.TryInject(outer);
                host.Underlay.Queues[0].Receive(batch, host.Frames);
                host[0].Queues[0].Receive(batch, host.Frames);
                packets[0] = batch.Packets[0];
                batch.Clear();
                host[0].Queues[0].Transmit(packets, host.Frames);
                host.Wire.TryCollect(out Packet sent);
                host.Wire.FarFrames.Release(sent);
            }
        }));
    }

    private static TunnelHost Host(params string[] tunnels)
    {
        var host = new TunnelHost(tunnels: tunnels);
        host.Send(Frame);
        host.LearnPeer();
        host.Poll();
        host.Sent();
        return host;
    }

    private static byte[] RandomFrame(Random random, bool ipv4Only)
    {
        int payload = random.Next(0, 1300);
        ulong source = 0x0200_0000_0001; // what ipip: is told to put back
        return random.Next(ipv4Only ? 2 : 5) switch
        {
            0 => TestPacket.Tcp(src: (uint)random.Next(), dst: (uint)random.Next(), payload: payload, options: 4 * random.Next(3), dlSrc: source),
            1 => TestPacket.Udp(srcPort: (ushort)random.Next(), payload: payload, tos: (byte)(random.Next() & 0xfe), dlSrc: source),
            2 => TestPacket.Tcp(vlan: (ushort)random.Next(4096), payload: payload),
            3 => TestPacket.Ethernet((ushort)random.Next(0x600, 0x10000), Bytes(random, payload + 40)),
            _ => Bytes(random, random.Next(14, 1400)),
        };
    }

    private static byte[] Bytes(Random random, int count)
    {
        byte[] bytes = new byte[count];
        random.NextBytes(bytes);
        return bytes;
    }
}
