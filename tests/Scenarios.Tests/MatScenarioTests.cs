using Softswitch.Hosting.Configuration;
using Softswitch.Scenarios.Mat;

namespace Softswitch.Scenarios.Tests;

/// <summary>What of MAT's scenario can be varied.</summary>
public sealed class MatScenarioTests
{
    [Theory]
    [InlineData("order: one-by-one waits for switches to confirm, which takes barriers=on", "order=one-by-one,barriers=off")]
    [InlineData("make-before-break: on goes with order=together and barriers=on", "order=new-last,make-before-break=on")]
    [InlineData("make-before-break: on goes with order=together and barriers=on", "barriers=off,make-before-break=on")]
    [InlineData("translations, switches: 5,000,000 in all with held-by=all; a lab holds 1,000,000", "part=held,switches=50,held-by=all")]
    [InlineData("modified: 11 cannot be modified of 10 translations", "part=held,translations=10,modified=11")]
    [InlineData("translations: is not for part=all; it is for part=held or part=rates", "translations=10")]
    [InlineData("translations: is not for part=moves; it is for part=held or part=rates", "part=moves,translations=10")]
    [InlineData("held-by: is not for part=rates; it is for part=held", "part=rates,held-by=all")]
    [InlineData("modified: is not for part=moves; it is for part=all or part=held", "part=moves,modified=10")]
    [InlineData("switches: is not for part=rates; it is for part=all or part=moves or part=held", "part=rates,switches=10")]
    [InlineData("order: is not for part=rates; it is for part=all or part=moves or part=held", "part=rates,order=one-by-one")]
    [InlineData("backend: is not for part=rates; it is for part=all or part=moves or part=held", "part=rates,backend=tap")]
    [InlineData("switches: '51' is not allowed; it is a whole number, 2 to 50", "switches=51")]
    public void Values_that_do_not_go_together_are_refused_by_their_keys(string reason, string settings) =>
        Assert.Equal(reason, Assert.Throws<OptionException>(() => ParameterValues.Parse(new MatScenario(), new ScenarioOptions(), [settings])).Message);

    [Fact]
    public void Rates_need_no_node_that_could_be_a_guest() =>
        Assert.StartsWith(
            "part: rates ",
            Assert.Throws<OptionException>(() => ParameterValues.Parse(new MatScenario(), new ScenarioOptions { UsesGuests = true }, ["part=rates"])).Message,
            StringComparison.Ordinal);
}
