using Softswitch.Hosting.Configuration;
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
    [InlineData("pings: 1 a second, duration=1: a stream has 2 to 65536 pings", "part=shortcut", "pings=1", "duration=1")]
    [InlineData("pings: 5000 a second, duration=60: a stream has 2 to 65536 pings", "pings=5000", "duration=60")]
    [InlineData("moves: 1000 with pings=5000 may be more than 65536 pings", "part=paths", "pings=5000", "moves=1000")]
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

    [Theory]
    [InlineData("part=shortcut", "pings=1", "duration=2")]
    [InlineData("part=shortcut", "pings=1000", "duration=60")]
    [InlineData("part=paths", "pings=1", "duration=0.5", "moves=1000")]
    [InlineData("part=networks", "pings=5000", "moves=1000")]
    public void Pings_that_a_stream_can_have_are_allowed(params string[] settings) =>
        Assert.Null(Record.Exception(() => ParameterValues.Parse(_scenario, new(), settings)));

    [Theory]
    [InlineData(false, "part=shortcut")]
    [InlineData(false, "part=paths", "moves=3", "insertion=reactive")]
    [InlineData(true, "rate=20000")]
    [InlineData(true, "size=1400")]
    [InlineData(true, "pings=5000")]
    [InlineData(true, "duration=60", "part=shortcut")]
    [InlineData(true, "link-rate=1")]
    public void Loss_is_not_judged_where_the_load_is_set(bool isSet, params string[] settings) =>
        Assert.Equal(isSet, TwarenParameters.LoadIsSet(ParameterValues.Parse(_scenario, new(), settings)));
}
