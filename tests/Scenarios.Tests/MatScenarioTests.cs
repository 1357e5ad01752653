using Softswitch.Hosting;
using Softswitch.Scenarios.Mat;
using Softswitch.Scenarios.Parameters;

namespace Softswitch.Scenarios.Tests;

/// <summary>What of MAT's scenario can be varied.</summary>
public sealed class MatScenarioTests
{
    [Theory]
    [InlineData("insertion, barriers: serial waits for a switch to confirm, which takes barriers=on", "insertion=serial,barriers=off")]
    [InlineData("translations, switches: 5,000,000 in all with held-by=all; a lab holds 1,000,000", "switches=50,held-by=all")]
    [InlineData("modified: 11 cannot be modified of 10 translations", "translations=10,modified=11")]
    [InlineData("switches: '51' is not allowed; it is a whole number, 2 to 50", "switches=51")]
    public void Values_that_do_not_go_together_are_refused_by_their_keys(string reason, string settings) =>
        Assert.Equal(reason, Assert.Throws<OptionException>(() => ParameterValues.Parse(new MatScenario(), new ScenarioOptions(), [settings])).Message);

    [Fact]
    public void Rates_need_no_node_that_could_be_a_guest() =>
        Assert.StartsWith(
            "part: rates ",
            Assert.Throws<OptionException>(() => ParameterValues.Parse(new MatScenario(), new ScenarioOptions { UsesGuests = true }, ["part=rates"])).Message,
            StringComparison.Ordinal);

    [Fact]
    public void Every_figure_of_the_papers_is_a_sweep_of_allowed_values()
    {
        var scenario = new MatScenario();
        Assert.All(scenario.PaperFigures, figure =>
        {
            Assert.All(figure.Measures, measure => Assert.Contains(measure, scenario.Measures));
            foreach (string sweep in figure.Sweeps)
            {
                (string key, string values) = ParameterValues.Split(sweep);
                Assert.All(values.Split(','), value => ParameterValues.Parse(scenario, new ScenarioOptions(), [.. figure.Settings, $"{key}={value}"]));
            }
        });
    }
}
