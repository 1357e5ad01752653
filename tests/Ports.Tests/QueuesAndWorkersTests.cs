using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;
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
    [InlineData("xdp", 1, 2)]
    [InlineData("xdp", 2, 2)]
    [InlineData("xdp", 2, 4)]
    [InlineData("xdp", 3, 4)]
    [InlineData("tap", 1, 2)]
    [InlineData("tap", 2, 2)]
    [InlineData("tap", 2, 3)]
    public void Packets_of_every_queue_are_forwarded_and_every_worker_has_its_share(string kind, int workers, int queues)
    {
        Needs.Namespaces();
        using var space = new LabNode("deal");
        space.Execute("sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6").Checked();
        using DatapathControl control = new(new DatapathOptions { Workers = workers, FrameCount = 8192, LargeFrameCount = 32 });
        foreach ((ushort number, string name, string peer) in ((ushort, string, string)[])[(1, "in", "source"), (2, "out", "sink")])
        {
            Assert.Equal(ControlError.None, control.Ports.Add(number, Open(space, kind, name, peer, queues, control.Frames)));
        }
        ForwardAll(space, control, kind == "xdp" ? "source" : "in", kind == "xdp" ? "sink" : "out");
    }

    private static IPortDevice Open(LabNode space, string kind, string name, string peer, int queues, FramePool frames)
    {
        if (kind == "tap")
        {
            Needs.Tun();
            return space.Run(() => TapPort.Open(name, name, queues));
        }
        Needs.Xdp();
        VethCable.Lay(space.Network, name, space.Network, peer, queues: queues);
        return space.Run(() => AfXdpPort.Open(name, name, frames, new AfXdpOptions(512, 128)));
    }

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
