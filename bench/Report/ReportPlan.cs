using System.Globalization;
using Softswitch.Bench.Attacks;

namespace Softswitch.Bench.Report;

/// <summary>One benchmark to run for a report.</summary>
/// <param name="Line">The line of a chart it is a point of, or the table's row.</param>
/// <param name="Arguments">After <c>softswitch bench</c>.</param>
internal sealed record ReportStep(string Line, params string[] Arguments)
{
    /// <summary>As a person repeats it.</summary>
    public string Command => $"./softswitch bench {string.Join(' ', Arguments)}";
}

/// <summary>Benchmarks that answer one question together.</summary>
internal sealed record ReportSection(ReportTopic Topic, IReadOnlyList<ReportStep> Steps);

internal enum ReportTopic
{
    Flows,
    Rules,
    Attacks,
    Churn,
    PacketIn,
    Stall,
    FlowMods,
    Compare,
}

/// <summary>What a report measures.</summary>
internal static class ReportPlan
{
    // Stalls are rare: they need to be waited for.
    private const int StallFactor = 3;

    // There are a dozen.
    private const double AttackSeconds = 0.5;

    /// <param name="quick">A few points, to show that it works.</param>
    /// <param name="seconds">For each benchmark.</param>
    /// <param name="compare">Whether Open vSwitch is measured too.</param>
    public static IReadOnlyList<ReportSection> Make(bool quick, double seconds, bool compare)
    {
        string time = Text(seconds);
        List<ReportSection> sections =
        [
            new(ReportTopic.Flows, quick
                ? [.. Pipelines("exact, output", time, "exact", "output", 64, 1000)]
                :
                [
                    .. Pipelines("exact, output", time, "exact", "output", 1, 64, 1000, 8000, 32_000, 100_000, 1_000_000),
                    .. Pipelines("host routes, rewrite", time, "l3", "rewrite", 1, 64, 1000, 8000, 32_000),
                ]),
            new(ReportTopic.Churn, quick
                ? Churns(time, ["exact"], "10000", "max")
                : Churns(time, ["exact", "wildcard", "modify", "replace"], "1000", "10000", "100000", "max")),
            new(ReportTopic.PacketIn, [.. (quick ? ["1000"] : new[] { "1000", "10000", "100000" }).Select(rate =>
                new ReportStep($"{rate} packets/s", "packetin", "--rate", rate, "--seconds", time))]),
            new(ReportTopic.Stall, [.. (quick ? ["100000"] : new[] { "0", "100000" }).Select(rate =>
                new ReportStep(rate == "0" ? "no flow-mods" : $"{rate} flow-mods/s", "stall", "--rate", rate, "--seconds", quick ? time : Text(StallFactor * seconds)))]),
            new(ReportTopic.FlowMods, [new ReportStep("flow-mods", "flowmod", "--flows", quick ? "2000" : "1000000")]),
        ];
        if (!quick)
        {
            sections.Insert(1, new ReportSection(ReportTopic.Rules,
            [
                .. Pipelines("access lists", time, "acl", "output", 100, 1000, 10_000),
                .. Pipelines("firewalls", time, "fw", "output", 100, 1000, 10_000),
                .. Pipelines("IP chains", time, "ipc", "output", 100, 1000, 10_000),
            ]));
            sections.Insert(2, new ReportSection(ReportTopic.Attacks, [.. new[] { "10000", "100000" }.Select(flows =>
                new ReportStep("slowest", "pipeline", "--attack", AttackSearch.Worst, "--flows", flows, "--seconds", Text(Math.Min(seconds, AttackSeconds))))]));
        }
        if (compare)
        {
            sections.Add(new ReportSection(ReportTopic.Compare, [new ReportStep("compare", "compare", "--seconds", time)]));
        }
        return sections;
    }

    private static IEnumerable<ReportStep> Pipelines(string line, string seconds, string match, string actions, params int[] flows) =>
        flows.Select(count => new ReportStep(line, "pipeline", "--match", match, "--actions", actions, "--flows", $"{count}", "--seconds", seconds));

    private static ReportStep[] Churns(string seconds, string[] kinds, params string[] rates) =>
        [.. kinds.SelectMany(kind => rates.Select(rate => new ReportStep(kind, "churn", "--kind", kind, "--rate", rate, "--seconds", seconds)))];

    private static string Text(double value) => value.ToString("0.###", CultureInfo.InvariantCulture);
}
