using Softswitch.Datapath.SpanningTree;

namespace Softswitch.Datapath.Tests.SpanningTree;

/// <summary>The tree as the textbook has it: computed from identifiers and costs of the whole network, without messages or time.</summary>
internal static class TreeOracle
{
    /// <summary>The ports that must forward; all other enabled ones must block.</summary>
    public static HashSet<BridgePort> ForwardingPorts(BridgeNetwork network)
    {
        var segments = network.Segments.Select(ends => ends.Where(end => end.Port.IsEnabled && !end.Bridge.IsDead).ToList()).ToList();
        var root = network.Bridges.ToDictionary(b => b, b => b.Machine.Paths.Id);
        var cost = network.Bridges.ToDictionary(b => b, _ => 0UL);
        // Bellman and Ford: the lowest identifier within reach, then the cheapest way to it.
        for (int round = 0; round < 2 * network.Bridges.Count; round++)
        {
            foreach ((SimulatedBridge near, BridgePort port, SimulatedBridge far) in
                from ends in segments from a in ends from b in ends where a.Bridge != b.Bridge select (a.Bridge, a.Port, b.Bridge))
            {
                (ulong Root, ulong Cost) offer = (root[far], cost[far] + port.PathCost);
                if (offer.CompareTo((root[near], cost[near])) < 0)
                {
                    (root[near], cost[near]) = offer;
                }
            }
        }
        var designated = new Dictionary<int, (SimulatedBridge Bridge, BridgePort Port)>();
        for (int s = 0; s < segments.Count; s++)
        {
            if (segments[s].Count > 0)
            {
                designated[s] = segments[s].MinBy(end => (cost[end.Bridge], end.Bridge.Machine.Paths.Id, end.Port.Id));
            }
        }
        HashSet<BridgePort> forwarding = [.. designated.Values.Select(end => end.Port)];
        foreach (SimulatedBridge bridge in network.Bridges.Where(b => !b.IsDead && root[b] != b.Machine.Paths.Id))
        {
            BridgePort rootPort = bridge.Machine.Ports
                .Where(port => port.IsEnabled && designated[bridge.SegmentOf(port)].Bridge != bridge)
                .MinBy(port =>
                {
                    (SimulatedBridge far, BridgePort farPort) = designated[bridge.SegmentOf(port)];
                    return (cost[far] + port.PathCost, far.Machine.Paths.Id, farPort.Id, port.Id);
                })!;
            forwarding.Add(rootPort);
        }
        return forwarding;
    }

    /// <summary>Every port is where the oracle wants it.</summary>
    public static void AssertConverged(BridgeNetwork network)
    {
        HashSet<BridgePort> expected = ForwardingPorts(network);
        foreach (SimulatedBridge bridge in network.Bridges.Where(bridge => !bridge.IsDead))
        {
            foreach (BridgePort port in bridge.Machine.Ports.Where(port => port.IsEnabled))
            {
                BridgePortState state = expected.Contains(port) ? BridgePortState.Forwarding : BridgePortState.Blocking;
                Assert.True(port.State == state, $"bridge {bridge.Machine.Paths.Id:x}, port {port.Number}: {port.State} instead of {state}");
            }
        }
    }

    /// <summary>Bridges and segments are nodes, forwarding ports the edges between them: no edge may join what is joined already.</summary>
    public static bool IsLoopFree(BridgeNetwork network) => Join(network, port => port.State == BridgePortState.Forwarding, out _);

    /// <summary>Whether forwarding ports join all that enabled ports join.</summary>
    public static bool IsSpanning(BridgeNetwork network)
    {
        Join(network, port => port.State == BridgePortState.Forwarding, out int tree);
        Join(network, port => port.IsEnabled, out int all);
        return tree == all;
    }

    private static bool Join(BridgeNetwork network, Func<BridgePort, bool> isEdge, out int parts)
    {
        int bridges = network.Bridges.Count;
        int[] parent = [.. Enumerable.Range(0, bridges + network.Segments.Count)];
        int Find(int node) => parent[node] == node ? node : Find(parent[node]);
        parts = parent.Length;
        bool isLoopFree = true;
        for (int s = 0; s < network.Segments.Count; s++)
        {
            foreach ((SimulatedBridge bridge, BridgePort port) in network.Segments[s])
            {
                if (bridge.IsDead || !isEdge(port))
                {
                    continue;
                }
                int a = Find(network.Bridges.ToList().IndexOf(bridge));
                int b = Find(bridges + s);
                isLoopFree &= a != b;
                parts -= a == b ? 0 : 1;
                parent[a] = b;
            }
        }
        return isLoopFree;
    }
}
