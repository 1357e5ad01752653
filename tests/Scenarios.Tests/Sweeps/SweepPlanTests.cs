using Softswitch.Hosting.Configuration;
using Softswitch.Scenarios.Commands;
using Softswitch.Scenarios.Sweeps;

namespace Softswitch.Scenarios.Tests.Sweeps;

/// <summary>What a sweep will run, before anything does.</summary>
public sealed class SweepPlanTests
{
    [Fact]
    public void Sweeps_make_a_grid_that_runs_whole_before_it_is_repeated_with_the_next_seed() => Assert.Equal(
        [
            "size=10 kind=packet seed=1", "size=10 kind=tap seed=1", "size=20 kind=packet seed=1", "size=20 kind=tap seed=1",
            "size=10 kind=packet seed=2", "size=10 kind=tap seed=2", "size=20 kind=packet seed=2", "size=20 kind=tap seed=2",
        ],
        Settings(new SweepRequest([], ["size=10,20", "kind=packet,tap"], Repeat: 2)));

    [Fact]
    public void Repetitions_count_on_from_the_seed_that_is_set() =>
        Assert.Equal(["kind=tap seed=7", "kind=tap seed=8"], Settings(new SweepRequest(["seed=7,kind=tap"], [], Repeat: 2)));

    [Fact]
    public void A_figure_runs_as_often_as_it_says() => Assert.Equal(
        ["kind=tap size=10 seed=1", "kind=tap size=100 seed=1", "kind=tap size=1000 seed=1", "kind=tap size=10 seed=2", "kind=tap size=100 seed=2", "kind=tap size=1000 seed=2"],
        Settings(new SweepRequest([], [], "fig1")));

    [Fact]
    public void What_a_person_says_stands_in_place_of_what_a_figure_says_in_either_way()
    {
        Assert.Equal(["kind=packet size=20 seed=1", "kind=packet size=30 seed=1"], Settings(new SweepRequest(["kind=packet"], ["size=20,30"], "fig1", Repeat: 1)));
        Assert.Equal(["size=50 kind=packet seed=1", "size=50 kind=tap seed=1"], Settings(new SweepRequest(["size=50"], ["kind=packet,tap"], "fig1", Repeat: 1)));
    }

    [Theory]
    [InlineData("--sweep: 'length' is no parameter of trial; there are size, kind, seed", "--sweep", "length=1")]
    [InlineData("--sweep: size: '9' is not allowed; it is a whole number, 10 to 100000", "--sweep", "size=10,9")]
    [InlineData("--sweep: size: 10 is there twice", "--sweep", "size=10,20,10")]
    [InlineData("--sweep: size: is given twice", "--sweep", "size=10", "--sweep", "size=20")]
    [InlineData("--sweep: 'size' is not key=value", "--sweep", "size")]
    [InlineData("--sweep: size: '' is not allowed; it is a whole number, 10 to 100000", "--sweep", "size=10,")]
    [InlineData("--sweep: size is set too, by --set", "--sweep", "size=10", "--set", "size=20")]
    [InlineData("--sweep: seed: --repeat counts on from it, so it is not swept", "--sweep", "seed=1,2")]
    [InlineData("--sweep: size, kind: a TAP device takes no more than 9000", "--sweep", "size=10,9001", "--sweep", "kind=packet,tap")]
    [InlineData("--set: kind: 'wire' is not allowed; it is packet, tap", "--set", "kind=wire")]
    [InlineData("--set: kind: is given twice", "--set", "kind=tap,kind=tap")]
    [InlineData("--set: seed: '2147483648' is not allowed; it is a whole number, 0 to 2147483647", "--set", "seed=2147483647")]
    [InlineData("--figure: 'fig2' is no figure of trial; there are fig1", "--figure", "fig2")]
    public void What_is_not_allowed_is_refused_whole_with_option_key_and_value(string reason, params string[] arguments)
    {
        string[] Of(string option) => [.. arguments.Chunk(2).Where(pair => pair[0] == option).Select(pair => pair[1])];
        var refusal = Assert.Throws<OptionException>(() => Settings(new SweepRequest(Of("--set"), Of("--sweep"), Of("--figure").FirstOrDefault(), Repeat: 2)));
        Assert.Equal(reason, refusal.Message);
    }

    [Fact]
    public void Every_figure_of_every_paper_can_be_run_with_what_its_scenario_allows()
    {
        foreach (Scenario scenario in ScenarioRunner.All)
        {
            Assert.All(scenario.PaperFigures, figure =>
            {
                Assert.Empty(figure.Measures.Except(scenario.Measures));
                Assert.NotEmpty(SweepPlan.Create(scenario, new ScenarioOptions(), new SweepRequest([], [], figure.Name)).Points);
            });
        }
    }

    private static IEnumerable<string> Settings(SweepRequest request) =>
        SweepPlan.Create(new TrialScenario(), new ScenarioOptions(), request).Points.Select(point => string.Join(' ', point.Settings));
}
