using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Ports;
using Softswitch.Lab;
using Softswitch.OfAgent.Text;
using Softswitch.Scenarios.L3Mig;
using Softswitch.Testing;

namespace Softswitch.Scenarios.Tests;

/// <summary>The decisions of the l3mig scenario's controllers: ports, paths, and what leads from one to another.</summary>
public sealed class L3MigPathTests
{
    private const ushort Assigned = 40_007;
    private const ushort Vlan = 100;

    private static readonly ActionKind[] SixRewrites =
        [ActionKind.SetDlSrc, ActionKind.SetDlDst, ActionKind.SetNwSrc, ActionKind.SetNwDst, ActionKind.SetTpSrc, ActionKind.SetTpDst];

    private static readonly L3Site Near = L3MigLab.NearSite;
    private static readonly L3Site Far = L3MigLab.FarSite;
    private static readonly Attachment Peer = new(Near, AddressLiterals.Mac("02:00:00:00:00:01"), 2);
    private static readonly Attachment Before = new(Near, AddressLiterals.Mac("02:00:00:00:00:02"), 3);
    private static readonly Attachment After = Before with { Site = Far };
    private static readonly Session Talk = new(IpProtocol.Tcp, AddressLiterals.Address("10.9.0.11"), AddressLiterals.Address("10.9.0.36"), 33_333, 5001);

    [Fact]
    public void A_released_port_is_given_out_next()
    {
        var ports = new PortPool(100, 3);
        Assert.True(ports.TryAllocate(out ushort first));
        Assert.True(ports.TryAllocate(out ushort second));
        Assert.Equal((100, 101), (first, second));
        ports.Release(first);
        Assert.Equal(2, ports.Free);
        Assert.True(ports.TryAllocate(out ushort again));
        Assert.Equal(first, again);
    }

    [Fact]
    public void Without_a_free_port_none_is_given_out()
    {
        var ports = new PortPool(100, 1);
        Assert.True(ports.TryAllocate(out ushort only));
        Assert.False(ports.TryAllocate(out _));
        ports.Release(only);
        Assert.True(ports.TryAllocate(out _));
    }

    [Theory]
    [InlineData(99)]
    [InlineData(100)] // free already
    [InlineData(102)]
    public void A_port_that_nobody_has_cannot_be_released(ushort port) =>
        Assert.Throws<InvalidOperationException>(() => new PortPool(100, 2).Release(port));

    [Fact]
    public void Each_gateway_rewrites_six_fields_in_one_action_list_both_ways()
    {
        foreach (L3Site site in new[] { Near, Far })
        {
            PathFlow[] flows = [.. Crossing().Where(flow => flow.Switch == site.Gateway)];
            Assert.Equal(2, flows.Length);
            Assert.All(flows, flow => Assert.Equal(SixRewrites, Kinds(flow).Where(kind => SixRewrites.Contains(kind))));
            Assert.All(flows, flow => Assert.Equal(ActionKind.Output, Kinds(flow)[^1]));
        }
    }

    [Fact]
    public void What_a_gateway_sends_the_other_takes_in_and_recovers()
    {
        foreach ((L3Site from, L3Site to) in new[] { (Near, Far), (Far, Near) })
        {
            ParsedFlow sent = Crossing().Single(flow => flow.Switch == from.Gateway && flow.Flow.Match.DlVlan == Vlan).Flow;
            ParsedFlow taken = Crossing().Single(flow => flow.Switch == to.Gateway && flow.Flow.Match.DlVlan != Vlan).Flow;
            Assert.Equal(Fields(taken.Match), Rewritten(sent));
            Assert.Equal(Fields(sent.Match), Rewritten(taken));
            Assert.Equal((Assigned, Assigned), (taken.Match.TpSrc, taken.Match.TpDst));
        }
    }

    [Fact]
    public void A_gateway_with_one_arm_sends_by_IN_PORT_only()
    {
        Assert.All(Crossing().Where(flow => flow.Switch == Far.Gateway), flow => Assert.Equal(PortNumber.InPort, flow.Flow.Actions[^1].Port));
        Assert.All(Crossing().Where(flow => flow.Switch == Near.Gateway), flow => Assert.NotEqual(PortNumber.InPort, flow.Flow.Actions[^1].Port));
        Assert.Equal(3, SessionPath.MakeBase(Far).Count(flow => flow.Switch == Far.VirtualSwitch)); // ARP, and the gateway's two ways through it
        Assert.Equal(1, SessionPath.MakeBase(Near).Count(flow => flow.Switch == Near.VirtualSwitch));
    }

    [Fact]
    public void Every_switch_uploads_ARP_whole()
    {
        foreach (L3Site site in new[] { Near, Far })
        {
            foreach (ulong device in new[] { site.VirtualSwitch, site.Gateway })
            {
                PathFlow arp = SessionPath.MakeBase(site).Single(flow => flow.Switch == device && flow.Flow.Match.DlType == EtherType.Arp);
                Assert.Equal([FlowAction.Output(PortNumber.Controller, ushort.MaxValue)], arp.Flow.Actions);
            }
        }
    }

    [Fact]
    public void Before_the_move_nothing_is_touched_that_the_session_uses()
    {
        IReadOnlyList<PathFlow> old = SessionPath.Make(Talk, Peer, Before, Vlan, assigned: 0);
        PathChange change = PathChange.Between(old, Crossing());
        Assert.Equal((2, 7, 1, 1), (old.Count, change.Added.Count, change.Changed.Count, change.Gone.Count));
        // What is added at the session's own switch matches only what comes from the gateway.
        PathFlow added = Assert.Single(change.Added, flow => flow.Switch == Near.VirtualSwitch);
        Assert.Equal((Near.GatewayAt, Vlan), (added.Flow.Match.InPort, added.Flow.Match.DlVlan));
        PathFlow changed = Assert.Single(change.Changed);
        Assert.Equal((Near.VirtualSwitch, Near.GatewayAt), (changed.Switch, changed.Flow.Actions[^1].Port));
    }

    [Fact]
    public void The_way_back_is_the_reverse()
    {
        IReadOnlyList<PathFlow> local = SessionPath.Make(Talk, Peer, Before, Vlan, assigned: 0);
        PathChange there = PathChange.Between(local, Crossing());
        PathChange back = PathChange.Between(Crossing(), local);
        Assert.Equal((there.Gone.Count, there.Changed.Count, there.Added.Count), (back.Added.Count, back.Changed.Count, back.Gone.Count));
        Assert.Equal(L3MigLab.MachineAt, Assert.Single(back.Changed).Flow.Actions[^1].Port);
    }

    [Fact]
    public void A_session_is_read_from_its_first_packet()
    {
        Assert.True(Session.TryRead(TestPacket.Tcp(src: 0x0a09000b, dst: 0x0a090024, srcPort: 33_333, dstPort: 5001), out Session? session, out _));
        Assert.Equal(Talk, session);
        Assert.Equal(session, session!.Reversed.Reversed);
        Assert.NotEqual(session, session.Reversed);
    }

    [Theory]
    [InlineData(0x02, true)] // SYN
    [InlineData(0x12, false)] // SYN, ACK
    [InlineData(0x10, false)] // ACK
    [InlineData(0x11, false)] // FIN, ACK
    [InlineData(0x04, false)] // RST
    public void A_TCP_session_begins_with_SYN_only(byte flags, bool begins)
    {
        byte[] packet = TestPacket.Tcp();
        packet[14 + 20 + 13] = flags;
        Assert.True(Session.TryRead(packet, out _, out bool isFirst));
        Assert.Equal(begins, isFirst);
        Assert.True(Session.TryRead(TestPacket.Udp(), out _, out isFirst));
        Assert.True(isFirst);
    }

    [Fact]
    public void What_has_no_ports_is_no_session()
    {
        Assert.False(Session.TryRead(TestPacket.Icmp(), out _, out _));
        Assert.False(Session.TryRead(TestPacket.Arp(), out _, out _));
        byte[] fragment = TestPacket.Udp();
        fragment[14 + 6] = 0x20; // more fragments
        Assert.False(Session.TryRead(fragment, out _, out _));
        byte[] whole = TestPacket.Udp();
        for (int length = 0; length < 14 + 20 + 4; length++)
        {
            Assert.False(Session.TryRead(whole.AsSpan(0, length), out _, out _));
        }
        whole[14] = 0x4f; // sixty bytes of header, beyond the frame's end
        Assert.False(Session.TryRead(whole.AsSpan(0, 60), out _, out _));
    }

    [Fact]
    public void Phases_out_of_turn_are_refused()
    {
        var central = new CentralController(new PortPool(1, 1), static _ => { });
        Assert.Throws<TestbedException>(central.Migrate);
        Assert.Throws<TestbedException>(central.CleanUp);
        TestbedException error = Assert.Throws<TestbedException>(() => central.PreMigrate(new MigrationOrder(Talk.Destination, After, Talk)));
        Assert.Contains("10.9.0.11 is at none of the sites", error.Message, StringComparison.Ordinal);
        Assert.Equal(1, central.FreePorts);
    }

    private static IReadOnlyList<PathFlow> Crossing() => SessionPath.Make(Talk, Peer, After, Vlan, Assigned);

    private static ActionKind[] Kinds(PathFlow flow) => [.. flow.Flow.Actions.Select(action => action.Kind)];

    private static (uint, uint, ushort, ushort) Fields(in FlowMatch match) => (match.NwSrc, match.NwDst, match.TpSrc, match.TpDst);

    /// <summary>The addresses and ports of what an entry sends.</summary>
    private static (uint, uint, ushort, ushort) Rewritten(ParsedFlow flow)
    {
        uint Value(ActionKind kind) => flow.Actions.Single(action => action.Kind == kind).Value;
        return (Value(ActionKind.SetNwSrc), Value(ActionKind.SetNwDst), (ushort)Value(ActionKind.SetTpSrc), (ushort)Value(ActionKind.SetTpDst));
    }
}
