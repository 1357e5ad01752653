using System.Text;
using Softswitch.Datapath.Flows;
using Softswitch.OfAgent.Text;
using Softswitch.Scenarios.Twaren;

namespace Softswitch.Scenarios.Tests;

/// <summary>Figures 5 and 6 for many campuses.</summary>
public sealed class TwarenCampusFlowsTests
{
    [Theory]
    [InlineData(TwarenTunnels.Mesh)]
    [InlineData(TwarenTunnels.Star)]
    [InlineData(TwarenTunnels.Chain)]
    public void For_two_campuses_they_are_the_papers_but_for_priorities_and_what_belongs_to_the_other_campuss_own_network(string topology)
    {
        var tunnels = new TwarenTunnels(topology, 2);
        Dictionary<ulong, ulong> own = new()
        {
            [TwarenLab.FirstAggregationId] = TwarenCampusFlows.AggregationId(0),
            [TwarenLab.SecondAggregationId] = TwarenCampusFlows.AggregationId(1),
            [TwarenLab.FirstAccessId] = TwarenCampusFlows.AccessId(0),
            [TwarenLab.SecondAccessId] = TwarenCampusFlows.AccessId(1),
        };
        IEnumerable<string> printed = TwarenFlows.Read(TwarenFlows.Figure5).Concat(TwarenFlows.Read(TwarenFlows.Figure6))
            .Where(flow => flow.Name is not ("2021" or "2022" or "2025")).Select(flow => Describe(flow with { Switch = own[flow.Switch] }));
        IEnumerable<StaticFlow> made = [.. TwarenCampusFlows.ForGateway(tunnels), .. At(tunnels, 1)];
        Assert.Equal(printed.Order(), made.Select(Describe).Order());
    }

    [Theory]
    [InlineData(TwarenTunnels.Mesh, 6)]
    [InlineData(TwarenTunnels.Star, 6)]
    [InlineData(TwarenTunnels.Chain, 6)]
    public void Wherever_VM_S_is_packets_to_it_and_from_it_arrive(string topology, int campuses)
    {
        var tunnels = new TwarenTunnels(topology, campuses);
        for (int at = 0; at < campuses; at++)
        {
            var walk = new Walk(tunnels, [.. TwarenCampusFlows.ForGateway(tunnels), .. At(tunnels, at)]);
            for (int from = 0; from < campuses; from++)
            {
                (ulong, ushort) end = walk.Follow(TwarenCampusFlows.AggregationId(from), $"ip,dl_dst={TwarenLab.Moved.HardwareAddress}");
                Assert.Equal((TwarenCampusFlows.AccessId(at), TwarenLab.MachinePort), end);
            }
            string sent = $"ip,dl_src={TwarenLab.Moved.HardwareAddress},dl_dst={TwarenLab.FirstGateway.HardwareAddress},"
                + "nw_src=192.168.1.101,nw_dst=203.0.113.10";
            Assert.Equal((TwarenCampusFlows.AggregationId(0), (ushort)2), walk.Follow(TwarenCampusFlows.AccessId(at), sent));
        }
    }

    [Theory]
    [InlineData(TwarenTunnels.Mesh)]
    [InlineData(TwarenTunnels.Star)]
    [InlineData(TwarenTunnels.Chain)]
    public void A_move_made_as_a_comparison_leaves_what_a_new_table_would_have(string topology)
    {
        var tunnels = new TwarenTunnels(topology, 5);
        IReadOnlyList<StaticFlow> flows = At(tunnels, 0);
        var table = flows.ToDictionary(PlaceOf, Describe);
        foreach (int campus in new[] { 1, 2, 4, 3, 0, 4 })
        {
            IReadOnlyList<StaticFlow> next = At(tunnels, campus);
            (IReadOnlyList<StaticFlow> gone, IReadOnlyList<StaticFlow> come) = TwarenCampusFlows.Compare(flows, next);
            Assert.All(gone, flow => Assert.True(table.Remove(PlaceOf(flow))));
            foreach (StaticFlow flow in come)
            {
                Assert.NotEqual(Describe(flow), table.GetValueOrDefault(PlaceOf(flow)));
                table[PlaceOf(flow)] = Describe(flow);
            }
            Assert.Equal(next.Select(Describe).Order(), table.Values.Order());
            flows = next;
        }
    }

    [Fact]
    public void In_a_mesh_every_aggregation_switch_learns_of_a_move_and_in_a_star_the_home_and_the_two_campuses()
    {
        Assert.Equal(50, CountChanged(TwarenTunnels.Mesh));
        Assert.Equal(3, CountChanged(TwarenTunnels.Star));

        static int CountChanged(string topology)
        {
            var tunnels = new TwarenTunnels(topology, 50);
            (IReadOnlyList<StaticFlow> gone, IReadOnlyList<StaticFlow> come) = TwarenCampusFlows.Compare(At(tunnels, 7), At(tunnels, 8));
            return gone.Concat(come).Select(flow => flow.Switch).Distinct().Count(id => TwarenCampusFlows.AccessCampusOf(id) == null);
        }
    }

    private static IReadOnlyList<StaticFlow> At(TwarenTunnels tunnels, int campus) =>
        TwarenCampusFlows.ForMachine(tunnels, TwarenLab.Moved, campus, TwarenLab.MachinePort);

    private static (ulong, FlowMatch, ushort) PlaceOf(StaticFlow flow) => (flow.Switch, flow.Flow.Match, flow.Flow.Priority);

    private static string Describe(StaticFlow flow)
    {
        var text = new StringBuilder($"{flow.Switch:x} ");
        MatchText.Append(text, flow.Flow.Match);
        text.Append(" actions=");
        ActionText.Append(text, flow.Flow.Actions);
        return text.ToString();
    }

    /// <summary>Follows a packet from switch to switch, by the highest of the entries it matches.</summary>
    private sealed class Walk(TwarenTunnels tunnels, IReadOnlyList<StaticFlow> flows)
    {
        public (ulong Switch, ushort Port) Follow(ulong from, string packet)
        {
            Assert.True(FlowSyntax.TryParseLine(packet + ",actions=drop", null, out ParsedFlow? parsed, out string error), error);
            MatchNormalizer.Normalize(parsed!.Match, out FlowKey key, out _);
            ulong at = from;
            for (int hops = 0; hops < 20; hops++)
            {
                StaticFlow flow = flows.Where(flow => flow.Switch == at && Matches(flow, key)).MaxBy(flow => flow.Flow.Priority)
                    ?? throw new InvalidOperationException($"{at:x} has no entry for {packet}");
                ushort port = Assert.Single(flow.Flow.Actions).Port;
                if (Beyond(at, port) is not { } next)
                {
                    return (at, port);
                }
                at = next;
            }
            throw new InvalidOperationException($"{packet} goes around");
        }

        private static bool Matches(StaticFlow flow, in FlowKey packet)
        {
            MatchNormalizer.Normalize(flow.Flow.Match, out FlowKey key, out FlowKey mask);
            return FlowKey.Matches(packet, key, mask);
        }

        private ulong? Beyond(ulong device, ushort port)
        {
            int? access = TwarenCampusFlows.AccessCampusOf(device);
            if (access is { } campus)
            {
                return port == 1 ? TwarenCampusFlows.AggregationId(campus) : null;
            }
            int own = (int)(device - TwarenCampusFlows.AggregationId(0));
            if (port == 1)
            {
                return TwarenCampusFlows.AccessId(own);
            }
            int[] neighbours = [.. Enumerable.Range(0, tunnels.Campuses).Where(other => tunnels.Way(own, other).Count == 2)];
            int next = Array.FindIndex(neighbours, neighbour => tunnels.PortTo(own, neighbour) == port);
            return next < 0 ? null : TwarenCampusFlows.AggregationId(neighbours[next]);
        }
    }
}
