using Softswitch.Datapath.Ports;

namespace Softswitch.Datapath.Tests.SpanningTree;

/// <summary>Spanning tree where every switch has loops on four sides, under a controller that knows nothing of it.</summary>
public sealed class TorusTests
{
    private const int Side = 3;
    private const ulong Everybody = 0xffff_ffff_ffff;

    [Fact]
    public void Under_a_controller_that_learns_all_pairs_answer_and_nothing_goes_round()
    {
        using Wires wires = Wires.Torus(Side);
        int hosts = wires.Switches.Count;
        for (int second = 0; second < 40; second++)
        {
            // From the first moment on: what the controller learns while ports make up their minds must not last.
            wires.Host(second % hosts, HostOf(second % hosts), Everybody);
            wires.Host(second % hosts, HostOf(second % hosts), HostOf((second + 4) % hosts));
            Assert.True(wires.TrySettle(), $"packets go round after {second} s");
            wires.Pass(1);
        }
        for (int i = 0; i < hosts * hosts; i++)
        {
            (int from, int to) = (i / hosts, i % hosts);
            if (from != to)
            {
                Assert.Equal((1, 1, 1), Ask(wires, from, to));
            }
        }
        Assert.Equal(10, wires.Switches.Sum(sut => sut.Control.Ports.Descriptions.Count(port => port.State == PortState.StpBlock)));
    }

    /// <summary>One asks for the other, which answers, and is told something: how often each of the three arrived.</summary>
    private static (int Asked, int Answered, int Told) Ask(Wires wires, int from, int to)
    {
        return (Send(from, Everybody, to), Send(to, HostOf(from), from), Send(from, HostOf(to), to));

        int Send(int sender, ulong destination, int receiver)
        {
            wires.Take(receiver);
            wires.Host(sender, HostOf(sender), destination);
            Assert.True(wires.TrySettle(), $"packets from {from} to {to} go round");
            return wires.Take(receiver);
        }
    }

    private static ulong HostOf(int number) => 0x0200_0000_0100 + (ulong)number;
}
