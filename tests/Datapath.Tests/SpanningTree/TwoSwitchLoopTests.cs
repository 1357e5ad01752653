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
        Assert.Equal(1, wires.Exchange());
        Assert.Equal(1, wires.Switches.Sum(sut => sut.Control.Ports.Count(port => port.State == PortState.StpBlock)));
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
        wires.Unplug(pulled, 2, (pulled + 1) % 3, 3);
        wires.Pass(maxAge + (2 * forwardDelay) + 2);
        AssertAllReach(wires);
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

    /// <summary>Switches with four ports each, everything to one output, and cables between them. Port 1 is a host's.</summary>
    private sealed class Wires : IDisposable
    {
        private readonly Dictionary<(int Switch, ushort Port), (int Switch, ushort Port)> _cables = [];

        /// <summary>Port 2 of each joined with port 3 of the next.</summary>
        public static Wires Loop(int switches, int output, bool stp = true)
        {
            Wires wires = new();
            for (int i = 0; i < switches; i++)
            {
                SpanningTreeOptions? options = stp ? new SpanningTreeOptions() : null;
                TestSwitch sut = new(4, new DatapathOptions { DatapathId = (ulong)i + 1, SpanningTree = options }) { KeepsFrames = stp };
                sut.Add(FlowMatch.Any, 1, FlowAction.Output((ushort)output));
                wires.Switches.Add(sut);
                wires._cables[(i, 2)] = ((i + 1) % switches, 3);
                wires._cables[((i + 1) % switches, 3)] = (i, 2);
            }
            return wires;
        }

        public List<TestSwitch> Switches { get; } = [];

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

        public void Dispose() => Switches.ForEach(sut => sut.Dispose());

        /// <summary>Packets that have come to a host since the last look.</summary>
        public int Take(int number) => Switches[number].Received(1).Count(frame => !Bpdu.TryDecode(frame, out _));
    }
}
