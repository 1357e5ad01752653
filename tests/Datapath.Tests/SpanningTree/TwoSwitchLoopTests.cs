using Softswitch.Datapath.Ports;

namespace Softswitch.Datapath.Tests.SpanningTree;

/// <summary>Whole switches joined by cables in a loop, hosts on their ports 1: what spanning tree is for.</summary>
public sealed class TwoSwitchLoopTests
{
    private const ulong HostA = 0x0200_0000_00aa;
    private const ulong HostB = 0x0200_0000_00bb;
    private const ulong HostC = 0x0200_0000_00cc;

    [Theory]
    [InlineData(2, PortNumber.Normal)]
    [InlineData(2, PortNumber.Flood)]
    [InlineData(3, PortNumber.Normal)]
    [InlineData(3, PortNumber.Flood)]
    public void A_broadcast_crosses_once_and_comes_to_rest(int switches, int output)
    {
        using Wires wires = Wires.Loop(switches, output);
        for (int second = 0; second < 40; second++)
        {
            // From the first moment on: no phase of convergence may loop.
            wires.Host(0, HostA, 0xffff_ffff_ffff);
            wires.Host(1, HostB, 0xffff_ffff_ffff);
            Assert.True(wires.TrySettle(), $"a storm after {second} s");
            wires.Pass(1);
        }
        wires.Clear();
        Assert.Equal((1, 1), Exchange(wires));
        Assert.Equal(1, wires.Switches.Sum(sut => sut.Control.Ports.Descriptions.Count(port => port.State == PortState.StpBlock)));
    }

    [Fact]
    public void Without_the_tree_the_same_loop_storms()
    {
        using Wires wires = Wires.Loop(switches: 2, PortNumber.Normal, stp: false);
        wires.Host(0, HostA, 0xffff_ffff_ffff);
        Assert.False(wires.TrySettle());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void Whichever_cable_of_a_triangle_is_pulled_hosts_that_never_broadcast_are_reached_within_the_standards_time(int pulled)
    {
        const int maxAge = 20;
        const int forwardDelay = 15;
        using Wires wires = Wires.Loop(switches: 3, PortNumber.Normal);
        wires.Pass(75); // the change that forwarding began with is over, stations are known for 300 s again
        AssertAllReach(wires);
        wires.Unplug(pulled, 2);
        wires.Pass(maxAge + (2 * forwardDelay) + 2);
        AssertAllReach(wires);
    }

    /// <summary>The hosts of the first two switches greet each other; how often each greeting arrived.</summary>
    private static (int There, int Back) Exchange(Wires wires)
    {
        wires.Host(0, HostA, 0xffff_ffff_ffff);
        Assert.True(wires.TrySettle());
        int there = wires.Take(1);
        wires.Clear();
        wires.Host(1, HostB, HostA);
        Assert.True(wires.TrySettle());
        return (there, wires.Take(0));
    }

    private static void AssertAllReach(Wires wires)
    {
        ulong[] hosts = [HostA, HostB, HostC];
        for (int i = 0; i < 9; i++)
        {
            (int from, int to) = (i / 3, i % 3);
            if (from != to)
            {
                wires.Clear();
                wires.Host(from, hosts[from], hosts[to]);
                Assert.True(wires.TrySettle());
                Assert.True(wires.Take(to) == 1, $"from {from} to {to}");
            }
        }
    }
}
