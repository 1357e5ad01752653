using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Ports;
using Softswitch.Datapath.SpanningTree;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.SpanningTree;

/// <summary>Whole switches joined by cables in a loop, hosts on their ports 1: what spanning tree is for.</summary>
public sealed class TwoSwitchLoopTests
{
    private const ulong HostA = 0x0200_0000_00aa;
    private const ulong HostB = 0x0200_0000_00bb;
    private const ulong HostC = 0x0200_0000_00cc;

    [Theory]
    [InlineData(PortNumber.Normal)]
    [InlineData(PortNumber.Flood)]
    public void A_broadcast_crosses_once_and_comes_to_rest(int output)
    {
        using Wires wires = new(switches: 2, output);
        wires.Plug(0, 2, 1, 2);
        wires.Plug(0, 3, 1, 3);
        AssertNoStorm(wires);
    }

    [Theory]
    [InlineData(PortNumber.Normal)]
    [InlineData(PortNumber.Flood)]
    public void Around_a_triangle_too(int output)
    {
        using Wires wires = new(switches: 3, output);
        wires.Plug(0, 2, 1, 3);
        wires.Plug(1, 2, 2, 3);
        wires.Plug(2, 2, 0, 3);
        AssertNoStorm(wires);
        Assert.Equal(1, wires.Switches.Sum(sut => sut.Control.Ports.Count(port => port.State == PortState.StpBlock)));
    }

    [Fact]
    public void Without_the_tree_the_same_loop_storms()
    {
        using Wires wires = new(switches: 2, PortNumber.Normal, stp: false);
        wires.Plug(0, 2, 1, 2);
        wires.Plug(0, 3, 1, 3);
        wires.Host(0, HostA, 0xffff_ffff_ffff);
        Assert.False(wires.TrySettle());
    }

    [Fact]
    public void When_the_cable_that_forwards_is_pulled_the_other_takes_over()
    {
        using Wires wires = new(switches: 2, PortNumber.Normal);
        wires.Plug(0, 2, 1, 2);
        wires.Plug(0, 3, 1, 3);
        wires.Pass(35);
        TestSwitch far = wires.Switches[1];
        Assert.Equal(2, far.Control.Bridge!.RootPort!.Number);
        Assert.Equal(PortState.StpBlock, far.Control.Ports[2].State);
        Assert.Equal(1, wires.Exchange());
        wires.Unplug(0, 2, 1, 2);
        wires.Pass(31);
        Assert.Equal(3, far.Control.Bridge.RootPort!.Number);
        Assert.Equal(PortState.StpForward, far.Control.Ports[2].State);
        Assert.Equal(1, wires.Exchange());
        wires.AssertNoFrameLost();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void Whichever_cable_of_a_triangle_is_pulled_hosts_that_never_broadcast_are_reached_within_the_standards_time(int pulled)
    {
        const int maxAge = 20;
        const int forwardDelay = 15;
        using Wires wires = new(switches: 3, PortNumber.Normal);
        (int One, ushort OnePort, int Other, ushort OtherPort)[] cables = [(0, 2, 1, 3), (1, 2, 2, 3), (2, 2, 0, 3)];
        foreach ((int one, ushort onePort, int other, ushort otherPort) in cables)
        {
            wires.Plug(one, onePort, other, otherPort);
        }
        wires.Pass(75); // the change that forwarding began with is over, stations are known for 300 s again
        AssertAllReach(wires);
        (int a, ushort aPort, int b, ushort bPort) = cables[pulled];
        wires.Unplug(a, aPort, b, bPort);
        wires.Pass(maxAge + (2 * forwardDelay) + 2);
        AssertAllReach(wires);
        wires.AssertNoFrameLost();
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

    private static void AssertNoStorm(Wires wires)
    {
        for (int second = 0; second < 40; second++)
        {
            // From the first moment on: no phase of convergence may loop.
            wires.Host(0, HostA, 0xffff_ffff_ffff);
            wires.Host(1, HostB, 0xffff_ffff_ffff);
            Assert.True(wires.TrySettle(), $"a storm after {second} s");
            wires.Pass(1);
        }
        wires.Clear();
        Assert.Equal(1, wires.Exchange());
        wires.AssertNoFrameLost();
    }

    /// <summary>Switches with four ports each, everything to one output, and cables between them. Port 1 is a host's.</summary>
    private sealed class Wires : IDisposable
    {
        private readonly Dictionary<(int Switch, ushort Port), (int Switch, ushort Port)> _cables = [];

        public Wires(int switches, int output, bool stp = true)
        {
            for (int i = 0; i < switches; i++)
            {
                SpanningTreeOptions? options = stp ? new SpanningTreeOptions() : null;
                TestSwitch sut = new(4, new DatapathOptions { DatapathId = (ulong)i + 1, SpanningTree = options });
                sut.Add(FlowMatch.Any, 1, FlowAction.Output((ushort)output));
                Switches.Add(sut);
            }
        }

        public List<TestSwitch> Switches { get; } = [];

        public void Plug(int one, ushort onePort, int other, ushort otherPort)
        {
            _cables[(one, onePort)] = (other, otherPort);
            _cables[(other, otherPort)] = (one, onePort);
        }

        public void Unplug(int one, ushort onePort, int other, ushort otherPort)
        {
            _cables.Remove((one, onePort));
            _cables.Remove((other, otherPort));
            Switches[one][onePort].SetLink(false);
            Switches[other][otherPort].SetLink(false);
        }

        public void Host(int number, ulong source, ulong destination) =>
            Assert.True(Switches[number][1].TryInject(TestPacket.Udp(dlSrc: source, dlDst: destination)));

        /// <summary>The hosts of the first two switches greet each other; returns how often each greeting arrived, if equally often.</summary>
        public int Exchange()
        {
            Clear();
            Host(0, HostA, 0xffff_ffff_ffff);
            Assert.True(TrySettle());
            int there = Take(1);
            Host(1, HostB, HostA);
            Assert.True(TrySettle());
            int back = Take(0);
            return there == back ? there : -1;
        }

        /// <summary>Lets everything be received that was sent, and again; false if that has no end.</summary>
        public bool TrySettle()
        {
            for (int round = 0; round < 50; round++)
            {
                int moved = 0;
                foreach (TestSwitch sut in Switches)
                {
                    sut.Settle();
                    sut.Settle(); // what the control side sent
                }
                foreach ((var from, var to) in _cables)
                {
                    foreach (byte[] frame in Switches[from.Switch].Received(from.Port))
                    {
                        Assert.True(Switches[to.Switch][to.Port].TryInject(frame));
                        moved++;
                    }
                }
                if (moved == 0)
                {
                    return true;
                }
            }
            return false;
        }

        public void Pass(int seconds)
        {
            for (int i = 0; i < 4 * seconds; i++)
            {
                Switches.ForEach(sut => sut.Time.Advance(TimeSpan.FromMilliseconds(250)));
                Assert.True(TrySettle());
            }
        }

        public void Clear() => Switches.ForEach(sut => sut.Received(1));

        public void AssertNoFrameLost() => Switches.ForEach(sut => sut.AssertNoFrameLost());

        public void Dispose() => Switches.ForEach(sut => sut.Dispose());

        /// <summary>Packets that have come to a host since the last look.</summary>
        public int Take(int number) => Switches[number].Received(1).Count(frame => !Bpdu.TryDecode(frame, out _));
    }
}
