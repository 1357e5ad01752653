using Softswitch.Lab.Charts;
using Softswitch.Scenarios.Sweeps;

namespace Softswitch.Scenarios.Tests.Sweeps;

/// <summary>Which points stand where on the charts of a sweep.</summary>
public sealed class SweepChartsTests : IDisposable
{
    private static readonly PaperPoint Point = new("Fig. 1", "3", "time_ms", "size", "paper", "20", 7, "");

    private readonly SweepTrial _trial = new();

    public void Dispose() => _trial.Dispose();

    [Fact]
    public void Medians_are_joined_and_have_their_quartiles()
    {
        LineChart chart = Draw(SweepTrial.Plan(5, "size=20,10"), point => point.Values.Get(TrialScenario.Size) + point.Values.Get(Scenario.Seed));
        Series line = Assert.Single(chart.Lines);
        Assert.Equal("Softswitch", line.Name);
        Assert.True(line.IsJoined);
        Assert.Equal([(10, 13), (20, 23)], line.Points);
        Assert.Equal([(10, 12, 14), (20, 22, 24)], line.Spreads);
        Assert.Equal(("size (bytes)", "time, in ms", "time, in ms, over size"), (chart.X.Label, chart.Y.Label, chart.Title));
        Assert.False(chart.X.IsLog || chart.Y.IsLog);
    }

    [Fact]
    public void Each_combination_of_the_others_is_a_line_and_a_single_run_has_no_quartiles()
    {
        LineChart chart = Draw(SweepTrial.Plan("kind=tap,packet", "size=10,20"), point => point.Values.Get(TrialScenario.Size));
        Assert.Equal(["kind=tap", "kind=packet"], chart.Lines.Select(line => line.Name));
        Assert.All(chart.Lines, line => Assert.Equal([(10, 10), (20, 20)], line.Points));
        Assert.All(chart.Lines, line => Assert.Empty(line.Spreads));
    }

    [Fact]
    public void Words_stand_along_the_axis_where_nothing_else_varies_and_are_not_joined()
    {
        LineChart chart = Draw(SweepTrial.Plan("kind=tap,packet"), _ => 1, Point with { Key = "kind", X = "packet" });
        Assert.Equal(["tap", "packet"], chart.X.Words!);
        Assert.False(chart.Lines[0].IsJoined);
        Assert.Equal([0.0, 1.0], chart.Lines[0].Points.Select(point => point.X));
        Assert.Equal((1, 7), Assert.Single(chart.Lines[1].Points));
    }

    [Fact]
    public void An_axis_has_powers_of_ten_from_two_decades_on_unless_something_is_zero()
    {
        LineChart chart = Draw(SweepTrial.Plan("size=10,1000"), point => point.Values.Get(TrialScenario.Size) == 10 ? 0 : 5000);
        Assert.True(chart.X.IsLog);
        Assert.False(chart.Y.IsLog);
        Assert.True(Draw(SweepTrial.Plan("size=10,1000"), _ => 1, Point with { Y = 100 }).Y.IsLog); // the paper's count too
    }

    [Fact]
    public void The_papers_points_stand_on_the_chart_of_their_measure_over_their_parameter()
    {
        LineChart chart = Draw(
            SweepTrial.Plan("size=10,20"), _ => 1, Point, Point with { X = "30", Y = 9 }, Point with { Series = "paper: other" },
            Point with { Measure = "lost_packets" }, Point with { Key = "kind", X = "tap" });
        Assert.Equal(["Softswitch", "paper (Fig. 1, p. 3)", "paper: other (Fig. 1, p. 3)"], chart.Lines.Select(line => line.Name));
        Assert.Equal([(20, 7), (30, 9)], chart.Lines[1].Points);
        Assert.False(chart.Lines[1].IsJoined);
    }

    [Fact]
    public void Points_that_would_leave_ours_no_height_are_said_below_the_chart()
    {
        SweepPlan plan = SweepTrial.Plan("size=10,20");
        PaperPoint far = Point with { Series = "paper: another", Y = 12_000 };
        using var trial = new SweepTrial();
        trial.Run(plan, point => SweepTrial.Outcome(point.Values.Get(TrialScenario.Size) == 10 ? 0 : 100));
        using SweepFolder folder = trial.Open(plan);
        LineChart chart = SweepCharts.Draw(new SweepTable(plan, folder.Standing), TrialScenario.Time, [Point, far]);
        Assert.Equal(["Softswitch", "paper (Fig. 1, p. 3)"], chart.Lines.Select(line => line.Name));
        string page = SweepPage.Format(plan, folder.Standing, "command", [Point, far]);
        Assert.Contains("<p>paper: another (Fig. 1, p. 3): 12000, beyond the chart. </p>", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Runs_that_did_not_pass_are_in_no_median_but_where_there_is_no_other()
    {
        SweepPlan plan = SweepTrial.Plan(3, "size=10,20");
        using var trial = new SweepTrial();
        trial.Run(plan, point => SweepTrial.Outcome(point.Repetition, passed: point.Repetition > 1 && point.Values.Get(TrialScenario.Size) == 10));
        using SweepFolder folder = trial.Open(plan);
        Series line = SweepCharts.Draw(new SweepTable(plan, folder.Standing), TrialScenario.Time, []).Lines[0];
        Assert.Equal([(10, 2.5)], line.Points);
        Assert.Equal([(20, 2)], line.Disturbed);
    }

    [Fact]
    public void Spoiled_runs_are_in_no_median_but_where_there_is_no_other()
    {
        // The first repetition's with 10 stay spoiled, and all with 20.
        LineChart chart = Draw(
            SweepTrial.Plan(3, "size=10,20"), point => point.Repetition,
            machine: point => point.Repetition == 1 || point.Values.Get(TrialScenario.Size) == 20);
        Assert.Equal([(10, 2.5)], chart.Lines[0].Points);
        Assert.Equal([(20, 2)], chart.Lines[0].Disturbed);
    }

    [Fact]
    public void A_page_says_what_was_run_what_is_missing_and_where_the_rest_is()
    {
        var plan = SweepPlan.Create(new TrialScenario(), new ScenarioOptions(), new SweepRequest([], [], "fig1"));
        Assert.Throws<OperationCanceledException>(() => _trial.Run(
            plan, point => _trial.Made.Count == 5 ? throw new OperationCanceledException() : SweepTrial.Outcome(passed: point.Values.Get(TrialScenario.Size) > 10)));
        using SweepFolder folder = _trial.Open(plan);
        string page = SweepPage.Format(plan, folder.Standing, "./softswitch scenario trial --figure fig1 --out <DIR>", [Point with { Note = "read off" }]);
        Assert.Contains("<h1>trial: fig1, time over size</h1>", page, StringComparison.Ordinal);
        Assert.Contains("4 runs, 2 still to be made.", page, StringComparison.Ordinal);
        Assert.Contains("fig1: <code>./softswitch scenario trial --figure fig1 --out &lt;DIR&gt;</code></figcaption>", page, StringComparison.Ordinal);
        Assert.Contains("<a href=\"runs.csv\">", page, StringComparison.Ordinal);
        Assert.Contains("<a href=\"runs/0004.json\">4</a></td><td>it arrives: half, and not all</td>", page, StringComparison.Ordinal);
        Assert.Contains("paper (Fig. 1, p. 3): read off", page, StringComparison.Ordinal);
        Assert.Single(page.Split("<figure").Skip(1)); // the figure's measure, and no other
    }

    private static LineChart Draw(SweepPlan plan, Func<SweepPoint, double> time, params PaperPoint[] paper) => Draw(plan, time, _ => false, paper);

    private static LineChart Draw(SweepPlan plan, Func<SweepPoint, double> time, Func<SweepPoint, bool> machine, params PaperPoint[] paper)
    {
        using var trial = new SweepTrial();
        trial.Run(plan, point => SweepTrial.Outcome(time(point), machine: machine(point) ? SweepTrial.Busy() : null));
        using SweepFolder folder = trial.Open(plan);
        return SweepCharts.Draw(new SweepTable(plan, folder.Standing), TrialScenario.Time, paper);
    }
}
