using Softswitch.Datapath.Packets;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests;

/// <summary>What every port that also receives promises.</summary>
public abstract class PortContract : PortTransmitContract
{
    /// <summary>Whether the pool's frames are taken when a frame is offered, not when it is received.</summary>
    internal virtual bool HoardBeforeOffer => false;

    [Fact]
    public void Frames_arrive_in_order_and_unchanged()
    {
        using FramePool pool = NewPool();
        using (PortHarness harness = Open(pool))
        {
            var random = new Random(Seed);
            for (int round = 0; round < 40; round++)
            {
                List<byte[]> offered = [];
                for (int i = 0; i < 50; i++)
                {
                    byte[] frame = Frame(random, random.Next(14, harness.MaxFrame + 1), i);
                    Assert.True(harness.TryOffer(frame));
                    offered.Add(frame);
                }
                PolledPort.AssertSame(offered, harness.ReceiveFrames(offered.Count));
            }
            AssertNothingLeaked(harness);
        }
    }

    [Fact]
    public void A_receive_adds_no_more_than_the_batch_has_room_for()
    {
        using FramePool pool = NewPool();
        using PortHarness harness = Open(pool);
        for (int i = 0; i < 40; i++)
        {
            Assert.True(harness.TryOffer(Frame(new Random(Seed), 60, i)));
        }
        var batch = new PacketBatch();
        for (int i = 0; i < PacketBatch.Capacity - 3; i++)
        {
            Assert.True(harness.Frames.TryRent(out Packet filler));
            batch.Add(filler);
        }
        int received = 0;
        Eventually.Polled(() => (received += harness.Queue.Receive(batch, harness.Frames)) >= 3, () => $"{received} frames came");
        Assert.Equal(3, received);
        Assert.Equal(PacketBatch.Capacity, batch.Count);
        Assert.Equal(0, harness.Queue.Receive(batch, harness.Frames));
        Assert.Equal(0, BitConverter.ToInt32(batch.Packets[^3].Bytes[14..]));
        Assert.Equal(2, BitConverter.ToInt32(batch.Packets[^1].Bytes[14..]));
        harness.Frames.Release(batch.Packets);
        Assert.Equal(3, BitConverter.ToInt32(harness.ReceiveFrames(37)[0].AsSpan(14)));
        AssertNothingLeaked(harness);
    }

    [Fact]
    public void No_frame_is_lost_doubled_or_leaked_among_many_received()
    {
        using FramePool pool = NewPool();
        using PortHarness harness = Open(pool);
        byte[] frame = Frame(new Random(Seed), 64, 0);
        int offered = 0;
        int received = 0;
        while (received < ManyFrames)
        {
            for (int i = 0; i < 100 && offered < ManyFrames; i++)
            {
                BitConverter.TryWriteBytes(frame.AsSpan(14), offered++);
                Assert.True(harness.TryOffer(frame));
            }
            foreach (byte[] back in harness.ReceiveFrames(offered - received))
            {
                int number = BitConverter.ToInt32(back.AsSpan(14));
                Assert.True(number == received, $"frame {number} came in the place of {received}");
                received++;
            }
        }
        Assert.Equal(0, harness.Queue.Receive(new PacketBatch(), harness.Frames));
        Assert.Equal(default, harness.Device.ReadCounters() with { Hardware = null });
        AssertNothingLeaked(harness);
    }

    [Fact]
    public void Frames_for_which_the_pool_has_none_are_counted_and_later_ones_arrive()
    {
        using FramePool pool = NewPool();
        using PortHarness harness = Open(pool);
        var random = new Random(Seed);
        Assert.True(harness.TryOffer(Frame(random, 60, -1)));
        harness.ReceiveFrames(1); // the way is open
        byte[] lost = Frame(random, 60, 0);
        bool atOffer = HoardBeforeOffer;
        for (int i = 0; !atOffer && i < 20; i++)
        {
            Assert.True(harness.TryOffer(lost));
        }
        Packet[] hoard = harness.Frames.Hoard();
        harness.ReleaseFarEnd();
        hoard = [.. hoard, .. harness.Frames.Hoard()];
        for (int i = 0; atOffer && i < 20; i++)
        {
            harness.TryOffer(lost);
        }
        var batch = new PacketBatch();
        Eventually.Polled(
            () =>
            {
                Assert.Equal(0, harness.Queue.Receive(batch, harness.Frames));
                return harness.ReceiveDropped >= 20;
            },
            () => "lost frames are not counted");
        Assert.Equal(20, harness.ReceiveDropped);
        harness.Frames.Release(hoard);
        harness.Frames.Drain();
        byte[] last = Frame(random, 60, 77);
        Assert.True(harness.TryOffer(last));
        Assert.Equal(last, Assert.Single(harness.ReceiveFrames(1)));
        AssertNothingLeaked(harness);
    }
}
