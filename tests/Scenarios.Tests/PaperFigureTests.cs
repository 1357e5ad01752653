using Softswitch.Scenarios.Parameters;
using Softswitch.Scenarios.Sweeps;

namespace Softswitch.Scenarios.Tests;

/// <summary>The papers' figures as sweeps: what each says of parameters and measures is what its scenario has.</summary>
public sealed class PaperFigureTests
{
    public static TheoryData<string, string> Figures =>
        [.. ScenarioRunner.All.SelectMany(scenario => scenario.PaperFigures.Select(figure => (scenario.Name, figure.Name)))];

    [Theory, MemberData(nameof(Figures))]
    public void Figure_can_be_planned_and_draws_what_its_scenario_measures(string name, string figureName)
    {
        Scenario scenario = ScenarioRunner.All.Single(one => one.Name == name);
        PaperFigure figure = scenario.PaperFigures.Single(one => one.Name == figureName);
        SweepPlan.Create(scenario, new ScenarioOptions(), new SweepRequest([], [], figureName));
        Assert.NotEmpty(figure.Measures);
        Assert.All(figure.Measures, measure => Assert.Contains(measure, scenario.Measures));
    }

    [Fact]
    public void Columns_of_a_scenario_are_all_different()
    {
        Assert.All(ScenarioRunner.All, scenario => Assert.Distinct(
            scenario.Parameters.Append(Scenario.Seed).Select(parameter => parameter.Column).Concat(scenario.Measures.Select(measure => measure.Name))));
    }
}
