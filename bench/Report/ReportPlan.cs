using Softswitch.Bench.Compare;
using Softswitch.Bench.Io;
using Softswitch.Bench.Sides;
using Softswitch.Bench.Topology;
using Softswitch.Bench.Vhost;
using static System.Globalization.CultureInfo;

namespace Softswitch.Bench.Report;

/// <summary>One benchmark to run for a report.</summary>
/// <param name="Line">The line of a chart it is a point of, or the table's row.</param>
/// <param name="Plan">How long it takes.</param>
/// <param name="Arguments">After <c>softswitch bench</c>.</param>
internal sealed record ReportStep(string Line, BenchPlan Plan, params string[] Arguments)
{
    /// <summary>As a person repeats it.</summary>
    public string Command => $"./softswitch bench {string.Join(' ', Arguments)}";
}

/// <summary>Benchmarks that answer one question together.</summary>
/// <param name="Omission">Why they are not run; null if they are.</param>
internal sealed record ReportSection(ReportTopic Topic, IReadOnlyList<ReportStep> Steps, string? Omission = null);

internal enum ReportTopic
{
    Flows,
    Rules,
    Attacks,
    Churn,
    PacketIn,
    Stall,
    FlowMods,
    Io,
    Vhost,
    Topology,
    Compare,
}

/// <summary>What a report measures.</summary>
internal static class ReportPlan
{
    // Stalls are rare: they need to be waited for.
    private const int StallFactor = 3;

    // There are a dozen.
    private const double AttackSeconds = 0.5;

    // Of what builds up programs and interfaces.
    private const int Rounds = 3;

    private const string QuickOmission = "--quick leaves it out";

    /// <param name="quick">A few points, to show that it works.</param>
    /// <param name="seconds">For each benchmark.</param>
    /// <param name="compare">Whether Open vSwitch is measured even if it is a quick one.</param>
    /// <param name="findObstacle">Why a topic's benchmark cannot be run here; null if it can.</param>
    public static IReadOnlyList<ReportSection> Make(bool quick, double seconds, bool compare, Func<ReportTopic, string?> findObstacle)
    {
        string time = Text(seconds);
        List<ReportSection> sections =
        [
            new(ReportTopic.Flows, quick
                ? [.. Pipelines("exact, output", seconds, PipelineMatch.Exact, PipelineRewrite.None, 64, 1000)]
                :
                [
                    .. Pipelines("exact, output", seconds, PipelineMatch.Exact, PipelineRewrite.None, 1, 64, 1000, 8000, 32_000, 100_000, 1_000_000),
                    .. Pipelines("host routes, rewrite", seconds, PipelineMatch.L3, PipelineRewrite.Rewrite, 1, 64, 1000, 8000, 32_000),
                ]),
            new(ReportTopic.Churn, quick
                ? Churns(seconds, ["exact"], "10000", "max")
                : Churns(seconds, ["exact", "wildcard", "modify", "replace"], "1000", "10000", "100000", "max")),
            new(ReportTopic.PacketIn, [.. (quick ? ["1000"] : new[] { "1000", "10000", "100000" }).Select(rate =>
                new ReportStep($"{rate} packets/s", new PacketInOptions { Seconds = seconds }.Plan, "packetin", "--rate", rate, "--seconds", time))]),
            new(ReportTopic.Stall, [.. (quick ? ["100000"] : new[] { "0", "100000" }).Select(rate => Stall(rate, quick ? seconds : StallFactor * seconds))]),
            new(ReportTopic.FlowMods, [FlowMods(quick ? 2000 : 1_000_000)]),
        ];
        if (!quick)
        {
            sections.Insert(1, new ReportSection(ReportTopic.Rules,
            [
                .. Pipelines("access lists", seconds, PipelineMatch.Acl, PipelineRewrite.None, 100, 1000, 10_000),
                .. Pipelines("firewalls", seconds, PipelineMatch.Fw, PipelineRewrite.None, 100, 1000, 10_000),
                .. Pipelines("IP chains", seconds, PipelineMatch.Ipc, PipelineRewrite.None, 100, 1000, 10_000),
            ]));
            double attackSeconds = Math.Min(seconds, AttackSeconds);
            sections.Insert(2, new ReportSection(ReportTopic.Attacks, [.. new[] { 10_000, 100_000 }.Select(flows => new ReportStep(
                "slowest", new PipelineOptions { Attack = AttackRows.Worst, Flows = flows, Seconds = attackSeconds }.Plan,
                "pipeline", "--attack", AttackRows.Worst, "--flows", $"{flows}", "--seconds", Text(attackSeconds)))]));
        }
        string rounds = Text(Rounds);
        AddBeyond(ReportTopic.Io, quick, new IoOptions { Seconds = seconds, Rounds = Rounds }.Plan, "io", "--seconds", time, "--rounds", rounds);
        AddBeyond(ReportTopic.Vhost, quick, new VhostOptions { Seconds = seconds, Rounds = Rounds }.Plan, "vhost", "--seconds", time, "--rounds", rounds);
        AddBeyond(
            ReportTopic.Topology, quick, (TopologyOptions.Usual with { Seconds = seconds, Rounds = Rounds }).Plan, "topology", "--seconds", time, "--rounds", rounds);
        AddBeyond(ReportTopic.Compare, quick && !compare, CompareOptions.PlanOf(CompareRow.All, seconds, CompareOptions.UsualRounds), "compare", "--seconds", time);
        return sections;

        // What takes more than this program and its user.
        void AddBeyond(ReportTopic topic, bool omit, BenchPlan plan, params string[] arguments) =>
            sections.Add(new ReportSection(topic, [new ReportStep(arguments[0], plan, arguments)], findObstacle(topic) ?? (omit ? QuickOmission : null)));
    }

    private static IEnumerable<ReportStep> Pipelines(string line, double seconds, PipelineMatch match, PipelineRewrite rewrite, params int[] flows) =>
        flows.Select(count => new ReportStep(
            line, new PipelineOptions { Match = match, Rewrite = rewrite, Flows = count, Seconds = seconds }.Plan,
            "pipeline", "--match", PipelineBenchmark.WordOf(match), "--actions", PipelineBenchmark.WordOf(rewrite),
            "--flows", $"{count}", "--seconds", Text(seconds)));

    private static ReportStep[] Churns(double seconds, string[] kinds, params string[] rates) =>
    [
        .. kinds.SelectMany(kind => rates.Select(rate =>
            new ReportStep(kind, new ChurnOptions { Seconds = seconds }.Plan, "churn", "--kind", kind, "--rate", rate, "--seconds", Text(seconds)))),
    ];

    private static ReportStep Stall(string rate, double seconds) => new(
        rate == "0" ? "no flow-mods" : $"{rate} flow-mods/s", new StallOptions { Seconds = seconds }.Plan, "stall", "--rate", rate, "--seconds", Text(seconds));

    private static ReportStep FlowMods(int flows) => new("flow-mods", new FlowModOptions { Flows = flows }.Plan, "flowmod", "--flows", $"{flows}");

    private static string Text(double value) => value.ToString("0.###", InvariantCulture);
}
