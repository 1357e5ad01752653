using System.Text;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Lab;
using Softswitch.OfAgent.Text;
using Softswitch.Ports.Tunnels.Settings;

namespace Softswitch.Scenarios.Twaren;

/// <summary>The paper's flows from scenarios/twaren, and the same for many machines.</summary>
/// <remarks>
/// Tables 3 and 4 count flows for N, K and M machines. An entry that names VM-S is there once for each of them, but for one in each table that can
/// serve all: flow2 of Table 2 with the network in place of the machine, 2015 of Figure 5 for whatever of the network comes out of the tunnel.
/// The paper's network, 192.168.1.0/24, has no room for a thousand: for more machines than VM-S it is 192.168.0.0/22, for more than fit there 192.168.0.0/18.
/// </remarks>
internal static class TwarenFlows
{
    public const string Table2 = "table2.json";
    public const string Figure5AsPrinted = "fig5.json";
    public const string Figure5 = "fig5-corrected.json";
    public const string Figure6 = "fig6.json";

    private const string SharedOfTable2 = "flow2";
    private const string SharedOfFigure5 = "2015";

    private const ulong FirstMachine = 0x0200_0000_0000;

    private static readonly Ipv4Prefix Network = AddressLiterals.Prefix("192.168.1.0/24");
    private static readonly Ipv4Prefix WideNetwork = AddressLiterals.Prefix("192.168.0.0/22");
    private static readonly Ipv4Prefix WidestNetwork = AddressLiterals.Prefix("192.168.0.0/18");

    // Its first and last address are no machine's; nor are those of the ones there are besides.
    private const int MostInWideNetwork = 1000;

    /// <summary>VM-S and others of its network, with addresses of their own.</summary>
    public static IReadOnlyList<TwarenMachine> MakeMachines(int count)
    {
        HashSet<Be32> taken = [TwarenLab.Moved.Address, TwarenLab.FirstGateway.Address, TwarenLab.NeighbourAddress, TwarenLab.Stranger.Address];
        Ipv4Prefix network = NetworkOf(count);
        IEnumerable<Be32> free = Enumerable.Range(1, (1 << (32 - network.Length)) - 2)
            .Select(host => Be32.FromHost(network.Address.Host + (uint)host)).Where(address => !taken.Contains(address));
        return [TwarenLab.Moved, .. free.Take(count - 1).Select(address => new TwarenMachine(new MacAddress(FirstMachine + address.Host), address))];
    }

    /// <summary>Reads one of the files.</summary>
    /// <exception cref="TestbedException">It is no such file; the message names the line.</exception>
    public static IReadOnlyList<StaticFlow> Read(string file)
    {
        byte[] text = Encoding.UTF8.GetBytes(FlowFile.ReadText($"twaren/{file}"));
        return StaticFlowSyntax.TryParse(text, null, out List<StaticFlow> flows, out int line, out string error)
            ? flows
            : throw new TestbedException($"scenarios/twaren/{file}, line {line}: {error}");
    }

    /// <summary>The entry of a file with this name.</summary>
    public static StaticFlow Find(string file, string name) => Read(file).Single(flow => flow.Name == name);

    /// <summary>Controller 0 before any packet: three entries for each machine, on both aggregation switches, and one for all.</summary>
    public static IReadOnlyList<StaticFlow> AggregationInAdvance(IReadOnlyList<TwarenMachine> machines) =>
        ForEach(machines, Read(Figure5).Where(NamesMachine), SharedOfFigure5, ByTunnel);

    /// <summary>Controller 0 as packets come: the nine entries that name no machine.</summary>
    public static IReadOnlyList<StaticFlow> AggregationOnPackets(IReadOnlyList<TwarenMachine> machines) =>
        [.. Read(Figure5).Where(flow => !NamesMachine(flow)).Select(flow => With(flow, Widen(flow.Flow.Match, machines)))];

    /// <summary>Controllers 1 and 2 before any packet: what goes to the machines, one entry for each on either access switch.</summary>
    public static IReadOnlyList<StaticFlow> AccessInAdvance(IReadOnlyList<TwarenMachine> machines) => ForEach(machines, Read(Figure6).Where(IsToMachine));

    /// <summary>Controllers 1 and 2 as packets come: what the machines send. The other reactive entry for each is that of its ARP.</summary>
    public static IReadOnlyList<StaticFlow> AccessOnPackets(IReadOnlyList<TwarenMachine> machines) => ForEach(machines, Read(Figure6).Where(flow => !IsToMachine(flow)));

    /// <summary>Controller 2 in the first scenario before any packet: flow1 for each machine, and one flow2.</summary>
    public static IReadOnlyList<StaticFlow> ShortcutInAdvance(IReadOnlyList<TwarenMachine> machines) =>
        ForEach(machines, Read(Table2).Where(flow => flow.IsActive), SharedOfTable2, FromNetwork);

    private static StaticFlow[] ForEach(
        IReadOnlyList<TwarenMachine> machines, IEnumerable<StaticFlow> flows, string? shared = null, Func<FlowMatch, FlowMatch>? share = null) =>
        [.. flows.SelectMany(flow => flow.Name == shared
            ? [With(flow, Widen(share!(flow.Flow.Match), machines))]
            : machines.Select(machine => For(machine, With(flow, Widen(flow.Flow.Match, machines)))))];

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
            flow.Flow.Actions, action => action.Mac == TwarenLab.Moved.HardwareAddress ? FlowAction.SetDlDst(machine.HardwareAddress) : action);
        return other;
    }

    private static bool NamesMachine(StaticFlow flow) => IsToMachine(flow) || flow.Flow.Match.DlSrc == TwarenLab.Moved.HardwareAddress;

    private static bool IsToMachine(StaticFlow flow) => flow.Flow.Match.DlDst == TwarenLab.Moved.HardwareAddress;

    // By the port, so that it cannot take what goes to a machine: that comes by port 1.
    private static FlowMatch ByTunnel(FlowMatch match)
    {
        match.Wildcards = (match.Wildcards | FlowWildcards.DlSrc) & ~FlowWildcards.InPort;
        match.DlSrc = default;
        match.InPort = TwarenLab.TunnelPort;
        return match;
    }

    private static FlowMatch FromNetwork(FlowMatch match)
    {
        match.Wildcards |= FlowWildcards.DlSrc;
        match.DlSrc = default;
        match.NwSrc = Network.Address.Host;
        match.SetNwWildBits(32 - Network.Length, match.NwDstWildBits);
        return match;
    }

    private static Ipv4Prefix NetworkOf(int machines) => machines == 1 ? Network : machines <= MostInWideNetwork ? WideNetwork : WidestNetwork;

    private static FlowMatch Widen(FlowMatch match, IReadOnlyList<TwarenMachine> machines)
    {
        Ipv4Prefix network = NetworkOf(machines.Count);
        bool isSource = match.NwSrc == Network.Address.Host && match.NwSrcWildBits == 32 - Network.Length;
        bool isDestination = match.NwDst == Network.Address.Host && match.NwDstWildBits == 32 - Network.Length;
        match.NwSrc = isSource ? network.Address.Host : match.NwSrc;
        match.NwDst = isDestination ? network.Address.Host : match.NwDst;
        match.SetNwWildBits(isSource ? 32 - network.Length : match.NwSrcWildBits, isDestination ? 32 - network.Length : match.NwDstWildBits);
        return match;
    }

    private static StaticFlow With(StaticFlow flow, in FlowMatch match) =>
        flow with { Flow = new ParsedFlow { Match = match, Priority = flow.Flow.Priority, Actions = flow.Flow.Actions } };
}
