using Softswitch.Datapath.Flows;
using Softswitch.OfAgent.Text;

namespace Softswitch.Scenarios.Twaren;

/// <summary>The entries of Figures 5 and 6 for any number of campuses, with VM-S in any of them.</summary>
/// <remarks>
/// Each is one of the paper's with the ports that the tunnels give it; for two campuses they are the paper's, but for those of the other
/// campus's own network. Two things the paper did not need: entries to a machine are above those from one, so that machines in two campuses
/// need not speak by way of the home; and a campus on the way has 2028's too, to send home what comes by.
/// </remarks>
internal static class TwarenCampusFlows
{
    private const ushort FromPriority = StaticFlowSyntax.DefaultPriority;
    private const ushort ToPriority = FromPriority + 1;
    private const ushort ElsewherePriority = FromPriority - 1; // at home, below what goes to the home's own network

    private const ulong AggregationIds = 0x0001_0000_0000;
    private const ulong AccessIds = 0x0002_0000_0000;

    private const ushort AccessPort = 1;
    private const ushort GatewayPort = 2;
    private const ushort UplinkPort = 1;

    private static readonly Dictionary<string, StaticFlow> Printed =
        TwarenFlows.Read(TwarenFlows.Figure5).Concat(TwarenFlows.Read(TwarenFlows.Figure6)).ToDictionary(flow => flow.Name);

    /// <summary>Of R at home, and of the machine in campus 2.</summary>
    public const ushort NeighbourPort = 2;

    public static ulong AggregationId(int campus) => AggregationIds + (uint)campus + 1;

    public static ulong AccessId(int campus) => AccessIds + (uint)campus + 1;

    /// <summary>The campus of an access switch; null for an aggregation switch.</summary>
    public static int? AccessCampusOf(ulong datapathId) => datapathId > AccessIds ? (int)(datapathId - AccessIds) - 1 : null;

    /// <summary>Entries that name no machine: the way to VM-S's gateway, and of its ARP replies.</summary>
    public static IReadOnlyList<StaticFlow> ForGateway(TwarenTunnels tunnels) =>
        [.. Enumerable.Range(0, tunnels.Campuses).SelectMany(campus =>
        {
            ushort home = campus == 0 ? GatewayPort : tunnels.PortTo(campus, 0);
            ushort[] away = [AccessPort, .. tunnels.PortsAwayFromHome(campus)];
            ulong device = AggregationId(campus);
            return new[]
            {
                Like("2011", device, FromPriority, home),
                Like("2012", device, FromPriority, away),
                Like("2013", device, FromPriority, home),
            };
        })];

    /// <summary>Entries that name a machine of the home's network that is in a campus, on all switches.</summary>
    /// <param name="port">Its access switch's, where it is.</param>
    public static IReadOnlyList<StaticFlow> ForMachine(TwarenTunnels tunnels, TwarenMachine machine, int at, ushort port)
    {
        var flows = new List<StaticFlow>();
        for (int campus = 0; campus < tunnels.Campuses; campus++)
        {
            flows.Add(Like("2014", AggregationId(campus), ToPriority, campus == at ? AccessPort : tunnels.PortTo(campus, at)));
            flows.Add(Like("211", AccessId(campus), ToPriority, campus == at ? port : UplinkPort));
        }
        foreach (int campus in tunnels.Way(at, 0).Where(campus => campus != 0))
        {
            flows.Add(Like("2028", AggregationId(campus), FromPriority, tunnels.PortTo(campus, 0)));
        }
        if (at != 0)
        {
            flows.Add(Like("2015", AggregationId(0), FromPriority, AccessPort));
        }
        flows.Add(Like("212", AccessId(0), FromPriority, NeighbourPort));
        flows.Add(Like("222", AccessId(at), at == 0 ? ElsewherePriority : FromPriority, UplinkPort));
        return [.. flows.Select(flow => TwarenFlows.For(machine, flow))];
    }

    /// <summary>Changes by which a switch has the new entries in place of the old.</summary>
    /// <returns>Entries that go, and entries that come or change.</returns>
    public static (IReadOnlyList<StaticFlow> Gone, IReadOnlyList<StaticFlow> Come) Compare(
        IReadOnlyList<StaticFlow> old, IReadOnlyList<StaticFlow> now)
    {
        Dictionary<(ulong, FlowMatch, ushort), FlowAction[]> before = old.ToDictionary(PlaceOf, flow => flow.Flow.Actions);
        HashSet<(ulong, FlowMatch, ushort)> after = [.. now.Select(PlaceOf)];
        return (
            [.. old.Where(flow => !after.Contains(PlaceOf(flow)))],
            [.. now.Where(flow => !before.GetValueOrDefault(PlaceOf(flow), []).SequenceEqual(flow.Flow.Actions))]);
    }

    private static (ulong, FlowMatch, ushort) PlaceOf(StaticFlow flow) => (flow.Switch, flow.Flow.Match, flow.Flow.Priority);

    private static StaticFlow Like(string name, ulong device, ushort priority, params ushort[] ports) => Printed[name] with
    {
        Switch = device,
        Flow = new ParsedFlow
        {
            Match = Printed[name].Flow.Match,
            Priority = priority,
            Actions = [.. ports.Select(port => FlowAction.Output(port))],
        },
    };
}
