using Softswitch.Hosting.Configuration;
using Softswitch.Scenarios.Sweeps;
using Softswitch.Scenarios.Xenflow;

namespace Softswitch.Scenarios.Tests;

/// <summary>What of XenFlow's parameters goes together, and the paper's figures as sweeps.</summary>
public sealed class XenflowParametersTests
{
    private static readonly XenflowScenario Scenario = new();
    private static readonly ScenarioOptions Plain = new();

    [Theory]
    [InlineData("part=slice,rate=1000", "rate: is not for part=slice; it is for part=all or part=moves or part=first-packets or part=ports")]
    [InlineData("part=rates,moves=2", "moves: is not for part=rates; it is for part=all or part=moves")]
    [InlineData(
        "part=memory,backend=xdp",
        "backend: is not for part=memory; it is for part=all or part=moves or part=first-packets or part=ports or part=rates or part=slice or part=route")]
    [InlineData("size=60.5", "size: '60.5' is not allowed; it is a whole number of bytes")]
    [InlineData("size=59", "size: '59' is not allowed; it is a number, 60 to 1514, or auto: moves with 60 and with 1514, else 60")]
    [InlineData("make-before-break=yes", "make-before-break: 'yes' is not allowed; it is both, on, off")]
    [InlineData("device=card", "device: 'card' does not go with part=all: its ports do not go from switch to switch")]
    [InlineData("part=ports,backend=tap", "backend: 'tap' does not go with part=ports: its ports do not go from switch to switch")]
    public void What_does_not_go_together_is_refused_with_its_reason(string settings, string reason) =>
        Assert.Equal(reason, Assert.Throws<OptionException>(() => Read(settings)).Message);

    [Fact]
    public void A_guests_cable_is_refused_with_guests_too() =>
        Assert.Equal(
            "backend: 'vhost-user' is a guest's cable, and nobody here is a guest",
            Assert.Throws<OptionException>(() => ParameterValues.Parse(Scenario, Plain with { UsesGuests = true }, ["backend=vhost-user"])).Message);

    [Theory]
    [InlineData("part=moves,rate=1000,size=512,flows=10,moves=3,make-before-break=off,insertion=proactive,barriers=off,probe=off")]
    [InlineData("part=moves,duration=2,link-rate=100,backend=xdp")]
    [InlineData("part=moves,device=card")]
    [InlineData("part=first-packets,rate=500,backend=tap")]
    [InlineData("part=slice,link-rate=100,seed=7")]
    public void What_goes_together_is_read(string settings) => Assert.False(Read(settings).AreDefault);

    [Theory]
    [InlineData(60, "64 bytes", 1_488_095)] // RFC 2544 has 14,880 for 10 Mbit/s, 812 and 2,349 for the next two
    [InlineData(1514, "1500 bytes", 81_274)]
    [InlineData(508, "frames of 508 bytes", 234_962)]
    public void Sizes_have_the_papers_names_and_a_line_rate(int size, string name, int rate)
    {
        Assert.Equal(name, new PacketSize(size).Name);
        Assert.Equal(rate, (int)new PacketSize(size).LineRate);
    }

    [Theory]
    [InlineData(60, null, 1_488_095)]
    [InlineData(60, 10_000.0, 1_488_095)]
    [InlineData(60, 1.0, 2_083)]
    [InlineData(1514, 100.0, 8_256)]
    [InlineData(1514, 1.0, 82)]
    public void No_more_is_offered_than_a_gigabit_and_the_links_carry(int size, double? link, int most) =>
        Assert.Equal(most, (int)new PacketSize(size).MostOver(link));

    [Fact]
    public void Figures_7_to_9_have_their_runs_in_common()
    {
        string[][] runs = [.. new[] { "fig7", "fig8", "fig9" }.Select(name =>
            SweepPlan.Create(Scenario, Plain, new SweepRequest([], [], name)).Points.Select(point => string.Join(',', point.Settings)).ToArray())];
        Assert.Equal(120, runs[0].Length);
        Assert.Equal(runs[0], runs[1]);
        Assert.Equal(runs[0], runs[2]);
    }

    private static ParameterValues Read(string settings) => ParameterValues.Parse(Scenario, Plain, [settings]);
}
