using Softswitch.Hosting.Configuration;
using Softswitch.Ports.Specs;
using Softswitch.Scenarios.Victor;

namespace Softswitch.Scenarios.Tests;

/// <summary>What of VICTOR, and of what it is made of, goes together.</summary>
public sealed class VictorParametersTests
{
    private static readonly VictorScenario Victor = new();

    [Theory]
    [InlineData("backend: 'vhost-user' is a guest's cable, and there are guests with --vm only", false, "backend=vhost-user")]
    [InlineData("link-rate: does not go with --vm: what a guest sends has no rate", true, "link-rate=100")]
    [InlineData("pause: 100 ms at pings=10 are fewer than 3 pings", false, "pings=10", "pause=100")]
    [InlineData("moves: 100 at pings=1000 and pause=1000 may be more than 65536 pings, and their sequence number has 16 bits", false, "pings=1000,moves=100")]
    [InlineData("pings: is not for part=rates; it is for part=all or part=handoffs", false, "part=rates,pings=10")]
    [InlineData("backend: is not for part=rates; it is for part=all or part=handoffs", false, "part=rates,backend=xdp")]
    [InlineData("order: old-first waits for switches to confirm, which takes barriers=on", false, "order=old-first", "barriers=off")]
    [InlineData("tunnel: of capsulator no rate is measured; it is with part=handoffs", false, "part=rates,tunnel=capsulator")]
    public void What_does_not_go_together_is_refused_with_the_reason(string reason, bool usesGuests, params string[] settings) =>
        Assert.Equal(reason, Assert.Throws<OptionException>(() => ParameterValues.Parse(Victor, new ScenarioOptions { UsesGuests = usesGuests }, settings)).Message);

    [Fact]
    public void The_lab_is_made_of_what_is_asked_for()
    {
        ParameterValues values = ParameterValues.Parse(Victor, new ScenarioOptions(), ["backend=xdp,link-rate=1.5"]);
        Assert.Equal(new Lab.LabWiring { Backend = PortKind.Xdp, Rate = 1_500_000 }, CommonParameters.ReadWiring(values));
        Assert.Equal(new Lab.LabWiring(), CommonParameters.ReadWiring(ParameterValues.Parse(Victor, new ScenarioOptions(), [])));
        Assert.Equal(PortKind.Packet, CommonParameters.ReadWiring(ParameterValues.Parse(Victor, new ScenarioOptions { UsesGuests = true }, ["backend=vhost-user"])).Backend);
    }

    [Theory]
    [InlineData(3, 0, new[] { 0, 10, 20, 30, 40 }, new[] { 3, 13, 23, 33, 43 })] // an answer's own way
    [InlineData(3, 0, new[] { 0, 10, 60, 70 }, new[] { 3, 13, 63, 73 })] // a late sender
    [InlineData(23, 0, new[] { 0, 10, 20, 30, 40 }, new[] { 3, 33, 43 })] // two are lost
    [InlineData(3, 35, new[] { 0, 10, 20, 30, 40, 50 }, new[] { 3, 33, 43, 53 })] // before what is asked about
    [InlineData(0, 0, new[] { 0, 1 }, new[] { 30, 31 })] // both were on the way
    public void An_interruption_begins_with_the_first_ping_without_an_answer(int longest, int from, int[] pings, int[] answers) => Assert.Equal(
        longest,
        VictorHandoffs.LongestWait([.. pings.Select(Seconds)], [.. answers.Select(Seconds)], Seconds(from), Seconds(100)).TotalSeconds);

    private static long Seconds(int count) => count * 1_000_000_000L; // of Stopwatch, on Linux
}
