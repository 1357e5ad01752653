using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.AfPacket;
using Softswitch.Testing;
using static Softswitch.Testing.PolledPort;

namespace Softswitch.Ports.Tests;

/// <summary>What every port on an interface promises alike.</summary>
public abstract class VethPortTests : VethTests
{
    private protected VethPortTests(Action needs)
        : base(needs)
    {
    }

    /// <summary>Opens "near" for the port 'near'.</summary>
    /// <param name="receiveSlots">Null for as many as there are without a word.</param>
    internal abstract IPortDevice OpenNear(int? receiveSlots = null);

    private protected AfPacketPort OpenPacket(string name) => Space.Run(() => AfPacketPort.Open(name, name));

    [Theory]
    [InlineData("02000000000b02000000000a8100a007", 60)]
    [InlineData("02000000000b02000000000a8100a007", 1518)]
    [InlineData("02000000000b02000000000a88a80009", 64)]
    [InlineData("02000000000b02000000000a88a8000981000007", 1514)]
    public void Tags_the_kernel_hides_are_put_back_both_ways(string head, int length)
    {
        using IPortDevice near = OpenNear();
        using AfPacketPort far = OpenPacket("far");
        using RawSocket raw = OpenRaw();
        byte[] frame = Frame(length, head);
        raw.Send(frame);
        Assert.Equal(frame, ReceiveOne(near));
        Assert.Equal(1, Send(near, frame));
        Assert.Equal(frame, ReceiveOne(far));
    }

    [Fact]
    public void What_cannot_be_sent_is_counted_and_what_follows_is_sent()
    {
        using IPortDevice near = OpenNear();
        using QueueLosses losses = new(near.Queues);
        using RawSocket raw = OpenRaw();
        // Too short for an Ethernet header; too long for the MTU, in a frame and in a large one.
        Assert.Equal(6, Send(near, Frame(60), new byte[13], Frame(1515), Frame(3000), Frame(61), Frame(1514)));
        Assert.Equal(Frame(60), raw.Expect());
        Assert.Equal(Frame(61), raw.Expect());
        Assert.Equal(Frame(1514), raw.Expect());
        Assert.Null(raw.Receive());
        Assert.Equal((1, 2, 3), (losses[DropReason.Runt], losses[DropReason.TooLong], losses.Total));
    }

    [Fact]
    public void Neither_own_transmissions_nor_the_hosts_are_received()
    {
        using IPortDevice near = OpenNear();
        using RawSocket raw = OpenRaw();
        using RawSocket host = OpenRaw("near");
        Send(near, Frame(60));
        host.Send(Frame(62));
        raw.Send(Frame(61));
        Assert.Equal(Frame(61), ReceiveOne(near));
        Assert.Equal(0, near.Queues[0].Receive(new PacketBatch(), Frames));
    }

    [Fact]
    public virtual void A_ring_that_is_full_loses_frames_and_counts_them()
    {
        using IPortDevice near = OpenNear(receiveSlots: 64);
        using RawSocket raw = OpenRaw();
        for (int i = 0; i < 100; i++)
        {
            raw.Send(Frame(60 + i));
        }
        Eventually.Polled(() => near.ReadCounters().ReceiveDropped >= 36, () => "losses are not counted");
        AssertSame(Enumerable.Range(60, 64).Select(length => Frame(length)), near.Receive(Frames, 64));
        Assert.Equal(36, near.ReadCounters().ReceiveDropped);
    }

    [Fact]
    public void An_interface_that_goes_down_and_up_goes_on()
    {
        using IPortDevice near = OpenNear();
        using QueueLosses losses = new(near.Queues);
        using RawSocket raw = OpenRaw();
        Eventually.Up(near);
        Space.Links.SetUp("near", up: false);
        Assert.Equal(2, Send(near, Frame(60), Frame(61))); // before the port has noticed
        Assert.False(near.ReadLink().Up);
        long before = losses[DropReason.LinkDown];
        Assert.Equal(2, Send(near, Frame(60), Frame(61)));
        Assert.Equal(2, losses[DropReason.LinkDown] - before);
        Assert.Equal(0, near.Queues[0].Receive(new PacketBatch(), Frames));
        Assert.Equal(4, losses.Total + near.ReadCounters().TransmitErrors);
        Space.Links.SetUp("near");
        Eventually.Up(near);
        Assert.Equal(1, Send(near, Frame(62)));
        Assert.Equal(Frame(62), raw.Expect()); // and nothing of what was refused comes late
        raw.Send(Frame(63));
        Assert.Equal(Frame(63), ReceiveOne(near));
    }

    [Fact]
    public void An_interface_removed_under_traffic_receives_nothing_and_counts_what_it_is_sent()
    {
        using (IPortDevice near = OpenNear())
        {
            using QueueLosses losses = new(near.Queues);
            Assert.Equal(1, Send(near, Frame(60)));
            Space.Links.Delete("far");
            for (int i = 0; i < 100; i++)
            {
                Assert.Equal(2, Send(near, Frame(60), Frame(61)));
                Assert.Equal(0, near.Queues[0].Receive(new PacketBatch(), Frames));
            }
            Assert.Equal(200, losses.Total + near.ReadCounters().TransmitErrors);
            Assert.False(near.ReadLink().Up);
        }
        AssertEveryFrameIsBack();
    }

    [Fact]
    public void A_second_opener_is_told_who_has_the_interface_whatever_its_backend_and_a_later_one_gets_it()
    {
        using (OpenNear())
        {
            const string owner = "interface near is in use by another softswitch port of this process";
            Assert.Equal($"port 'near': {owner}", Assert.Throws<PortException>(() => OpenNear()).Message);
            Assert.Equal($"near: {owner}", Assert.Throws<PortException>(() => OpenPacket("near")).Message);
            OpenPacket("far").Dispose();
        }
        OpenNear().Dispose();
    }
}
