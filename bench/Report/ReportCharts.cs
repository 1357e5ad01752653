using System.Text.Json.Nodes;
using Softswitch.Lab.Charts;

namespace Softswitch.Bench.Report;

/// <summary>The charts of a report, from what its benchmarks printed. A chart without points is not made.</summary>
internal static class ReportCharts
{
    /// <summary>File names without <c>.svg</c>, with their charts.</summary>
    public static IEnumerable<(string Name, LineChart Chart)> Of(ReportTopic topic, IReadOnlyList<ReportFigure> figures)
    {
        IEnumerable<(string, LineChart)> charts = topic switch
        {
            ReportTopic.Flows =>
            [
                ("rate-flows", new LineChart(
                    "Forwarding rate against the number of flow entries",
                    new Axis("flow entries", IsLog: true), new Axis("rate (Mpps)"), Lines(figures, "flows", "mpps"))),
            ],
            ReportTopic.Rules =>
            [
                ("rate-rules", new LineChart(
                    "Forwarding rate with rule sets, 64,000 flows",
                    new Axis("flow entries", IsLog: true), new Axis("rate (Mpps)"), Lines(figures, "flows", "mpps"))),
            ],
            ReportTopic.Churn =>
            [
                ("rate-churn", new LineChart(
                    "Forwarding rate while the table changes",
                    new Axis("flow-mods per second", IsLog: true), new Axis("rate (Mpps)"), Lines(figures, "flowModsPerSecond", "mpps"))),
                ("kept-churn", new LineChart(
                    "Share of the forwarding rate kept while the table changes",
                    new Axis("flow-mods per second", IsLog: true), new Axis("rate kept", Unit: AxisUnit.Percent, Through: 1), Lines(figures, "flowModsPerSecond", "kept"))),
            ],
            ReportTopic.PacketIn =>
            [
                ("latency-packetin", new LineChart(
                    "Packet-in latency: from the port to the controller",
                    new Axis("latency (µs)", IsLog: true), new Axis("packets that take longer", IsLog: true, Unit: AxisUnit.Percent, Through: 1),
                    Tails(figures, "latencyTailUs"), HasMarkers: false)),
            ],
            ReportTopic.Stall =>
            [
                ("stall", new LineChart(
                    "Time between the ends of a worker's passes, without preemption",
                    new Axis("time (µs)", IsLog: true), new Axis("passes that take longer", IsLog: true, Unit: AxisUnit.Percent, Through: 1),
                    Tails(figures, "passTailUs"), HasMarkers: false)),
            ],
            ReportTopic.Compare =>
            [
                ("compare", new LineChart(
                    "Forwarding rate with exact entries, in turns on one core",
                    new Axis("flow entries", IsLog: true), new Axis("rate (Mpps)"), Compared(figures))),
            ],
            _ => [],
        };
        return charts.Where(chart => chart.Item2.Lines.Any(line => line.All.Any()));
    }

    private static Series[] Lines(IReadOnlyList<ReportFigure> figures, string x, string y)
    {
        (double, double)[] Points(IEnumerable<ReportFigure> line) =>
            [.. line.Where(figure => figure.Number(x) != null && figure.Number(y) != null).Select(figure => (figure.Number(x)!.Value, figure.Number(y)!.Value)).OrderBy(point => point.Item1)];
        return
        [
            .. figures.GroupBy(figure => figure.Step.Line).Select(line =>
                new Series(line.Key, Points(line.Where(figure => figure.Interference == null))) { Disturbed = Points(line.Where(figure => figure.Interference != null)) }),
        ];
    }

    private static Series[] Tails(IReadOnlyList<ReportFigure> figures, string name) =>
    [
        .. figures.Where(figure => figure.Result?[name] is JsonArray).Select(figure => new Series(
            figure.Step.Line + (figure.Interference == null ? string.Empty : ", disturbed"),
        [
            .. figure.Result![name]!.AsArray().Select(pair => (pair![1]!.GetValue<double>(), pair[0]!.GetValue<double>())),
        ])),
    ];

    private static Series[] Compared(IReadOnlyList<ReportFigure> figures)
    {
        JsonNode[] rows = [.. figures.SelectMany(ReportFigureRows.Of).Where(row => row["row"]!.GetValue<string>().StartsWith("exact-", StringComparison.Ordinal))];
        (double, double)[] Points(string key, bool disturbed) =>
        [
            .. rows.Where(row => row[key] != null && ReportFigureRows.InterferenceOf(row) != null == disturbed)
                .Select(row => (row["entries"]!.GetValue<double>(), row[key]!.GetValue<double>())),
        ];
        Series Line(string name, string key) => new(name, Points(key, disturbed: false)) { Disturbed = Points(key, disturbed: true) };
        return [Line("Softswitch", "softswitch"), Line("Open vSwitch with DPDK", "openVSwitch")];
    }
}

/// <summary>The rows of a benchmark's answer that has some.</summary>
internal static class ReportFigureRows
{
    // Keys that tell rows of a benchmark from each other; each has some of them.
    private static readonly string[] Names = ["row", "backend", "switch", "measure"];

    public static IEnumerable<JsonNode> Of(ReportFigure figure) => figure.Result?["rows"] is JsonArray rows ? rows.Select(row => row!) : [];

    /// <summary>What disturbed a row, or a whole result, as it says itself; null if nothing did.</summary>
    public static string? InterferenceOf(JsonNode? values) => values?["disturbedBy"]?.GetValue<string>();

    /// <summary>What tells a row from the others, in a few words.</summary>
    public static string NameOf(JsonNode row) =>
        string.Join(", ", Names.Select(key => row[key]).OfType<JsonValue>().Select(name => name.GetValue<string>()));
}
