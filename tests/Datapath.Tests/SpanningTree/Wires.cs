using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.SpanningTree;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.SpanningTree;

/// <summary>Whole switches and cables between them. Port 1 of each is a host's.</summary>
internal sealed class Wires : IDisposable
{
    private readonly Dictionary<(int Switch, ushort Port), (int Switch, ushort Port)> _cables = [];
    private readonly List<PlainController> _controllers = [];

    private Wires(int switches, int ports, bool stp)
    {
        for (int i = 0; i < switches; i++)
        {
            DatapathOptions options = new() { DatapathId = (ulong)i + 1, SpanningTree = stp ? new SpanningTreeOptions() : null };
            Switches.Add(new TestSwitch(ports, options) { KeepsFrames = stp });
        }
    }

    /// <summary>Port 2 of each joined with port 3 of the next; everything goes to one output.</summary>
    public static Wires Loop(int switches, int output, bool stp = true)
    {
        Wires wires = new(switches, ports: 4, stp);
        for (int i = 0; i < switches; i++)
        {
            wires.Switches[i].Add(FlowMatch.Any, 1, FlowAction.Output((ushort)output));
            wires.Plug(i, 2, (i + 1) % switches, 3);
        }
        return wires;
    }

    /// <summary>Rows and columns that are rings: ports 2 to 5 lead east, west, south and north. Each has a controller.</summary>
    public static Wires Torus(int side)
    {
        Wires wires = new(side * side, ports: 5, stp: true);
        for (int i = 0; i < side * side; i++)
        {
            (int row, int column) = (i / side, i % side);
            wires.Plug(i, 2, (row * side) + ((column + 1) % side), 3);
            wires.Plug(i, 4, ((row + 1) % side * side) + column, 5);
            wires._controllers.Add(new PlainController(wires.Switches[i]));
        }
        return wires;
    }

    public List<TestSwitch> Switches { get; } = [];

    public void Unplug(int one, ushort onePort)
    {
        (int other, ushort otherPort) = _cables[(one, onePort)];
        _cables.Remove((one, onePort));
        _cables.Remove((other, otherPort));
        Switches[one][onePort].SetLink(false);
        Switches[other][otherPort].SetLink(false);
    }

    public void Host(int number, ulong source, ulong destination) =>
        Assert.True(Switches[number][1].TryInject(TestPacket.Udp(dlSrc: source, dlDst: destination)));

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
            foreach (PlainController controller in _controllers)
            {
                moved += controller.AnswerAll();
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
            Assert.True(TrySettle(), "packets go round");
        }
    }

    public void Clear() => Switches.ForEach(sut => sut.Received(1));

    public void Dispose() => Switches.ForEach(sut => sut.Dispose());

    /// <summary>Packets that have come to a host since the last look.</summary>
    public int Take(int number) => Switches[number].Received(1).Count(frame => !Bpdu.TryDecode(frame, out _));

    private void Plug(int one, ushort onePort, int other, ushort otherPort)
    {
        _cables[(one, onePort)] = (other, otherPort);
        _cables[(other, otherPort)] = (one, onePort);
    }
}
