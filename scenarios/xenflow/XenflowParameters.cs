using Softswitch.Lab.Measures;
using Softswitch.Scenarios.Parameters;

namespace Softswitch.Scenarios.Xenflow;

/// <summary>What can be varied, and which part of the scenario makes use of it.</summary>
internal static class XenflowParameters
{
    public const string All = "all";
    public const string OnDemand = "on-demand";
    public const string Moves = "moves";
    public const string Ports = "ports";
    public const string Slice = "slice";
    public const string Route = "route";
    public const string Rates = "rates";
    public const string Memory = "memory";

    public const string InAdvance = "in-advance";

    private const string Both = "both";
    private const string On = "on";
    private const string Off = "off";

    public static readonly Parameter<string> Part = Parameter.Word(
        "part",
        "which part runs: first packets of flows, moves, ports that come and go, the slice, a route that changes, the highest rate without "
        + "loss and that from memory",
        [All, OnDemand, Moves, Ports, Slice, Route, Rates, Memory]);

    public static readonly Parameter<double?> Rate = Parameter.NumberOrAuto(
        "rate", "pps", "packets offered a second; what moves lose and how long they take is recorded at one rate and one size only",
        "moves at 1,000, 8,000 and in steps up to the highest without loss; new flows at 250; 5,000 beside ports that come and go",
        100, 1.488e6, paper: "up to about 8,000");

    public static readonly Parameter<double?> Size = Parameter.NumberOrAuto(
        "size", "bytes", "of Ethernet frames, without FCS", "moves with 60 and with 1514, else 60",
        MeasuredFrame.MinLength, MeasuredFrame.MaxLength, paper: "64 and 1500: here 60 and 1514");

    public static readonly Parameter<int> Flows = Parameter.Whole(
        "flows", "that the router has and that move; packets are of each in turn", 1000, 1, MeasuredFrame.MaxFlows, small: 200);

    public static readonly Parameter<int> MovesAtEachRate = Parameter.Whole("moves", "at each rate", 1, 1, 100);

    public static readonly Parameter<string> MakesBeforeBreak = Parameter.Word(
        "make-before-break", "whether the new path is made before the old one is broken; without, loss is expected", [Both, On, Off],
        paper: On);

    public static readonly Parameter<string> Insertion = Parameter.Word(
        "insertion", "whether flows are made for their first packets or before any come", [OnDemand, InAdvance], paper: OnDemand);

    public static readonly Parameter<bool> Barriers = Parameter.Flag(
        "barriers", "whether the steps of a move wait for replies to barriers; without, packets that meet no entry decide nothing", true);

    public static readonly Parameter<bool> Probe = Parameter.Flag(
        "probe", "whether old entries wait for a probe behind the last packets; without, packets that meet no entry decide nothing", true);

    public static readonly Parameter<double> Seconds = Parameter.Number("seconds", string.Empty, "of a trial", 1, 0.1, 20, small: 0.3);

    public static IReadOnlyList<Parameter> Every { get; } =
    [
        Part, Rate, Size, Flows, MovesAtEachRate, MakesBeforeBreak, Insertion, Barriers, Probe, Seconds,
        CommonParameters.LinkRate, CommonParameters.Backend, CommonParameters.Device,
    ];

    /// <summary>The parts that a parameter matters to.</summary>
    public static IReadOnlyDictionary<Parameter, string[]> MattersTo { get; } = new Dictionary<Parameter, string[]>
    {
        [Rate] = [All, Moves, OnDemand, Ports],
        [Size] = [All, Moves, OnDemand, Ports, Rates],
        [Flows] = [All, Moves, OnDemand, Ports, Rates],
        [MovesAtEachRate] = [All, Moves],
        [MakesBeforeBreak] = [All, Moves],
        [Insertion] = [All, Moves, OnDemand, Ports, Rates, Route],
        [Barriers] = [All, Moves],
        [Probe] = [All, Moves],
        [Seconds] = [All, Moves, Rates],
        [CommonParameters.LinkRate] = InLab,
        [CommonParameters.Backend] = InLab,
        [CommonParameters.Device] = InLab,
    };

    private static string[] InLab => [All, Moves, OnDemand, Ports, Rates, Slice, Route];

    /// <summary>Whether a part of the scenario is to run.</summary>
    public static bool Includes(this ScenarioRun run, string part) => run.Get(Part) is var chosen && (chosen == All || chosen == part);

    public static bool MakesFirst(this ScenarioRun run) => run.Get(MakesBeforeBreak) != Off;

    public static bool BreaksFirst(this ScenarioRun run) => run.Get(MakesBeforeBreak) != On;

    /// <summary>Whether nothing was set that can have packets lost to overload.</summary>
    public static bool IsUsual(this ScenarioRun run) =>
        run.Values.Parameters.Where(one => one != Part && one != Scenario.Seed).All(one => !run.Values.IsSet(one));
}
