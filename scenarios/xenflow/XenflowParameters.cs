using Softswitch.Lab.Measures;

namespace Softswitch.Scenarios.Xenflow;

/// <summary>What can be varied, and which part of the scenario makes use of it.</summary>
internal static class XenflowParameters
{
    public const string All = "all";
    public const string FirstPackets = "first-packets";
    public const string Moves = "moves";
    public const string Ports = "ports";
    public const string Slice = "slice";
    public const string Route = "route";
    public const string Rates = "rates";
    public const string Memory = "memory";

    private const string Both = "both";
    private const string On = "on";
    private const string Off = "off";

    public static readonly Parameter<string> Part = Parameter.Word(
        "part",
        "what runs: all; flows' first packets (first-packets); moves; ports that come and go (ports); the slice; "
        + "a route that changes (route); the highest rate without loss (rates); one core without hosts (memory)",
        [All, FirstPackets, Moves, Ports, Slice, Route, Rates, Memory]);

    public static readonly Parameter<double?> Rate = Parameter.NumberOrAuto(
        "rate", "pps", "UDP packets a second; what moves lose and how long they take is recorded at one rate and one size only",
        "moves at 1,000, 8,000 and in steps up to the highest without loss; new flows at 250; 5,000 beside ports that come and go",
        100, 1.488e6, paper: "up to about 8,000");

    public static readonly Parameter<double?> Size = Parameter.NumberOrAuto(
        "size", "bytes", "length of the UDP packets' Ethernet frames, without FCS", "moves with 60 and with 1514, else 60",
        MeasuredFrame.MinLength, MeasuredFrame.MaxLength, paper: "64 and 1500: here 60 and 1514");

    public static readonly Parameter<int> Flows = Parameter.Whole(
        "flows", "flows that the router has and that move; packets are of each in turn", 1000, 1, MeasuredFrame.MaxFlows, small: 200);

    public static readonly Parameter<int> MovesAtEachRate = Parameter.Whole("moves", "measured moves at each rate", 1, 1, 100);

    public static readonly Parameter<string> MakesBeforeBreak = Parameter.Word(
        "make-before-break",
        $"{CommonParameters.MakeBeforeBreak}; off, old entries go first, and loss is expected; both, a move each way", [Both, On, Off],
        paper: On);

    public static readonly Parameter<string> Insertion = CommonParameters.CreateInsertion(
        [CommonParameters.Reactive, CommonParameters.Proactive], string.Empty, paper: CommonParameters.Reactive);

    public static readonly Parameter<bool> Barriers = CommonParameters.CreateBarriers(
        "a move's steps do not wait, and packets that meet no entry decide nothing");

    public static readonly Parameter<bool> Probe = Parameter.Flag(
        "probe", "whether old entries wait for a probe behind the last packets; off, packets that meet no entry decide nothing", true);

    public static readonly Parameter<double> Duration = Parameter.Number(
        "duration", "s", "how long a trial's packets are sent", 1, 0.1, 20, small: 0.3);

    public static IReadOnlyList<Parameter> Every { get; } =
    [
        Part, Rate, Size, MovesAtEachRate, Flows, Insertion, Barriers, MakesBeforeBreak, Probe, Duration,
        CommonParameters.Backend, CommonParameters.Device, CommonParameters.LinkRate,
    ];

    /// <summary>The parts that a parameter matters to.</summary>
    public static IReadOnlyDictionary<Parameter, string[]> MattersTo { get; } = new Dictionary<Parameter, string[]>
    {
        [Rate] = [All, Moves, FirstPackets, Ports],
        [Size] = [All, Moves, FirstPackets, Ports, Rates],
        [Flows] = [All, Moves, FirstPackets, Ports, Rates],
        [MovesAtEachRate] = [All, Moves],
        [MakesBeforeBreak] = [All, Moves],
        [Insertion] = [All, Moves, FirstPackets, Ports, Rates, Route],
        [Barriers] = [All, Moves],
        [Probe] = [All, Moves],
        [Duration] = [All, Moves, Rates],
        [CommonParameters.LinkRate] = InLab,
        [CommonParameters.Backend] = InLab,
        [CommonParameters.Device] = InLab,
    };

    private static string[] InLab => [All, Moves, FirstPackets, Ports, Rates, Slice, Route];

    /// <summary>Whether a part of the scenario is to run.</summary>
    public static bool Includes(this ScenarioRun run, string part) => run.Get(Part) is var chosen && (chosen == All || chosen == part);

    public static bool MakesFirst(this ScenarioRun run) => run.Get(MakesBeforeBreak) != Off;

    public static bool BreaksFirst(this ScenarioRun run) => run.Get(MakesBeforeBreak) != On;

    /// <summary>Whether nothing was set that can have packets lost to overload.</summary>
    public static bool IsUsual(this ScenarioRun run) =>
        run.Values.Parameters.Where(one => one != Part && one != Scenario.Seed).All(one => !run.Values.IsSet(one));
}
