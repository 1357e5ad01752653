using Softswitch.Scenarios.Twaren;

namespace Softswitch.Scenarios.Tests;

/// <summary>The ways between many campuses.</summary>
public sealed class TwarenTunnelsTests
{
    [Theory]
    [InlineData(TwarenTunnels.Mesh, 50, 1225)]
    [InlineData(TwarenTunnels.Star, 50, 49)]
    [InlineData(TwarenTunnels.Chain, 50, 49)]
    [InlineData(TwarenTunnels.Mesh, 2, 1)]
    [InlineData(TwarenTunnels.Star, 2, 1)]
    [InlineData(TwarenTunnels.Chain, 2, 1)]
    public void There_are_as_many_tunnels_as_the_topology_needs_and_each_end_has_its_port(string topology, int campuses, int tunnels)
    {
        var all = new TwarenTunnels(topology, campuses);
        Assert.Equal(tunnels, all.Pairs.Count());
        for (int campus = 0; campus < campuses; campus++)
        {
            IEnumerable<int> ends = all.Pairs.Where(pair => pair.Near == campus || pair.Far == campus)
                .Select(pair => pair.Near == campus ? pair.Far : pair.Near);
            Assert.Equal(all.PortsOf(campus).Order(), ends.Select(end => all.PortTo(campus, end)).Order());
        }
    }

    [Theory]
    [InlineData(TwarenTunnels.Mesh, 2)]
    [InlineData(TwarenTunnels.Star, 3)]
    [InlineData(TwarenTunnels.Chain, 8)]
    public void A_way_goes_from_tunnel_to_tunnel_and_is_as_long_as_the_topology_makes_it(string topology, int longest)
    {
        var all = new TwarenTunnels(topology, 8);
        HashSet<(int, int)> joined = [.. all.Pairs, .. all.Pairs.Select(pair => (pair.Far, pair.Near))];
        List<int> lengths = [];
        for (int from = 0; from < all.Campuses; from++)
        {
            for (int to = 0; to < all.Campuses; to++)
            {
                IReadOnlyList<int> way = all.Way(from, to);
                Assert.Equal((from, to), (way[0], way[^1]));
                Assert.All(way.Zip(way.Skip(1)), hop => Assert.Contains(hop, joined));
                lengths.Add(way.Count);
            }
        }
        Assert.Equal(longest, lengths.Max());
    }

    [Theory]
    [InlineData(TwarenTunnels.Mesh)]
    [InlineData(TwarenTunnels.Star)]
    [InlineData(TwarenTunnels.Chain)]
    public void What_the_home_sends_away_from_home_reaches_every_campus_once(string topology)
    {
        var all = new TwarenTunnels(topology, 7);
        List<int> reached = [];
        Spread(0);
        Assert.Equal(Enumerable.Range(0, all.Campuses), reached.Order());

        void Spread(int campus)
        {
            reached.Add(campus);
            IReadOnlyList<ushort> away = all.PortsAwayFromHome(campus);
            IEnumerable<int> neighbours = Enumerable.Range(0, all.Campuses).Where(other => all.Way(campus, other).Count == 2);
            foreach (int next in neighbours.Where(neighbour => away.Contains(all.PortTo(campus, neighbour))))
            {
                Spread(next);
            }
        }
    }
}
