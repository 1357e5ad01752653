using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Testing;
using static Softswitch.Ports.Tests.PolledPort;

namespace Softswitch.Ports.Tests;

/// <summary>What AF_PACKET and AF_XDP promise alike, on one end of a veth pair.</summary>
public abstract class VethPortTests : IDisposable
{
    private protected VethPortTests(Action needs)
    {
        needs();
        Space = new LabNode("veth");
        Frames = Pool.CreateCache();
        VethCable.Lay(Space.Network, "near", Space.Network, "far");
        Space.AwaitUp("near"); // before, what it sends is lost
    }

    private protected LabNode Space { get; }

    private protected FramePool Pool { get; } = new(1024, largeFrameCount: 16);

    private protected FrameCache Frames { get; }

    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
        Space?.Dispose();
        Pool.Dispose();
    }

    /// <param name="receiveSlots">Null for as many as there are without a word.</param>
    internal abstract IPortDevice OpenNear(int? receiveSlots = null);

    private protected RawSocket OpenRaw(string name = "far") => Space.Run(() => new RawSocket(name));

    private protected byte[] ReceiveOne(IPortDevice port) => Assert.Single(port.Receive(Frames, 1));

    private protected int Send(IPortDevice port, params byte[][] frames) => port.Send(Frames, frames);

    private protected void AssertEveryFrameIsBack()
    {
        Frames.Drain();
        Assert.Equal(Pool.FrameCount, Pool.FreeCount);
        Assert.Equal(Pool.LargeFrameCount, Pool.FreeLargeCount);
    }

    [Fact]
    public void What_cannot_be_sent_is_counted_and_what_follows_is_sent()
    {
        using IPortDevice near = OpenNear();
        using RawSocket raw = OpenRaw();
        // Too short for an Ethernet header; too long for the MTU, in a frame and in a large one.
        Assert.Equal(6, Send(near, Frame(60), new byte[13], Frame(1515), Frame(3000), Frame(61), Frame(1514)));
        Assert.Equal(Frame(60), raw.Expect());
        Assert.Equal(Frame(61), raw.Expect());
        Assert.Equal(Frame(1514), raw.Expect());
        Assert.Null(raw.Receive());
        Assert.Equal(3, near.ReadCounters().TransmitErrors);
    }

    [Fact]
    public void A_ring_that_is_full_loses_frames_and_counts_them()
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
        using RawSocket raw = OpenRaw();
        Eventually.Up(near);
        Space.Execute("ip", "link", "set", "near", "down").Checked();
        Assert.False(near.ReadLink().Up);
        Assert.Equal(2, Send(near, Frame(60), Frame(61)));
        Assert.Equal(2, near.ReadCounters().TransmitErrors);
        Space.Execute("ip", "link", "set", "near", "up").Checked();
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
            Assert.Equal(1, Send(near, Frame(60)));
            Space.Execute("ip", "link", "del", "far").Checked();
            for (int i = 0; i < 100; i++)
            {
                Assert.Equal(2, Send(near, Frame(60), Frame(61)));
                Assert.Equal(0, near.Queues[0].Receive(new PacketBatch(), Frames));
            }
            Assert.Equal(200, near.ReadCounters().TransmitErrors);
            Assert.False(near.ReadLink().Up);
        }
        AssertEveryFrameIsBack();
    }
}
