using Softswitch.Datapath.SpanningTree;

namespace Softswitch.Datapath.Tests.SpanningTree;

/// <summary>The state machine of IEEE 802.1D-1998 §8, alone and in small networks.</summary>
public sealed class SpanningTreeBridgeTests
{
    private const ulong A = 0x8000_0200_0000_000a;
    private const ulong B = 0x8000_0200_0000_000b;
    private const ulong C = 0x8000_0200_0000_000c;
    private const int Converged = 35;

    [Fact]
    public void A_bridge_alone_is_the_root_and_forwards_after_listening_and_learning()
    {
        BridgeNetwork network = Alone(A, out SimulatedBridge a);
        Assert.Equal(BridgePortState.Listening, a.StateOf(0));
        network.Run(14);
        Assert.Equal(BridgePortState.Listening, a.StateOf(0));
        network.Run(1);
        Assert.Equal(BridgePortState.Learning, a.StateOf(0));
        network.Run(14);
        Assert.Equal(BridgePortState.Learning, a.StateOf(0));
        network.Run(1);
        Assert.Equal(BridgePortState.Forwarding, a.StateOf(0));
        Assert.True(a.Machine.Paths.IsRoot);
        Assert.Equal(A, a.Machine.Paths.Root);
    }

    [Fact]
    public void The_root_says_hello_every_hello_time()
    {
        BridgeNetwork network = new();
        SimulatedBridge a = network.AddBridge(A, new SpanningTreeOptions { HelloSeconds = 3 });
        network.Connect(a);
        network.Run(30);
        Assert.Equal(10, a.Sent.Count);
        Bpdu hello = a.Sent[^1].Bpdu;
        Assert.Equal(new BridgePriority(A, 0, A, 0x8001), hello.Priority);
        Assert.Equal(0, hello.MessageAge);
        Assert.Equal(new BridgeTimes(20_000, 3000, 15_000), hello.Times);
    }

    [Fact]
    public void The_cheaper_way_wins_and_costs_add_up()
    {
        BridgeNetwork network = new();
        SimulatedBridge a = network.AddBridge(A);
        SimulatedBridge b = network.AddBridge(B);
        SimulatedBridge c = network.AddBridge(C);
        network.Connect(4, a, b);
        network.Connect(4, b, c);
        network.Connect(19, a, c);
        network.Run(Converged);
        Assert.Equal(8u, c.Machine.Paths.RootPathCost);
        AssertStates(c, BridgePortState.Forwarding, BridgePortState.Blocking);
        c.Machine.SetPathCost(c.Machine.Ports[1], 2, network.Now); // the direct link became faster
        network.Run(Converged);
        Assert.Equal(2u, c.Machine.Paths.RootPathCost);
        Assert.Equal(c.Machine.Ports[1], c.Machine.Paths.RootPort);
        AssertStates(b, BridgePortState.Forwarding, BridgePortState.Blocking); // the segment between them is now the other's
        TreeOracle.AssertConverged(network);
    }

    [Fact]
    public void When_the_link_to_the_root_is_lost_the_blocked_one_takes_over()
    {
        BridgeNetwork network = Triangle(out _, out _, out SimulatedBridge c);
        network.Run(Converged);
        network.Cut(1);
        Assert.Equal(c.Machine.Ports[1], c.Machine.Paths.RootPort);
        Assert.Equal(BridgePortState.Listening, c.StateOf(1));
        network.Run(30);
        Assert.Equal(BridgePortState.Forwarding, c.StateOf(1));
        TreeOracle.AssertConverged(network);
        network.Mend(1);
        network.Run(Converged);
        AssertStates(c, BridgePortState.Forwarding, BridgePortState.Blocking);
        TreeOracle.AssertConverged(network);
    }

    [Fact]
    public void A_root_that_falls_silent_is_replaced_after_max_age()
    {
        BridgeNetwork network = Triangle(out SimulatedBridge a, out SimulatedBridge b, out SimulatedBridge c);
        network.Run(Converged);
        a.IsDead = true;
        network.Run(17);
        Assert.Equal(A, b.Machine.Paths.Root); // the last hello is at most two seconds old
        Assert.Equal(A, c.Machine.Paths.Root);
        network.Run(6);
        Assert.Equal(B, b.Machine.Paths.Root);
        Assert.True(b.Machine.Paths.IsRoot);
        network.Run(Converged);
        Assert.Equal(B, c.Machine.Paths.Root);
        Assert.Equal(c.Machine.Ports[1], c.Machine.Paths.RootPort);
        Assert.Equal(BridgePortState.Forwarding, c.StateOf(1));
        a.IsDead = false;
        network.Run(Converged);
        TreeOracle.AssertConverged(network);
    }

    [Fact]
    public void A_topology_change_is_notified_to_the_root_acknowledged_and_told_to_all_for_max_age_and_forward_delay()
    {
        BridgeNetwork network = new();
        SimulatedBridge a = network.AddBridge(A);
        SimulatedBridge b = network.AddBridge(B);
        SimulatedBridge c = network.AddBridge(C);
        network.Connect(a, b);
        network.Connect(b, c);
        network.Run(100);
        Assert.All(network.Bridges, bridge => Assert.False(bridge.IsTopologyChange));
        c.Sent.Clear();
        b.Sent.Clear();
        int segment = network.Connect(c); // a port of the farthest bridge
        network.Run(33); // it forwards after 30; the news travel, a hold time each, through two bridges and back
        Assert.All(network.Bridges, bridge => Assert.True(bridge.IsTopologyChange));
        Assert.Single(c.Sent, sent => sent.Bpdu.IsChangeNotice);
        Assert.Single(b.Sent, sent => sent.Bpdu.IsChangeNotice);
        Assert.Contains(b.Sent, sent => sent.Bpdu.ChangeAcknowledged && sent.Port == 2);
        network.Run(31);
        Assert.All(network.Bridges, bridge => Assert.True(bridge.IsTopologyChange));
        network.Run(6); // 30 + 35, and the way
        Assert.All(network.Bridges, bridge => Assert.False(bridge.IsTopologyChange));
        network.Cut(segment); // a leaf's loss is no change of the tree
        network.Run(5);
        Assert.All(network.Bridges, bridge => Assert.False(bridge.IsTopologyChange));
    }

    [Fact]
    public void A_change_notice_is_repeated_until_it_is_acknowledged()
    {
        BridgeNetwork network = new();
        SimulatedBridge a = network.AddBridge(A);
        SimulatedBridge b = network.AddBridge(B);
        network.Connect(a, b);
        network.Run(100);
        a.IsDead = true; // as deaf as dumb
        b.Sent.Clear();
        BridgePort leaf = b.AddPort(0, 10);
        // Just in time: it forwards while the silent root still counts.
        b.Machine.Enable(leaf, network.Now);
        BridgePort rootPort = b.Machine.Paths.RootPort!;
        for (int second = 0; second < 36; second++)
        {
            network.Run(1);
            // The root's last words are kept fresh.
            b.Machine.Receive(rootPort, Claim(A, 0, A, 0x8001), network.Now);
        }
        Assert.InRange(b.Sent.Count(sent => sent.Bpdu.IsChangeNotice), 3, 4);
        b.Machine.Receive(rootPort, Claim(A, 0, A, 0x8001) with { ChangeAcknowledged = true }, network.Now);
        b.Sent.Clear();
        network.Run(6);
        Assert.DoesNotContain(b.Sent, sent => sent.Bpdu.IsChangeNotice);
    }

    [Fact]
    public void Whoever_knows_less_is_told_at_once_and_no_port_speaks_twice_in_a_second()
    {
        BridgeNetwork network = Alone(A, out SimulatedBridge a);
        network.Run(9);
        a.Sent.Clear();
        for (int i = 0; i < 1000; i++)
        {
            a.Machine.Receive(a.Machine.Ports[0], Claim(B, 0, B, 0x8001), network.Now);
        }
        Assert.Single(a.Sent);
        network.Run(1);
        Assert.Equal(2, a.Sent.Count); // the pending answer, which is the hello as well
    }

    [Fact]
    public void The_root_decides_the_times_but_only_within_the_standards_ranges()
    {
        BridgeNetwork network = Alone(B, out SimulatedBridge b);
        b.Machine.Receive(b.Machine.Ports[0], Claim(A, 0, A, 0x8001) with { Times = new BridgeTimes(10_000, 1000, 7000) }, network.Now);
        Assert.Equal(new BridgeTimes(10_000, 1000, 7000), b.Machine.Times);
        b.Machine.Receive(b.Machine.Ports[0], Claim(A, 0, A, 0x8001) with { Times = new BridgeTimes(1, 0, 0) }, network.Now);
        Assert.Equal(new BridgeTimes(6000, 1000, 4000), b.Machine.Times);
        b.Machine.Receive(b.Machine.Ports[0], Claim(A, 0, A, 0x8001) with { Times = new BridgeTimes(255_000, 255_000, 255_000) }, network.Now);
        Assert.Equal(new BridgeTimes(40_000, 10_000, 30_000), b.Machine.Times);
        network.Run(60); // silent ever since
        Assert.True(b.Machine.Paths.IsRoot);
        Assert.Equal(new BridgeTimes(20_000, 2000, 15_000), b.Machine.Times);
    }

    [Fact]
    public void What_a_bridge_passes_on_is_a_second_older()
    {
        BridgeNetwork network = Alone(B, out SimulatedBridge b, links: 2);
        network.Run(1);
        b.Machine.Receive(b.Machine.Ports[0], Claim(A, 0, A, 0x8001) with { MessageAge = 3000 }, network.Now);
        (ushort port, Bpdu bpdu) = b.Sent[^1];
        Assert.Equal(2, port);
        Assert.Equal(4000, bpdu.MessageAge);
        Assert.Equal(new BridgePriority(A, 10, B, 0x8002), bpdu.Priority);
    }

    [Fact]
    public void Costs_that_a_neighbour_makes_up_do_not_wrap()
    {
        BridgeNetwork network = Alone(B, out SimulatedBridge b, links: 2);
        b.Machine.Receive(b.Machine.Ports[0], Claim(A, uint.MaxValue, A, 0x8001), network.Now);
        Assert.Equal(uint.MaxValue, b.Machine.Paths.RootPathCost);
        b.Machine.Receive(b.Machine.Ports[1], Claim(A, 5, A, 0x8002), network.Now);
        Assert.Equal(15u, b.Machine.Paths.RootPathCost);
        Assert.Equal(b.Machine.Ports[1], b.Machine.Paths.RootPort);
    }

    [Fact]
    public void Of_two_ways_as_good_the_one_from_the_neighbours_lower_port_leads_to_the_root()
    {
        BridgeNetwork network = Alone(B, out SimulatedBridge b, links: 2);
        b.Machine.Receive(b.Machine.Ports[0], Claim(A, 0, A, 0x8002), network.Now);
        b.Machine.Receive(b.Machine.Ports[1], Claim(A, 0, A, 0x8001), network.Now);
        Assert.Equal(b.Machine.Ports[1], b.Machine.Paths.RootPort);
    }

    [Fact]
    public void Its_own_words_come_back_and_mean_nothing()
    {
        BridgeNetwork network = Alone(A, out SimulatedBridge a);
        network.Run(Converged);
        a.Machine.Receive(a.Machine.Ports[0], a.Sent[^1].Bpdu, network.Now);
        Assert.Equal(BridgePortState.Forwarding, a.StateOf(0));
        network.Run(30);
        Assert.Equal(BridgePortState.Forwarding, a.StateOf(0));
    }

    [Fact]
    public void A_port_that_is_removed_is_no_way_to_the_root()
    {
        BridgeNetwork network = Triangle(out _, out SimulatedBridge b, out _);
        network.Run(Converged);
        b.Machine.Remove(b.Machine.Paths.RootPort!, network.Now);
        Assert.Single(b.Machine.Ports);
        network.Run(60);
        Assert.Equal(A, b.Machine.Paths.Root);
        Assert.Equal(20u, b.Machine.Paths.RootPathCost); // by way of the third
    }

    private static Bpdu Claim(ulong root, uint cost, ulong bridge, ushort port) =>
        new(false, new BridgePriority(root, cost, bridge, port), 0, new BridgeTimes(20_000, 2000, 15_000), false, false);

    private static BridgeNetwork Alone(ulong id, out SimulatedBridge bridge, int links = 1)
    {
        BridgeNetwork network = new();
        bridge = network.AddBridge(id);
        for (int i = 0; i < links; i++)
        {
            network.Connect(bridge);
        }
        return network;
    }

    private static BridgeNetwork Triangle(out SimulatedBridge a, out SimulatedBridge b, out SimulatedBridge c)
    {
        BridgeNetwork network = new();
        a = network.AddBridge(A);
        b = network.AddBridge(B);
        c = network.AddBridge(C);
        network.Connect(a, b);
        network.Connect(a, c);
        network.Connect(b, c);
        return network;
    }

    private static void AssertStates(SimulatedBridge bridge, params BridgePortState[] states) =>
        Assert.Equal(states, bridge.Machine.Ports.Select(port => port.State));
}
