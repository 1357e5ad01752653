using System.Text.Json.Nodes;
using Softswitch.Bench.Report;
using Softswitch.Bench.Sides;

namespace Softswitch.Bench.Tests.Report;

/// <summary>What a report measures, what it leaves out, and how it says so.</summary>
public sealed class ReportPlanTests
{
    private static readonly ReportHead Head = new("a processor", 2, "6.1", ".NET", "abc", "2026-01-01T00:00:00Z", "./softswitch bench report");

    [Fact]
    public void What_cannot_be_run_here_is_left_out_with_the_reason()
    {
        IReadOnlyList<ReportSection> sections = ReportPlan.Make(
            quick: false, 3, compare: false, topic => topic == ReportTopic.Vhost ? "dpdk-testpmd is not there" : null);
        ReportSection left = Assert.Single(sections, section => section.Omission != null);
        Assert.Equal((ReportTopic.Vhost, "dpdk-testpmd is not there"), (left.Topic, left.Omission));
        Assert.Equal("./softswitch bench vhost --seconds 3 --rounds 3", Assert.Single(left.Steps).Command);
    }

    [Fact]
    public void A_quick_one_leaves_out_what_starts_programs_but_the_comparison_if_it_is_asked_for()
    {
        IReadOnlyList<ReportSection> sections = ReportPlan.Make(quick: true, 0.1, compare: true, static _ => null);
        Assert.Equal(
            [ReportTopic.Io, ReportTopic.Vhost, ReportTopic.Topology], sections.Where(section => section.Omission != null).Select(section => section.Topic));
        Assert.All(sections.Where(section => section.Omission != null), section => Assert.Equal("--quick leaves it out", section.Omission));
    }

    [Fact]
    public void It_takes_as_long_as_what_it_runs()
    {
        IReadOnlyList<ReportSection> sections = ReportPlan.Make(quick: false, 3, compare: false, static _ => "not here");
        double seconds = sections.Where(section => section.Omission == null).SelectMany(section => section.Steps).Sum(step => step.Plan.Seconds);
        Assert.Equal(seconds, ReportOptions.PlanOf(sections).Seconds);
        Assert.True(ReportOptions.PlanOf(ReportPlan.Make(quick: false, 3, compare: false, static _ => null)).Seconds > seconds);
    }

    [Fact]
    public void What_was_not_measured_has_a_line_with_its_command_and_the_reason()
    {
        ReportHead head = Head with { Omissions = [("./softswitch bench io", "it needs root (unshare: Operation not permitted)")] };
        Assert.Contains("\n## Not measured\n\n- `./softswitch bench io`: it needs root (unshare: Operation not permitted)\n", ReportText.Write(head, []), StringComparison.Ordinal);
        Assert.Contains("it needs root (unshare: Operation not permitted)", ReportText.WritePage(head, []), StringComparison.Ordinal);
        Assert.DoesNotContain("Not measured", ReportText.Write(Head, []), StringComparison.Ordinal);
    }

    [Fact]
    public void A_row_that_others_disturbed_is_marked_and_so_is_a_whole_result()
    {
        var io = new ReportFigure(new ReportStep("io", new BenchPlan("", 1), "io"), new JsonObject
        {
            ["rows"] = new JsonArray(
                new JsonObject { ["backend"] = "packet", ["switch"] = "softswitch", ["deliveredMpps"] = 1.5, ["disturbed"] = false },
                new JsonObject { ["backend"] = "xdp", ["switch"] = "softswitch", ["deliveredMpps"] = 0.5, ["disturbed"] = true, ["disturbedBy"] = "it had 0.30 of its processor" }),
        }, []);
        var stall = new ReportFigure(
            new ReportStep("stall", new BenchPlan("", 1), "stall"), new JsonObject { ["passes"] = 5.0, ["disturbed"] = true, ["disturbedBy"] = "it had 0.20 of its processor" }, []);
        string text = ReportText.Write(Head, [(ReportTopic.Io, [io]), (ReportTopic.Stall, [stall])]);
        Assert.Contains("| packet, softswitch ", text, StringComparison.Ordinal);
        Assert.Contains("| xdp, softswitch (disturbed) |", text, StringComparison.Ordinal);
        Assert.Contains("**Disturbed:** `./softswitch bench io`, xdp, softswitch: it had 0.30 of its processor", text, StringComparison.Ordinal);
        Assert.Contains("**Disturbed:** `./softswitch bench stall`: it had 0.20 of its processor", text, StringComparison.Ordinal);
    }
}
