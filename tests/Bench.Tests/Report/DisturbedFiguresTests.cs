using System.Text.Json.Nodes;
using Softswitch.Bench.Report;
using Softswitch.Bench.Sides;
using Softswitch.Lab.Charts;

namespace Softswitch.Bench.Tests.Report;

/// <summary>Figures that cannot be, in what a report shows of them.</summary>
public sealed class DisturbedFiguresTests
{
    private static readonly ReportHead Head = new("a processor", 2, "6.1", ".NET", "abc", "2026-01-01T00:00:00Z", "./softswitch bench report");

    private static readonly ReportFigure[] Churn = [Kept(1000, 0.98), Kept(10_000, 1.85), Kept(100_000, 1.02)];

    [Fact]
    public void A_point_that_cannot_be_is_marked_with_the_load_it_was_measured_under()
    {
        string text = ReportText.Write(Head, [(ReportTopic.Churn, Churn)]);
        Assert.Contains("`./softswitch bench churn --rate 10000` (disturbed)", text, StringComparison.Ordinal);
        Assert.Contains("**Disturbed:** `./softswitch bench churn --rate 10000`: more than all of the rate cannot be kept (kept 1.85)", text, StringComparison.Ordinal);
        Assert.Contains("load average 5.3 on 2 cores, the worker had 0.97 of a core with flow-mods and 0.52 without", text, StringComparison.Ordinal);
        Assert.Single(text.Split('\n'), line => line.StartsWith("**Disturbed", StringComparison.Ordinal));
        Assert.Contains("(kept 1.85)", ReportText.WritePage(Head, [(ReportTopic.Churn, Churn)]), StringComparison.Ordinal);
    }

    [Fact]
    public void It_is_a_cross_beside_the_line_and_within_the_axes()
    {
        LineChart chart = ReportCharts.Of(ReportTopic.Churn, Churn).Single(chart => chart.Name == "kept-churn").Chart;
        Series line = Assert.Single(chart.Lines);
        Assert.Equal([(1000, 0.98), (100_000, 1.02)], line.Points);
        Assert.Equal((10_000, 1.85), Assert.Single(line.Disturbed));
        Assert.Single(SvgChart.Draw(chart).Split("class=\"disturbed\"").Skip(1));
    }

    private static ReportFigure Kept(double rate, double kept) => new(
        new ReportStep("exact", new BenchPlan("", 1), "churn", "--rate", $"{rate}"),
        new JsonObject { ["flowModsPerSecond"] = rate, ["mpps"] = 3.0, ["kept"] = kept, ["loadAverage"] = 5.3, ["cores"] = 2, ["cpuShare"] = 0.97, ["cpuShareIdle"] = 0.52 }, []);
}
