using System.Text;
using Softswitch.Datapath.Classification;
using Softswitch.Datapath.Headers;
using Softswitch.OfAgent.Text;

namespace Softswitch.Scenarios.Twaren;

/// <summary>The paper's flows from scenarios/twaren, and the same for many machines.</summary>
/// <remarks>
/// Tables 3 and 4 count flows for N, K and M machines. An entry that names VM-S is there once for each of them, but for one in each table that can
/// serve all: flow2 of Table 2 with the network in place of the machine, 2015 of Figure 5 for whatever of the network comes out of the tunnel.
/// </remarks>
internal static class TwarenFlows
{
    public const string Table2 = "table2.json";
    public const string Figure5AsPrinted = "fig5.json";
    public const string Figure5 = "fig5-corrected.json";
    public const string Figure6 = "fig6.json";

    private const string SharedOfTable2 = "flow2";
    private const string SharedOfFigure5 = "2015";
    private const int NetworkBits = 8; // of a /24

    /// <summary>Reads one of the files.</summary>
    /// <exception cref="ScenarioException">It is no such file; the message names the line.</exception>
    public static IReadOnlyList<StaticFlow> Read(string file)
    {
        byte[] text = Encoding.UTF8.GetBytes(FlowFile.ReadText($"twaren/{file}"));
        return StaticFlowSyntax.TryParse(text, null, out List<StaticFlow> flows, out int line, out string error)
            ? flows
            : throw new ScenarioException($"scenarios/twaren/{file}, line {line}: {error}");
    }

    /// <summary>The entry of a file with this name.</summary>
    public static StaticFlow Find(string file, string name) => Read(file).Single(flow => flow.Name == name);

    /// <summary>Controller 0 before any packet: three entries for each machine, on both aggregation switches, and one for all.</summary>
    public static IEnumerable<StaticFlow> AggregationInAdvance(IReadOnlyList<TwarenMachine> machines) =>
        [.. Read(Figure5).Where(NamesMachine).SelectMany(flow => flow.Name == SharedOfFigure5 ? [ForAllByTunnel(flow)] : machines.Select(machine => For(machine, flow)))];

    /// <summary>Controller 0 as packets come: the nine entries that name no machine.</summary>
    public static IEnumerable<StaticFlow> AggregationOnPackets() => Read(Figure5).Where(flow => !NamesMachine(flow));

    /// <summary>Controllers 1 and 2 before any packet: what goes to the machines, one entry for each on either access switch.</summary>
    public static IEnumerable<StaticFlow> AccessInAdvance(IReadOnlyList<TwarenMachine> machines) =>
        [.. Read(Figure6).Where(IsToMachine).SelectMany(flow => machines.Select(machine => For(machine, flow)))];

    /// <summary>Controllers 1 and 2 as packets come: what the machines send. The other entry for each is that of its ARP.</summary>
    public static IEnumerable<StaticFlow> AccessOnPackets(IReadOnlyList<TwarenMachine> machines) =>
        [.. Read(Figure6).Where(flow => !IsToMachine(flow)).SelectMany(flow => machines.Select(machine => For(machine, flow)))];

    /// <summary>Controller 2 in the first scenario before any packet: flow1 for each machine, and one flow2.</summary>
    public static IEnumerable<StaticFlow> ShortcutInAdvance(IReadOnlyList<TwarenMachine> machines) =>
        [.. Read(Table2).Where(flow => flow.IsActive).SelectMany(flow => flow.Name == SharedOfTable2 ? [ForNetwork(flow)] : machines.Select(machine => For(machine, flow)))];

    /// <summary>The same entry for another machine.</summary>
    public static StaticFlow For(TwarenMachine machine, StaticFlow flow)
    {
        FlowMatch match = flow.Flow.Match;
        match.DlSrc = match.DlSrc == TwarenLab.Moved.HardwareAddress ? machine.HardwareAddress : match.DlSrc;
        match.DlDst = match.DlDst == TwarenLab.Moved.HardwareAddress ? machine.HardwareAddress : match.DlDst;
        match.NwSrc = match.NwSrc == TwarenLab.Moved.Address.Host ? machine.Address.Host : match.NwSrc;
        match.NwDst = match.NwDst == TwarenLab.Moved.Address.Host ? machine.Address.Host : match.NwDst;
        StaticFlow other = With(flow, match);
        other.Flow.Actions = Array.ConvertAll(
            flow.Flow.Actions, action => action.Mac == TwarenLab.Moved.HardwareAddress ? Datapath.Actions.FlowAction.SetDlDst(machine.HardwareAddress) : action);
        return other;
    }

    private static bool NamesMachine(StaticFlow flow) => IsToMachine(flow) || flow.Flow.Match.DlSrc == TwarenLab.Moved.HardwareAddress;

    private static bool IsToMachine(StaticFlow flow) => flow.Flow.Match.DlDst == TwarenLab.Moved.HardwareAddress;

    // By the port, so that it cannot take what goes to a machine: that comes by port 1.
    private static StaticFlow ForAllByTunnel(StaticFlow flow)
    {
        FlowMatch match = flow.Flow.Match;
        match.Wildcards = (match.Wildcards | FlowWildcards.DlSrc) & ~FlowWildcards.InPort;
        match.DlSrc = default;
        match.InPort = TwarenLab.TunnelPort;
        return With(flow, match);
    }

    private static StaticFlow ForNetwork(StaticFlow flow)
    {
        FlowMatch match = flow.Flow.Match;
        match.Wildcards |= FlowWildcards.DlSrc;
        match.DlSrc = default;
        match.NwSrc &= ~((1u << NetworkBits) - 1);
        match.SetNwWildBits(NetworkBits, match.NwDstWildBits);
        return With(flow, match);
    }

    private static StaticFlow With(StaticFlow flow, in FlowMatch match) =>
        flow with { Flow = new ParsedFlow { Match = match, Priority = flow.Flow.Priority, Actions = flow.Flow.Actions } };
}
