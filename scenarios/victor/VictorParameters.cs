
namespace Softswitch.Scenarios.Victor;

/// <summary>What of VICTOR can be varied, and what a run finds.</summary>
internal static class VictorParameters
{
    public const string All = "all";
    public const string Handoffs = "handoffs";
    public const string Rates = "rates";

    public static Parameter<int> Pings { get; } = Parameter.Whole(
        "pings", "pings a second, of each stream to and from the machine that moves", 100, 5, 1000, "pps", paper: "100");

    public static Parameter<int> Size { get; } = Parameter.Whole(
        "size", "length of the pings' Ethernet frames, without FCS", 98, 60, 1464, "bytes");

    public static Parameter<int> Moves { get; } = Parameter.Whole(
        "moves", "measured moves, from FE1 to FE3 and back in turn", 10, 1, 100, small: 2);

    public static Parameter<int> Pause { get; } = Parameter.Whole(
        "pause", "time between two moves; up to one interval of the pings more, by chance", 1000, 100, 10_000, "ms", small: 400);

    public static Parameter<int> Elements { get; } = Parameter.Whole(
        "elements", "forwarding elements, joined each to each by tunnels", 3, 3, 16, paper: "3");

    public static Parameter<int> Hosts { get; } = Parameter.Whole(
        "hosts", "machines that are registered besides, with an entry each on every element", 0, 0, 10_000);

    public static Parameter<string> Tunnel { get; } = Parameter.Word(
        "tunnel", "what joins the elements", ["ipip", "gre", "vxlan", "capsulator"], paper: "ipip");

    public static Parameter<string> Order { get; } = InsertionOrder.CreateParameter(
        InsertionOrder.Together, InsertionOrder.OneByOne, InsertionOrder.OldFirst, InsertionOrder.NewLast);

    public static Parameter<bool> Barriers { get; } = CommonParameters.CreateBarriers(
        "an update is over when the last flow-mod is sent, and no table is judged by that");

    public static Parameter<bool> MakeBeforeBreak { get; } = CommonParameters.CreateMakeBeforeBreak(
        "other elements do not wait for the new place's", value: false);

    public static Parameter<string> Part { get; } = Parameter.Word(
        "part", "what runs: all; the VM's moves (handoffs); one core without hosts (rates)", [All, Handoffs, Rates]);

    public static Measure MeanLost { get; } = new("lost_mean_pings", "pings lost in a move (mean)");

    public static Measure MostLost { get; } = new("lost_max_pings", "pings lost in a move (most)");

    public static Measure Interruption { get; } = new(
        "interruption_median_ms", "from the first ping without an answer in a move to the next answer (median), ms");

    public static Measure LongestInterruption { get; } = new(
        "interruption_max_ms", "from the first ping without an answer in a move to the next answer (longest), ms");

    public static Measure Update { get; } = new("update_median_ms", "from the ARP to the binding on all elements (median), ms");

    public static Measure LongestUpdate { get; } = new("update_max_ms", "from the ARP to the binding on all elements (longest), ms");

    public static Measure FlowMods { get; } = new("update_median_flow_mods", "flow-mods of a move (median)");

    public static Measure DirectRoundTrip { get; } = new("direct_round_trip_median_ms", "round trip at one element (median), ms");

    public static Measure TunnelRoundTrip { get; } = new("tunnel_round_trip_median_ms", "round trip by the tunnel (median), ms");

    public static Measure IntoTunnel { get; } = new("into_tunnel_mpps", "64-byte frames into the tunnel on one core, Mpps");

    public static Measure OutOfTunnel { get; } = new("out_of_tunnel_mpps", "64-byte frames out of the tunnel on one core, Mpps");

    /// <summary>In the order of <c>--list</c>.</summary>
    public static IReadOnlyList<Parameter> Every { get; } =
    [
        Part, .. OfMoves, Tunnel, CommonParameters.Backend, CommonParameters.LinkRate,
    ];

    /// <summary>The parts that a parameter matters to; the tunnel does to all.</summary>
    public static IReadOnlyDictionary<Parameter, string[]> MattersTo { get; } =
        new Dictionary<Parameter, string[]>(OfMoves.Append(CommonParameters.Backend).Append(CommonParameters.LinkRate)
            .Select(one => KeyValuePair.Create(one, (string[])[All, Handoffs])));

    /// <summary>In the order of columns.</summary>
    public static IReadOnlyList<Measure> Measures { get; } =
    [
        MeanLost, MostLost, Interruption, LongestInterruption, Update, LongestUpdate, FlowMods,
        DirectRoundTrip, TunnelRoundTrip, IntoTunnel, OutOfTunnel,
    ];

    public static IReadOnlyList<PaperFigure> PaperFigures { get; } =
    [
        new(
            "handoffs", "pings lost in a move, and its interruption, over the pings a second (§5: 1 to 2 of 100)",
            ["pings=10,20,50,100,200,500"], [MeanLost, MostLost, Interruption])
        {
            Settings = ["part=handoffs", "pause=500"],
        },
    ];

    private static IReadOnlyList<Parameter> OfMoves =>
        [Size, Pings, Moves, Pause, Elements, Hosts, Order, Barriers, MakeBeforeBreak];
}
