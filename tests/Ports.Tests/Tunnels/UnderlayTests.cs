using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Tunnels;
using Softswitch.Ports.Tunnels.NextHops;
using Softswitch.Ports.Tunnels.Settings;
using Softswitch.Testing;
using NeighbourTable = Softswitch.Ports.Tunnels.NextHops.NeighbourTable;

namespace Softswitch.Ports.Tests.Tunnels;

/// <summary>The IPv4 host behind an underlay port: ARP (RFC 826), echo (RFC 792), what is left to the flow table.</summary>
public sealed class UnderlayTests
{
    private const string Vxlan = "vxlan:local=10.0.0.1,remote=10.0.0.2,key=42";
    private const ulong Mac = 0x0200_0000_00a1;
    private static readonly byte[] Frame = TestPacket.Udp(src: 0xc0a80001, dst: 0xc0a80002);

    private static byte[] EchoRequest(int payload = 56)
    {
        byte[] request = TestPacket.Icmp(src: TunnelHost.PeerAddress, dst: TunnelHost.LocalAddress, payload: payload);
        new MacAddress(Mac).CopyTo(request);
        return request;
    }

    [Fact]
    public void A_sender_that_has_seen_no_frames_ends_with_what_it_holds()
    {
        UnderlaySender sut = new(wire: null!, device: null!, underlay: null!);
        Assert.True(sut.TryHold(default, new Be32(1)));
        sut.End(frames: null);
        Assert.Equal(0, sut.HeldCount);
    }

    [Fact]
    public void Whoever_asks_for_a_local_address_is_answered()
    {
        using var host = new TunnelHost("address=10.0.0.1/24,address=10.1.0.1/24");
        host.Arrive(TestPacket.Arp(sender: 0x0a000002, target: 0x0a010001));
        Assert.True(ArpMessage.TryRead(Assert.Single(host.Sent()), out ArpMessage reply));
        Assert.Equal(
            new ArpMessage(ArpMessage.Reply, new MacAddress(Mac), Be32.FromHost(0x0a010001), new MacAddress(TestPacket.DefaultSource), Be32.FromHost(0x0a000002)), reply);
        Assert.Empty(host.Left);
    }

    [Fact]
    public void A_new_hardware_address_of_the_interface_is_the_underlays()
    {
        MacAddress changed = new(0x0200_0000_00b7);
        using var host = new TunnelHost(tunnels: [Vxlan]);
        host.Wire.HardwareAddress = changed;
        host.Underlay.ReadLink();
        byte[] request = EchoRequest();
        host.Arrive(request);
        Assert.Equal(request, Assert.Single(host.Left));
        changed.CopyTo(request);
        host.Arrive(request);
        ReferenceTunnel.Open(Assert.Single(host.Sent()), 1, to: 0x0a000002, mac: TestPacket.DefaultSource);
        Assert.Single(host.Left);
        host.Send(TestPacket.Tcp());
        host.Arrive(TestPacket.Arp(target: 0x0a000009)); // time for what is due
        Assert.All(host.Sent(), frame => Assert.Equal(changed, new MacAddress(frame.AsSpan(6))));
    }

    [Fact]
    public void What_is_not_for_the_underlay_goes_on_to_the_flow_table()
    {
        using var host = new TunnelHost(tunnels: [Vxlan]);
        byte[][] others =
        [
            TestPacket.Arp(target: 0x0a000009), // somebody else's address
            TestPacket.Udp(dlDst: 0x0200_0000_0099), // somebody else's frame
            TestPacket.Udp(dst: 0x0a000009, dlDst: Mac), // to be routed
            TestPacket.Udp(dst: TunnelHost.LocalAddress, dlDst: Mac, dstPort: 53), // no tunnel's
            TestPacket.Ethernet(0x88cc, new byte[50]),
            new byte[20],
        ];
        host.Arrive(others);
        Assert.Equal(others, host.Left);
        Assert.Empty(host.Sent());
        Assert.Equal(0ul, host.Account().Ingress.Entered);
    }

    [Theory]
    [InlineData(56)]
    [InlineData(0)]
    [InlineData(1400)]
    public void Echo_requests_are_answered_with_what_they_carried(int payload)
    {
        using var host = new TunnelHost();
        byte[] request = EchoRequest(payload);
        host.Arrive(request.Length < 60 ? [.. request, .. new byte[60 - request.Length]] : request);
        byte[] reply = Assert.Single(host.Sent());
        byte[] icmp = ReferenceTunnel.Open(reply, 1, to: 0x0a000002, mac: TestPacket.DefaultSource);
        Assert.Equal((0, 0, 0), (icmp[0], icmp[1], TestPacket.TextbookChecksum(icmp)));
        Assert.Equal(request.AsSpan(38), icmp.AsSpan(4));
    }

    [Fact]
    public void An_echo_request_in_fragments_is_answered_in_fragments()
    {
        byte[] request = EchoRequest(payload: 4000);
        using var host = new TunnelHost();
        host.Arrive([.. Ipv4Fragments.CutAll(request, 1480)]);
        List<byte[]> reply = host.Sent();
        Assert.Equal(3, reply.Count);
        Assert.All(reply, fragment => Assert.True(fragment.Length <= 1514));
        Assert.Equal(request.Length, reply.Sum(fragment => fragment.Length) - (2 * 34));
        Assert.Equal(0, reply[0][34]);
    }

    [Fact]
    public void A_damaged_echo_request_is_dropped_and_counted()
    {
        using var host = new TunnelHost();
        byte[] request = EchoRequest();
        request[60]++;
        host.Arrive(request);
        Assert.Empty(host.Sent());
        Assert.Equal(1, host.Drops(DropReason.TunnelMalformed));
        Assert.Equal(1ul, host.Statistics().ReceiveDropped);
    }

    [Fact]
    public void A_next_hop_is_asked_for_and_packets_wait_for_its_answer()
    {
        using var host = new TunnelHost(tunnels: [Vxlan]);
        host.Send(Frame);
        host.Send(Frame);
        Assert.Empty(host.Sent());
        host.Poll();
        Assert.True(ArpMessage.TryRead(Assert.Single(host.Sent()), out ArpMessage request));
        Assert.Equal((ArpMessage.Request, TunnelHost.LocalAddress, TunnelHost.PeerAddress), (request.Operation, request.Sender.Host, request.Target.Host));
        host.LearnPeer();
        host.Poll();
        Assert.Equal(2, host.Sent().Count);
        host.Send(Frame);
        ReferenceTunnel.Open(Assert.Single(host.Sent()), ReferenceTunnel.Udp);
    }

    [Fact]
    public void A_silent_next_hop_is_asked_three_times_and_then_rested()
    {
        using var host = new TunnelHost(tunnels: [Vxlan]);
        host.Send(Frame);
        for (int i = 0; i < NeighbourTable.MaxProbes; i++)
        {
            host.Advance(NeighbourTable.ProbeInterval);
            Assert.Single(host.Sent());
        }
        Assert.Equal(0, host.Drops(DropReason.TunnelUnreachable));
        host.Advance(NeighbourTable.ProbeInterval);
        Assert.Equal(1, host.Drops(DropReason.TunnelUnreachable));
        host.Send(Frame);
        Assert.Equal(2, host.Drops(DropReason.TunnelUnreachable));
        Assert.Empty(host.Sent());
        host.Advance(NeighbourTable.FailedFor);
        Assert.Single(host.Sent());
        host.LearnPeer();
        host.Send(Frame);
        Assert.Single(host.Sent());
        Assert.Equal(2ul, host.Statistics(1).TransmitDropped + host.Statistics().TransmitDropped);
    }

    [Fact]
    public void A_known_next_hop_is_confirmed_and_given_up_when_silent()
    {
        using var host = new TunnelHost(tunnels: [Vxlan]);
        host.Send(Frame);
        host.LearnPeer();
        host.Poll();
        host.Sent();
        host.Advance(NeighbourTable.ConfirmAfter);
        byte[] probe = Assert.Single(host.Sent());
        Assert.Equal(0x0200_0000_00b2UL, new MacAddress(probe).Value); // to it alone
        host.Send(Frame);
        Assert.Single(host.Sent()); // still believed
        for (int i = 0; i < NeighbourTable.MaxProbes; i++)
        {
            host.Advance(NeighbourTable.ProbeInterval);
        }
        host.Sent();
        host.Send(Frame);
        Assert.Equal(1, host.Drops(DropReason.TunnelUnreachable));
    }

    [Fact]
    public void Packets_that_wait_are_bounded()
    {
        using var host = new TunnelHost(tunnels: [Vxlan]);
        for (int i = 0; i < 100; i++)
        {
            host.Send(Frame);
        }
        Assert.Equal(100 - UnderlaySender.MostHeldForOne, host.Drops(DropReason.TunnelUnreachable));
        host.LearnPeer();
        host.Poll();
        Assert.Equal(UnderlaySender.MostHeldForOne, host.Sent().Count(frame => frame.Length > ArpMessage.FrameLength));
    }

    [Fact]
    public void A_neighbour_nobody_asked_about_is_not_remembered()
    {
        var table = new NeighbourTable(new Generation());
        table.Learn(Be32.FromHost(0x0a000002), new MacAddress(2), now: 0);
        Assert.Equal(NeighbourState.Incomplete, table.Find(Be32.FromHost(0x0a000002), 0, out _));
        for (uint i = 0; i < 2 * NeighbourTable.Capacity; i++)
        {
            table.Find(Be32.FromHost(0x0a010000 + i), 0, out _);
        }
        Assert.Equal(NeighbourState.Failed, table.Find(Be32.FromHost(0x0b000000), 0, out _));
    }

    [Fact]
    public void Next_hops_nobody_sends_to_any_more_make_room_and_those_in_use_stay()
    {
        using var pool = new FramePool(4096);
        using var host = new TunnelHost("address=10.0.0.1/8", pool: pool, tunnels: [Vxlan, "vxlan:local=10.0.0.1,remote=flow"]);
        host.Send(Frame);
        host.LearnPeer();
        for (uint peer = 0; peer < NeighbourTable.Capacity; peer++)
        {
            host.Send(Frame, 1, Towards(peer));
        }
        host.Sent();
        Assert.Equal(NeighbourTable.Capacity - 1, Asked()); // the last found no room
        for (int minute = 0; minute < 4; minute++)
        {
            host.Advance(60_000);
            host.LearnPeer();
            host.Poll();
            host.Sent();
            host.Send(Frame);
            Assert.Single(host.Sent());
        }
        host.Send(Frame, 1, Towards(NeighbourTable.Capacity + 7));
        Assert.Equal(1, Asked());

        int Asked()
        {
            host.Advance(100);
            return host.Sent().Count(frame => frame.Length == ArpMessage.FrameLength);
        }

        static TunnelState Towards(uint peer) => new() { Destination = Be32.FromHost(0x0a010000 + peer) };
    }

    [Fact]
    public void The_longest_prefix_leads_to_the_next_hop()
    {
        UnderlayOptions options = UnderlayOptions.Read(TunnelHost.Spec(
            "a,address=10.0.0.1/24,address=10.1.0.1/16,gateway=10.0.0.254,route=172.16.0.0/12@10.1.0.9,route=172.16.5.0/24@10.0.0.7"))!;
        var routes = new RouteTable(options);
        Assert.Equal("10.0.0.5", Hop("10.0.0.5"));
        Assert.Equal("10.1.200.5", Hop("10.1.200.5"));
        Assert.Equal("10.0.0.7", Hop("172.16.5.1"));
        Assert.Equal("10.1.0.9", Hop("172.17.5.1"));
        Assert.Equal("10.0.0.254", Hop("8.8.8.8"));
        Assert.True(Ipv4Text.TryParse("10.1.0.9", out Be32 hop));
        Assert.Equal("10.1.0.1", Ipv4Text.Format(routes.SourceFor(hop)));
        Assert.False(new RouteTable(UnderlayOptions.Read(TunnelHost.Spec("a,address=10.0.0.1/24"))!).TryFindNextHop(Be32.FromHost(0x08080808), out _));

        string Hop(string to)
        {
            Assert.True(Ipv4Text.TryParse(to, out Be32 address));
            Assert.True(routes.TryFindNextHop(address, out Be32 next));
            return Ipv4Text.Format(next);
        }
    }

    [Fact]
    public void Without_a_route_a_tunnel_is_down_and_its_packets_are_dropped()
    {
        using var host = new TunnelHost(tunnels: ["vxlan:local=10.0.0.1,remote=192.0.2.1"]);
        Assert.False(host[0].ReadLink().Up);
        host.Send(Frame);
        Assert.Equal(1, host.Drops(DropReason.TunnelUnreachable));
    }

    [Fact]
    public void A_tunnel_follows_its_underlay_away_and_back()
    {
        using var host = new TunnelHost(tunnels: [Vxlan]);
        Assert.Equal((true, 1450), (host[0].ReadLink().Up, host[0].ReadLink().Mtu));
        host.Wire.SetLink(false);
        host.Underlay.ReadLink();
        Assert.False(host[0].ReadLink().Up);
        host.Wire.SetLink(true);
        host.Underlay.ReadLink();
        Assert.True(host[0].ReadLink().Up);
        host.Underlay.Detach();
        Assert.False(host[0].ReadLink().Up);
        host.Send(Frame);
        Assert.Equal(1, host.Drops(DropReason.TunnelDown));
        using var wire = new Ports.Memory.MemoryPort("again", host.Pool) { Mtu = 1400 };
        using IPortDevice again = host.Set.Wrap(2, wire, UnderlayOptions.Read(TunnelHost.Spec("u,address=10.0.0.1/24"))!);
        Assert.Equal((true, 1350), (host[0].ReadLink().Up, host[0].ReadLink().Mtu));
        PortException refusal = Assert.Throws<PortException>(
            () => host.Set.Wrap(2, new Ports.Memory.MemoryPort("other", host.Pool), UnderlayOptions.Read(TunnelHost.Spec("u,address=10.0.0.9/24"))!));
        Assert.Equal("tunnels travel by port 2 with 10.0.0.1/24; remove them first", refusal.Message);
    }

    [Fact]
    public void What_the_worker_does_not_see_is_in_the_underlays_statistics()
    {
        using var host = new TunnelHost(tunnels: [Vxlan]);
        host.Send(Frame);
        host.LearnPeer();
        host.Poll();
        byte[] outer = ReferenceTunnel.Outer(ReferenceTunnel.Udp, ReferenceTunnel.Vxlan(42, Frame));
        host.Arrive(outer);
        PortAccount account = host.Account();
        Assert.Equal((2ul, (ulong)outer.Length + 60, 2ul), (account.Ingress.Entered, account.Ingress.EnteredBytes, account.Ingress.Used));
        List<byte[]> sent = host.Sent();
        Assert.Equal(((ulong)sent.Count, (ulong)sent.Count, 0ul), (account.Egress.Made, account.Egress.Left, account.Egress.Held));
        Assert.Equal((ulong)sent.Sum(frame => frame.Length), account.Egress.LeftBytes);
        Assert.Single(host.Received());
    }
}
