using Softswitch.Hosting;
using Softswitch.Scenarios.Parameters;
using Softswitch.Scenarios.Twaren;

namespace Softswitch.Scenarios.Tests;

/// <summary>Values that go together, and those that do not.</summary>
public sealed class TwarenParametersTests
{
    private readonly TwarenScenario _scenario = new();

    [Theory]
    [InlineData("networks: is not for part=all", "networks=5")]
    [InlineData("k: is not for part=shortcut; it is for part=all or part=tables or part=rates", "part=shortcut", "k=7")]
    [InlineData("insertion: on-demand needs part=shortcut", "part=paths", "insertion=on-demand")]
    [InlineData("networks: '51' is not allowed", "part=networks", "networks=51")]
    [InlineData("m: '0' is not allowed", "m=0")]
    public void What_changes_nothing_or_is_not_allowed_is_refused(string reason, params string[] settings)
    {
        OptionException refused = Assert.Throws<OptionException>(() => ParameterValues.Parse(_scenario, new(), settings));
        Assert.StartsWith(reason, refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("part=networks")]
    [InlineData("part=rates")]
    public void A_part_without_a_guest_is_refused_with_one(string setting) =>
        Assert.Throws<OptionException>(() => ParameterValues.Parse(_scenario, new() { UsesGuests = true }, [setting]));

    [Fact]
    public void Every_point_of_the_papers_tables_can_be_run()
    {
        Assert.NotEmpty(_scenario.PaperFigures);
        foreach (PaperFigure figure in _scenario.PaperFigures)
        {
            foreach (string sweep in figure.Sweeps)
            {
                (string key, string values) = ParameterValues.Split(sweep);
                foreach (string value in values.Split(','))
                {
                    ParameterValues.Parse(_scenario, new(), [.. figure.Settings, $"{key}={value}"]);
                }
            }
        }
    }
}
