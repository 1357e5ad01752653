using Softswitch.Bench.Topology;

namespace Softswitch.Bench.Tests.Topology;

public sealed class TopologyShapeTests
{
    public static TheoryData<string, int> Shapes => new(
        from kind in Enum.GetValues<TopologyKind>()
        from switches in Enumerable.Range(2, 31).Append(100).Append(250)
        where switches >= TopologyShape.Bounds(kind).Least && switches <= TopologyShape.Bounds(kind).Most
        select ($"{kind}", switches));

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Ports_are_numbered_from_1_without_gaps_and_each_is_one_hosts_or_one_cables(string kind, int switches)
    {
        TopologyShape shape = Create(kind, switches);
        ILookup<int, ushort> ports = shape.Hosts.Select(host => (host.Switch, host.Port))
            .Concat(shape.Cables.SelectMany(cable => ((int, ushort)[])[(cable.Near, cable.NearPort), (cable.Far, cable.FarPort)]))
            .ToLookup(port => port.Item1, port => port.Item2);
        Assert.Equal(switches, ports.Count);
        Assert.All(ports, of => Assert.Equal(Enumerable.Range(1, of.Count()), of.Order().Select(port => (int)port)));
        Assert.Equal(shape.HasLoop ? switches : switches - 1, shape.Cables.Count);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Between_the_first_two_hosts_there_are_the_most_switches(string kind, int switches)
    {
        TopologyShape shape = Create(kind, switches);
        // Of a ring without the cable that a tree from its first switch leaves out: that between the two which are farthest.
        TopologyCable[] cables = [.. shape.Cables.Where(cable => !shape.HasLoop || !IsLeftOut(cable))];
        Assert.Equal(switches - 1, cables.Length);
        Assert.Equal(shape.LongestPath, Path(shape.Hosts[0].Switch, shape.Hosts[1].Switch));
        int longest = shape.Hosts.SelectMany(from => Distances(from.Switch)).Where(at => shape.Hosts.Any(host => host.Switch == at.Key)).Max(at => at.Value) + 1;
        Assert.Equal(shape.LongestPath, longest);

        bool IsLeftOut(TopologyCable cable) => (cable.Near, cable.Far) == (switches / 2, (switches / 2) + 1);

        int Path(int from, int to) => Distances(from)[to] + 1;

        Dictionary<int, int> Distances(int from)
        {
            var known = new Dictionary<int, int> { [from] = 0 };
            var next = new Queue<int>([from]);
            while (next.TryDequeue(out int at))
            {
                foreach (int other in cables.Where(cable => cable.Near == at).Select(cable => cable.Far).Concat(cables.Where(cable => cable.Far == at).Select(cable => cable.Near)))
                {
                    if (known.TryAdd(other, known[at] + 1))
                    {
                        next.Enqueue(other);
                    }
                }
            }
            return known;
        }
    }

    [Theory]
    [InlineData(2, 2)]
    [InlineData(16, 240)]
    [InlineData(50, 200)]
    [InlineData(200, 200)]
    [InlineData(250, 250)]
    public void Every_host_pings_the_same_number_of_others_all_of_them_while_they_are_few(int hosts, int pairs)
    {
        IReadOnlyList<(int From, int To)> chosen = TopologyPings.Pairs(hosts);
        Assert.Equal(pairs, chosen.Distinct().Count());
        Assert.Equal(pairs, chosen.Count);
        Assert.All(chosen, pair => Assert.NotEqual(pair.From, pair.To));
        Assert.All(chosen.GroupBy(pair => pair.From), from => Assert.Equal(pairs / hosts, from.Count()));
    }

    private static TopologyShape Create(string kind, int switches) => TopologyShape.Create(Enum.Parse<TopologyKind>(kind), switches);
}
