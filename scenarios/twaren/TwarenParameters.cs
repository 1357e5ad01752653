using Softswitch.Hosting.Configuration;
using Softswitch.Lab.Measures;

namespace Softswitch.Scenarios.Twaren;

/// <summary>What can be varied.</summary>
internal static class TwarenParameters
{
    /// <summary>Values of <see cref="Part"/>.</summary>
    public const string All = "all";
    public const string Paths = "paths";
    public const string Shortcut = "shortcut";
    public const string Tables = "tables";
    public const string Rates = "rates";
    public const string Networks = "networks";

    /// <summary>Values of <see cref="Insertion"/>.</summary>
    public const string AsThePaper = "paper";

    private const int MostMachines = 10_000;
    private const int MostNetworks = 50;

    // Each tunnel carries it whole.
    private const int LongestFrame = 1400;

    public static readonly Parameter<string> Part = Parameter.Word(
        "part",
        "what runs: all of the paper's; scenarios 2 and 3 (paths); scenario 1 with Table 2 (shortcut); Tables 3 and 4 (tables); "
        + "one core without hosts (rates); VM-S's way through many campuses (networks), which is not among all",
        [All, Paths, Shortcut, Tables, Rates, Networks]);

    public static readonly Parameter<int> K = Parameter.Whole(
        "k", "machines of the domain that controllers 0 and 1 have entries for", 1000, 1, MostMachines, small: 50, paper: "K of Table 4");

    public static readonly Parameter<int> M = Parameter.Whole(
        "m", "machines of the domain that controller 2 has entries for", 1000, 1, MostMachines, small: 50, paper: "M of Table 4");

    public static readonly Parameter<int> N = Parameter.Whole(
        "n", "machines that controller 2 has Table 2's entries for", 1000, 1, MostMachines, small: 50, paper: "N of Table 3");

    public static readonly Parameter<int> NetworkCount = Parameter.Whole(
        "networks", "campuses in one layer-2 domain, each with an access and an aggregation switch", 2, 2, MostNetworks, paper: "2");

    public static readonly Parameter<string> Topology = Parameter.Word(
        "topology",
        "tunnels between the aggregation switches: one for each pair (mesh), all to VM-S's home (star), each to the next (chain)",
        [TwarenTunnels.Mesh, TwarenTunnels.Star, TwarenTunnels.Chain], paper: "one tunnel; a full mesh for several levels (§4)");

    public static readonly Parameter<int> Moves = Parameter.Whole(
        "moves", "measured moves of VM-S, to campus 2 or on to the next campus (networks)", 1, 1, 1000, paper: "1");

    public static readonly Parameter<double> Pings = Parameter.Number(
        "pings", "pps", "pings a second of each stream", 100, 1, 5000);

    public static readonly Parameter<int> Rate = Parameter.Whole(
        "rate", "UDP packets a second to VM-S, and from it (paths)", 1000, 10, 20_000, "pps", guest: 200);

    public static readonly Parameter<int> FullRate = Parameter.Whole(
        "full-rate", "UDP packets a second, each way, between VM-S and R while the tables are full", 5000, 10, 20_000, "pps", small: 1000);

    public static readonly Parameter<int> Size = Parameter.Whole(
        "size", "length of the UDP packets' Ethernet frames, without FCS",
        106, UdpStream.HeaderLength + UdpStream.LeastLength, LongestFrame, "bytes");

    public static readonly Parameter<int> BenchSize = Parameter.Whole(
        "bench-size", "length of the Ethernet frames that one core forwards from memory, without FCS",
        FlowHeaders.MinFrame, FlowHeaders.MinFrame, FlowHeaders.MaxFrame, "bytes");

    public static readonly Parameter<double> Duration = Parameter.Number(
        "duration", "s", "how long each stream of UDP packets or pings lasts", 3, 0.5, 600, small: 1);

    public static readonly Parameter<string> Insertion = CommonParameters.CreateInsertion(
        [AsThePaper, CommonParameters.Proactive, CommonParameters.Reactive, CommonParameters.OnDemand],
        ", for the first that an entry sends to the controller (on-demand); the paper's is proactive, and on-demand for flow4. "
        + "A move with reactive entries has no update time: they come with packets");

    public static readonly Parameter<bool> Barriers = CommonParameters.CreateBarriers("an update is over when the last flow-mod is sent");

    public static readonly Parameter<bool> MakeBeforeBreak = CommonParameters.CreateMakeBeforeBreak(
        "all entries change when VM-S is there", value: false);

    public static readonly Parameter<string> Tunnel = Parameter.Word(
        "tunnel", "what joins the aggregation switches", ["capsulator", "gre", "vxlan"], paper: "an IP tunnel");

    public static readonly Parameter<int> ArpExpiry = Parameter.Whole(
        "arp-expiry", "how long flow3 and other reactive ARP entries live", 5, 1, 60, "s", small: 2, paper: "a fixed time");

    public static IReadOnlyList<Parameter> List { get; } =
    [
        Part, Rate, Size, Pings, Moves, NetworkCount, Topology, K, M, N, FullRate, BenchSize, Duration, Insertion, Barriers,
        MakeBeforeBreak, ArpExpiry, Tunnel, CommonParameters.Backend, CommonParameters.Device, CommonParameters.LinkRate,
    ];

    // What is not here matters everywhere. The whole has AcS2 on AF_PACKET, and then on a card.
    private static readonly Dictionary<Parameter, string[]> MattersTo = new()
    {
        [K] = [All, Tables, Rates],
        [M] = [All, Tables],
        [N] = [All, Tables],
        [NetworkCount] = [Networks],
        [Topology] = [Networks],
        [Moves] = [All, Paths, Networks],
        [Pings] = [All, Paths, Shortcut, Networks],
        [Rate] = [All, Paths, Networks],
        [FullRate] = [All, Tables],
        [Size] = [All, Paths, Tables, Networks],
        [BenchSize] = [All, Rates],
        [Duration] = [All, Paths, Shortcut, Tables],
        [Insertion] = [Paths, Shortcut, Networks],
        [Barriers] = [Networks],
        [MakeBeforeBreak] = [Networks],
        [Tunnel] = [All, Paths, Shortcut, Tables, Networks],
        [ArpExpiry] = [All, Shortcut],
        [CommonParameters.Backend] = [Paths, Shortcut, Tables, Networks],
        [CommonParameters.Device] = [Paths, Shortcut, Tables, Networks],
        [CommonParameters.LinkRate] = [All, Paths, Shortcut, Tables, Networks],
    };

    /// <summary>Whether packets can be lost because more are asked for than machine or cables carry.</summary>
    public static bool LoadIsSet(ParameterValues values) =>
        new Parameter[] { Rate, Size, Pings, Duration, CommonParameters.LinkRate }.Any(values.IsSet);

    /// <exception cref="OptionException">It names the keys and the reason.</exception>
    public static void Check(ParameterValues values, ScenarioOptions options)
    {
        values.CheckPart(Part, MattersTo);
        string part = values.Get(Part);
        string insertion = values.Get(Insertion);
        if (insertion == CommonParameters.OnDemand && part != Shortcut)
        {
            throw new OptionException(
                $"{Insertion.Key}: {CommonParameters.OnDemand} needs part={Shortcut}: "
                + "only Table 2 has a flow that sends packets to the controller");
        }
        if (options.UsesGuests && part is Rates or Networks)
        {
            throw new OptionException($"{Part.Key}: {part} has no guest; leave --vm out");
        }
        if (options.UsesGuests && values.IsSet(CommonParameters.Device))
        {
            throw new OptionException($"{CommonParameters.Device.Key}: a guest's cable cannot be a card's wire; leave --vm out");
        }
        CheckPings(values, options, part);
    }

    private static void CheckPings(ParameterValues values, ScenarioOptions options, string part)
    {
        double perSecond = values.Get(Pings);
        double inDuration = perSecond * values.Get(Duration);
        if (part is All or Shortcut && inDuration is < 2 or > PingStream.MostPings)
        {
            throw new OptionException(
                $"{Pings.Key}: {values.TextOf(Pings)} a second, {Duration.Key}={values.TextOf(Duration)}: "
                + $"a stream has 2 to {PingStream.MostPings} pings");
        }
        int moves = values.Get(Moves);
        if (part != Networks && TwarenMove.MostPings(moves, perSecond, options.UsesGuests) > PingStream.MostPings)
        {
            throw new OptionException(
                $"{Moves.Key}: {moves} with {Pings.Key}={values.TextOf(Pings)} may be more than {PingStream.MostPings} pings, "
                + "and their sequence number has 16 bits");
        }
    }
}
