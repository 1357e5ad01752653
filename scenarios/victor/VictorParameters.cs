using Softswitch.Scenarios.Parameters;

namespace Softswitch.Scenarios.Victor;

/// <summary>What of VICTOR can be varied, and what a run finds.</summary>
internal static class VictorParameters
{
    public const string All = "all";
    public const string Handoffs = "handoffs";
    public const string Rates = "rates";

    public const string Together = "together";
    public const string NewFirst = "new-first";
    public const string NewLast = "new-last";

    public static Parameter<int> Pings { get; } = Parameter.Whole(
        "pings", "pings a second, of each of the streams to and from the machine that moves", 100, 5, 1000, "pps", paper: "100");

    public static Parameter<int> Size { get; } = Parameter.Whole("size", "of a ping's Ethernet frame, without FCS", 98, 60, 1464, "bytes");

    public static Parameter<int> Moves { get; } = Parameter.Whole(
        "moves", "handoffs, from FE1 to FE3 and back in turn", 10, 1, 100, small: 2);

    public static Parameter<int> Pause { get; } = Parameter.Whole(
        "pause", "between two handoffs; a random moment between two pings comes on top", 1000, 100, 10_000, "ms", small: 400);

    public static Parameter<int> Elements { get; } = Parameter.Whole(
        "elements", "forwarding elements, joined each to each by tunnels", 3, 3, 16, paper: "3");

    public static Parameter<int> Hosts { get; } = Parameter.Whole(
        "hosts", "machines that are registered besides: an entry each on every element", 0, 0, 10_000);

    public static Parameter<string> Tunnel { get; } = Parameter.Word(
        "tunnel", "what joins the elements", ["ipip", "gre", "vxlan", "capsulator"], paper: "ipip");

    public static Parameter<string> Insertion { get; } = Parameter.Word(
        "insertion",
        "how the elements get a binding: together, the new place's sent first; the new place's confirmed before the others' are sent "
        + "(make before break); after the others (break before make); each when the one before has confirmed",
        [Together, NewFirst, NewLast, "one-by-one"]);

    public static Parameter<bool> Barriers { get; } = Parameter.Flag(
        "barriers",
        "whether the controller waits for barrier replies; without, it takes what it has sent for done, and no table is judged by that", true);

    public static Parameter<string> Part { get; } = Parameter.Word(
        "part", "what is run: everything, the handoffs, or one core's rates by the tunnel", [All, Handoffs, Rates]);

    public static Measure MeanLost { get; } = new("lost_pings_mean", "pings lost at a handoff, mean");

    public static Measure MostLost { get; } = new("lost_pings_most", "pings lost at a handoff, most");

    public static Measure Interruption { get; } = new(
        "interruption_median_ms", "from the first ping without an answer at a handoff to the next answer, median, ms");

    public static Measure LongestInterruption { get; } = new(
        "interruption_most_ms", "from the first ping without an answer at a handoff to the next answer, most, ms");

    public static Measure Update { get; } = new("update_median_ms", "from the ARP to the binding on all elements, median, ms");

    public static Measure LongestUpdate { get; } = new("update_max_ms", "from the ARP to the binding on all elements, most, ms");

    public static Measure FlowMods { get; } = new("flow_mods", "flow-mods a handoff, all elements, median");

    public static Measure DirectRoundTrip { get; } = new("direct_round_trip_ms", "round trip at one element, median, ms");

    public static Measure TunnelRoundTrip { get; } = new("tunnel_round_trip_ms", "round trip by the tunnel, median, ms");

    public static Measure IntoTunnel { get; } = new("into_tunnel_mpps", "64-byte frames into the tunnel, one core, Mpps");

    public static Measure OutOfTunnel { get; } = new("out_of_tunnel_mpps", "64-byte frames out of the tunnel, one core, Mpps");

    /// <summary>In the order of <c>--list</c>.</summary>
    public static IReadOnlyList<Parameter> Every { get; } =
    [
        Pings, Size, Moves, Pause, Elements, Hosts, Tunnel, Insertion, Barriers,
        CommonParameters.Backend, CommonParameters.LinkRate, Part,
    ];

    /// <summary>In the order of columns.</summary>
    public static IReadOnlyList<Measure> Measures { get; } =
    [
        MeanLost, MostLost, Interruption, LongestInterruption, Update, LongestUpdate, FlowMods,
        DirectRoundTrip, TunnelRoundTrip, IntoTunnel, OutOfTunnel,
    ];

    public static IReadOnlyList<PaperFigure> PaperFigures { get; } =
    [
        new(
            "handoffs", "Pings lost at a handoff and its interruption, over the ping rate (§5: 1 to 2 of 100 a second)",
            ["pings=10,20,50,100,200,500"], [MeanLost, MostLost, Interruption])
        {
            Settings = ["part=handoffs", "pause=500"],
        },
    ];
}
