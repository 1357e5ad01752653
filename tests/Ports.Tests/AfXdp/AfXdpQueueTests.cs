using Softswitch.Datapath.Packets;
using Softswitch.Ports.AfXdp;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.AfXdp;

/// <summary>One port over several queues of a veth, which deals what it is sent by flow.</summary>
[Trait("Ring", "peers")]
public sealed class AfXdpQueueTests : VethTests
{
    public AfXdpQueueTests()
        : base(() => Needs.Xdp(), queues: 4)
    {
    }

    private AfXdpPort Open(string name = "near", AfXdpOptions? options = null) =>
        Space.Run(() => AfXdpPort.Open($"port '{name}'", name, Pool, options ?? new AfXdpOptions(64, 64)));

    private string Refusal(string name, AfXdpOptions? options = null) => Assert.Throws<PortException>(() => Open(name, options)).Message;

    private static byte[] Flow(int number) => TestPacket.Udp(srcPort: (ushort)(1000 + number));

    [Theory]
    [InlineData(XdpMode.Native)]
    [InlineData(XdpMode.Generic)]
    internal void Each_queue_receives_flows_of_its_own_and_none_is_lost(XdpMode mode)
    {
        const int flows = 200;
        using (AfXdpPort near = Open(options: new AfXdpOptions(256, 64, mode)))
        {
            Assert.Equal(4, near.Queues.Count);
            Assert.Contains("own umem, 4 queues", near.Backend, StringComparison.Ordinal);
            using RawSocket far = OpenRaw();
            byte[][] sent = [.. Enumerable.Range(0, flows).Select(Flow)];
            Assert.All(sent, frame => far.Send(frame));
            int[] perQueue = near.ReceiveByQueue(Frames, sent);
            // Without the program in the driver a veth reports the sender's queue less one: its last one receives nothing.
            Assert.All(perQueue[..(mode == XdpMode.Native ? 4 : 3)], count => Assert.InRange(count, 1, flows));
            Assert.Equal(default, near.ReadCounters());
        }
        AssertEveryFrameIsBack();
    }

    [Fact]
    public void Each_queue_sends_and_gets_its_own_frames_back()
    {
        using (AfXdpPort near = Open())
        {
            using RawSocket far = OpenRaw();
            int held = near.HeldFrames;
            for (int round = 0; round < 100; round++)
            {
                byte[] frame = Flow(round);
                Assert.Equal(1, near.Queues[round % 4].SendBurst(Frames, frame));
                Assert.Equal(frame, far.Expect());
            }
            Eventually.Polled(
                () =>
                {
                    Assert.Equal(0, Pass(near));
                    return near.HeldFrames <= held;
                },
                () => "frames that were sent do not come back");
            Assert.Equal(default, near.ReadCounters());
        }
        AssertEveryFrameIsBack();
    }

    [Fact]
    public void Losses_of_all_queues_are_counted_together()
    {
        const int offered = 240; // no more than a veth holds back while nobody looks
        const int slots = 32;
        using AfXdpPort near = Open(options: new AfXdpOptions(slots, slots));
        using RawSocket far = OpenRaw();
        for (int i = 0; i < offered; i++)
        {
            far.Send(Flow(i));
        }
        Eventually.Polled(
            () => near.ReadCounters().ReceiveDropped >= offered - (4 * slots), () => $"only {near.ReadCounters().ReceiveDropped} losses are counted");
        Assert.Equal(offered - (4 * slots), near.ReadCounters().ReceiveDropped);
    }

    [Fact]
    public void A_pool_too_small_for_all_queues_is_a_clear_line_and_loses_no_frame()
    {
        Assert.Contains("the switch has no 1024 frames left for it to receive into (rx-slots=1024)", Refusal("near", new AfXdpOptions(1024, 64)), StringComparison.Ordinal);
        AssertEveryFrameIsBack();
        Eventually.Gone("xdp", () => Space.Execute("ip", "-d", "link", "show", "near").Checked().Output);
    }

    [Fact]
    public void Queues_that_would_pass_the_switch_by_are_refused_with_the_command_that_helps()
    {
        Needs.Program("ethtool");
        Assert.Equal(
            "port 'near': interface near receives by 4 queues, all of which must be served; for queues=2: "
            + "ethtool -L near combined 2 (or rx 2 tx 2); packet:near does without AF_XDP",
            Refusal("near", new AfXdpOptions(64, 64, Queues: 2)));
        Space.Execute("ethtool", "-L", "far", "tx", "2").Checked(); // a veth wants no fewer queues than its peer sends by
        Space.Execute("ethtool", "-L", "near", "rx", "2", "tx", "2").Checked();
        using AfXdpPort near = Open(options: new AfXdpOptions(64, 64, Queues: 2));
        Assert.Equal(2, near.Queues.Count);
    }

    [Fact]
    public void An_interface_with_fewer_queues_to_send_by_is_refused_with_the_command_that_helps()
    {
        Needs.Program("ethtool");
        Space.Execute("ethtool", "-L", "near", "tx", "1").Checked();
        Assert.Equal(
            "port 'near': interface near receives by 4 queues and sends by 1, and AF_XDP wants one to send by for each: "
            + "ethtool -L near rx 1 (or tx 4); packet:near does without AF_XDP",
            Refusal("near"));
    }

    [Fact]
    public void An_interface_removed_under_traffic_on_every_queue_leaves_no_frame_behind()
    {
        using (AfXdpPort near = Open())
        {
            using var stop = new CancellationTokenSource();
            var sender = new Thread(() => Space.Run(() => Flood(stop.Token)));
            sender.Start();
            int received = 0;
            Eventually.Polled(() => (received += Pass(near)) >= 5000, () => $"only {received} frames came");
            Space.Links.Delete("far");
            stop.Cancel();
            Eventually.Ended(sender);
            Eventually.Polled(() => Pass(near) == 0, () => "frames still come");
            Assert.False(near.ReadLink().Up);
        }
        AssertEveryFrameIsBack();
    }

    /// <summary>Receives from every queue, and sends back out of it what came.</summary>
    private int Pass(AfXdpPort port)
    {
        int received = 0;
        foreach (Datapath.Ports.IPort queue in port.Queues)
        {
            var batch = new PacketBatch();
            received += queue.Receive(batch, Frames);
            int taken = queue.Transmit(batch.Packets, Frames);
            Frames.Release(batch.Packets[taken..]);
        }
        return received;
    }

    private static void Flood(CancellationToken stop)
    {
        using var far = new RawSocket("far");
        byte[][] flows = [.. Enumerable.Range(0, 64).Select(Flow)];
        for (int i = 0; !stop.IsCancellationRequested && far.TrySend(flows[i % flows.Length]); i++)
        {
        }
    }
}
