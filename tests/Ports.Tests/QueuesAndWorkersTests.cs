using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.AfXdp;
using Softswitch.Ports.Tap;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests;

/// <summary>A switch with ports of several queues, its workers driven by the test's own thread: who moved what is known to the packet.</summary>
[Trait("Ring", "peers")]
public sealed class QueuesAndWorkersTests
{
    private const int Flows = 400;

    [Theory]
    [InlineData(1, 2)]
    [InlineData(2, 2)]
    [InlineData(2, 4)]
    [InlineData(3, 4)]
    public void Packets_of_every_queue_of_an_af_xdp_port_are_forwarded_and_every_worker_has_its_share(int workers, int queues)
    {
        Needs.Xdp();
        using var space = new LabNode("deal");
        VethCable.Lay(space.Network, "in", space.Network, "source", queues: queues);
        VethCable.Lay(space.Network, "out", space.Network, "sink", queues: queues);
        using DatapathControl control = Create(workers);
        Add(control, 1, space.Run(() => AfXdpPort.Open("in", "in", control.Frames, new AfXdpOptions(512, 128))));
        Add(control, 2, space.Run(() => AfXdpPort.Open("out", "out", control.Frames, new AfXdpOptions(512, 128))));
        ForwardAll(space, control, "source", "sink");
    }

    [Theory]
    [InlineData(1, 2)]
    [InlineData(2, 2)]
    [InlineData(2, 3)]
    public void Packets_of_every_queue_of_a_tap_port_are_forwarded_and_every_worker_has_its_share(int workers, int queues)
    {
        Needs.Tun();
        using var space = new LabNode("deal");
        space.Execute("sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6").Checked();
        using DatapathControl control = Create(workers);
        Add(control, 1, space.Run(() => TapPort.Open("in", "in", queues)));
        Add(control, 2, space.Run(() => TapPort.Open("out", "out", queues)));
        ForwardAll(space, control, "in", "out");
    }

    private static DatapathControl Create(int workers) => new(new DatapathOptions { Workers = workers, FrameCount = 8192, LargeFrameCount = 32 });

    private static void Add(DatapathControl control, ushort number, IPortDevice device) => Assert.Equal(ControlError.None, control.AddPort(number, device));

    private static void ForwardAll(LabNode space, DatapathControl control, string from, string to)
    {
        Assert.Equal(ControlError.None, control.Apply(new FlowMod { Match = FlowMatch.Any with { InPort = 1 }, Actions = new[] { FlowAction.Output(2) } }));
        using RawSocket source = space.Run(() => new RawSocket(from));
        using RawSocket sink = space.Run(() => new RawSocket(to));
        int[] moved = new int[control.Workers.Count];
        HashSet<string> seen = [];
        int flow = 0;
        Eventually.Polled(HasSeenAll, () => $"{seen.Count} of {Flows} frames came; workers moved {string.Join(", ", moved)}");
        Assert.All(moved, count => Assert.InRange(count, 1, Flows));

        bool HasSeenAll()
        {
            for (int i = 0; i < 20 && flow < Flows; i++)
            {
                source.Send(TestPacket.Udp(srcPort: (ushort)(1000 + flow++)));
            }
            for (int worker = 0; worker < moved.Length; worker++)
            {
                moved[worker] += control.Workers[worker].PollOnce();
            }
            while (sink.Receive() is { } frame)
            {
                Assert.True(seen.Add(Convert.ToHexString(frame)), "a frame came twice");
            }
            return seen.Count == Flows;
        }
    }
}
