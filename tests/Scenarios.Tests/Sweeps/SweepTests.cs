using System.Text.Json.Nodes;
using Softswitch.Scenarios.Sweeps;

namespace Softswitch.Scenarios.Tests.Sweeps;

/// <summary>Which runs a sweep makes, with runs that are made up.</summary>
public sealed class SweepTests : IDisposable
{
    private readonly SweepTrial _trial = new();

    public void Dispose() => _trial.Dispose();

    [Fact]
    public void Each_run_is_a_row_with_its_values_its_figures_and_what_the_machine_did()
    {
        Assert.True(_trial.Run(SweepTrial.Plan("size=10,20"), point => SweepTrial.Outcome(point.Values.Get(TrialScenario.Size) / 4.0)));
        IReadOnlyList<IReadOnlyDictionary<string, string>> rows = _trial.ReadTable();
        Assert.Equal(["scenario", "run", "repetition", "attempt", "size_bytes", "kind", "seed", "time_ms", "lost_packets", "passed"], rows[0].Keys.Take(10));
        Assert.Equal(["2.5", "5"], rows.Select(row => row["time_ms"]));
        Assert.Equal(
            [
                ("failure", ""), ("spoiled", "false"), ("spoiled_by", ""), ("started_utc", "1970-01-01T00:00:00Z"), ("run_duration_s", "2"), ("version", "1.0"),
                ("build", "abc"), ("small", "false"), ("vm", "false"), ("cpu", "a processor"), ("cores", "2"), ("kernel", "6.1"), ("load_average_1min", "1"),
                ("stolen_share", "0"), ("others_cpus", "0"), ("own_cpus", "1"), ("counts", "true"),
            ],
            rows[0].Skip(10).Select(cell => (cell.Key, cell.Value)));
        Assert.All(rows, row => Assert.Equal(("packet", "", "true"), (row["kind"], row["lost_packets"], row["passed"])));
        JsonNode second = JsonNode.Parse(File.ReadAllText(Path.Combine(_trial.Path, "runs", "0002.json")))!;
        Assert.Equal(20, second["size_bytes"]!.GetValue<int>());
        Assert.Equal(5, second["result"]!["measures"]!["time_ms"]!.GetValue<double>());
    }

    [Fact]
    public void The_same_again_makes_nothing_and_more_values_and_repetitions_only_what_is_missing()
    {
        _trial.Run(SweepTrial.Plan("size=10,20"));
        _trial.Made.Clear();
        _trial.Run(SweepTrial.Plan("size=10,20"));
        Assert.Empty(_trial.Made);
        _trial.Run(SweepTrial.Plan(2, "size=20,30"));
        Assert.Equal(["size=30 seed=1", "size=20 seed=2", "size=30 seed=2"], _trial.Made);
        Assert.Equal(["1", "2", "3", "4", "5"], _trial.ReadTable().Select(row => row["run"]));
    }

    [Fact]
    public void A_value_that_is_set_and_one_that_is_there_without_are_the_same()
    {
        _trial.Run(SweepTrial.Plan("size=100"));
        _trial.Made.Clear();
        _trial.Run(SweepTrial.Plan("kind=packet"));
        Assert.Empty(_trial.Made);
    }

    [Fact]
    public void A_spoiled_run_is_made_again_behind_the_others_of_its_repetition()
    {
        int runs = 0;
        _trial.Run(SweepTrial.Plan(2, "size=10,20"), _ => SweepTrial.Outcome(machine: ++runs == 1 ? SweepTrial.Busy() : null));
        Assert.Equal(["size=10 seed=1", "size=20 seed=1", "size=10 seed=1", "size=10 seed=2", "size=20 seed=2"], _trial.Made);
        IReadOnlyList<IReadOnlyDictionary<string, string>> rows = _trial.ReadTable();
        Assert.Equal(["true", "false", "false", "false", "false"], rows.Select(row => row["spoiled"]));
        Assert.Equal(["false", "true", "true", "true", "true"], rows.Select(row => row["counts"]));
        Assert.Equal("2", rows[2]["attempt"]);
        Assert.StartsWith("others kept 1000.00 processors busy", rows[0]["spoiled_by"], StringComparison.Ordinal);
        Assert.Contains(_trial.Lines, line => line.Contains("spoiled: others kept 1000.00 processors busy", StringComparison.Ordinal));
    }

    [Fact]
    public void Of_three_spoiled_runs_the_least_disturbed_counts()
    {
        double[] others = [700, 500, 600];
        int runs = 0;
        _trial.Run(SweepTrial.Plan("size=10"), _ => SweepTrial.Outcome(machine: SweepTrial.Busy(others[runs++])));
        Assert.Equal(["false", "true", "false"], _trial.ReadTable().Select(row => row["counts"]));
    }

    [Fact]
    public void A_finished_sweep_started_again_makes_again_what_stayed_spoiled()
    {
        SweepPlan plan = SweepTrial.Plan("size=10,20");
        SweepOutcome Outcome(SweepPoint point) => SweepTrial.Outcome(machine: point.Values.Get(TrialScenario.Size) == 20 ? SweepTrial.Busy() : null);
        _trial.Run(plan, Outcome);
        Assert.Equal(4, _trial.Made.Count);
        _trial.Made.Clear();
        _trial.Run(plan);
        Assert.Equal(["size=20 seed=1"], _trial.Made);
        Assert.Equal("4", _trial.ReadTable()[^1]["attempt"]);
    }

    [Fact]
    public void At_small_scale_spoiled_runs_are_marked_and_not_made_again()
    {
        var plan = SweepPlan.Create(new TrialScenario(), new ScenarioOptions { Small = true }, new SweepRequest([], ["size=10,20"]));
        _trial.Run(plan, _ => SweepTrial.Outcome(machine: SweepTrial.Busy()));
        _trial.Run(plan);
        Assert.Equal(["size=10 seed=1", "size=20 seed=1"], _trial.Made);
        Assert.All(_trial.ReadTable(), row => Assert.Equal("true", row["spoiled"]));
    }

    [Fact]
    public void What_does_not_pass_while_nothing_disturbs_it_stays_with_its_reason()
    {
        Assert.False(_trial.Run(SweepTrial.Plan("size=10,20"), point => SweepTrial.Outcome(passed: point.Values.Get(TrialScenario.Size) == 20)));
        Assert.Equal(2, _trial.Made.Count);
        Assert.Equal([("false", "it arrives: half, and not all"), ("true", "")], _trial.ReadTable().Select(row => (row["passed"], row["failure"])));
        Assert.False(_trial.Run(SweepTrial.Plan("size=10,20")));
    }

    [Fact]
    public void A_run_that_dies_is_a_row_without_figures_and_is_made_again_like_a_spoiled_one()
    {
        SweepOutcome Dead(SweepPoint point) => SweepTrial.Outcome() with { Result = null, Failure = "ended with \"1\",\nand no more" };
        Assert.False(_trial.Run(SweepTrial.Plan("size=10"), Dead));
        Assert.Equal(3, _trial.ReadTable().Count);
        Assert.All(
            _trial.ReadTable(), row => Assert.Equal(("false", "ended with \"1\",\nand no more", ""), (row["passed"], row["failure"], row["time_ms"])));
        // What was missing may be there by now.
        Assert.True(_trial.Run(SweepTrial.Plan("size=10")));
        Assert.Equal(["false", "false", "false", "true"], _trial.ReadTable().Select(row => row["counts"]));
    }

    [Fact]
    public void A_table_that_is_gone_comes_back_though_no_run_is_made()
    {
        _trial.Run(SweepTrial.Plan("size=10,20"));
        File.Delete(Path.Combine(_trial.Path, "runs.csv"));
        _trial.Made.Clear();
        _trial.Run(SweepTrial.Plan("size=10,20"));
        Assert.Empty(_trial.Made);
        Assert.Equal(2, _trial.ReadTable().Count);
    }

    [Fact]
    public void Interrupted_it_keeps_what_was_made_and_goes_on_there()
    {
        SweepPlan plan = SweepTrial.Plan("size=10,20,30,40");
        Assert.Throws<OperationCanceledException>(() => _trial.Run(plan, _ => _trial.Made.Count == 3 ? throw new OperationCanceledException() : SweepTrial.Outcome()));
        Assert.Equal(["0001.json", "0002.json"], Directory.GetFiles(Path.Combine(_trial.Path, "runs")).Select(Path.GetFileName).Order());
        Assert.Equal(2, _trial.ReadTable().Count);
        Assert.Equal("<html>", File.ReadAllText(Path.Combine(_trial.Path, "index.html")));
        _trial.Made.Clear();
        Assert.True(_trial.Run(plan));
        Assert.Equal(["size=30 seed=1", "size=40 seed=1"], _trial.Made);
        Assert.Contains("2 of 4 runs are there", _trial.Lines);
        Assert.Equal(["index.html", "runs.csv"], Directory.GetFiles(_trial.Path).Select(Path.GetFileName).Order());
    }
}
