using System.Diagnostics;
using Softswitch.Datapath.Packets;

namespace Softswitch.Ports.Tests;

/// <summary>What every port that has a far end promises (see IPort); each backend runs it.</summary>
public abstract class PortContract
{
    private const int Seed = 4711;
    private const int FrameCount = 2048;
    private const int LargeFrameCount = 64;

    internal abstract PortHarness Open(FramePool pool);

    internal virtual bool Receives => true;

    internal virtual bool Transmits => true;

    /// <summary>An Ethernet frame of an experimental type (IEEE 802.1 local experimental, 0x88b5) with a number in it.</summary>
    protected static byte[] Frame(Random random, int length, int number)
    {
        byte[] frame = new byte[length];
        random.NextBytes(frame);
        Convert.FromHexString("02000000000b02000000000a88b5").CopyTo(frame, 0);
        if (length >= 18)
        {
            BitConverter.TryWriteBytes(frame.AsSpan(14), number);
        }
        return frame;
    }

    private static FramePool NewPool() => new(FrameCount, largeFrameCount: LargeFrameCount);

    private static void AssertNothingLeaked(PortHarness harness)
    {
        harness.ReleaseFarEnd();
        harness.Frames.Drain();
        Assert.Equal(harness.Pool.FrameCount, harness.Pool.FreeCount);
        Assert.Equal(harness.Pool.LargeFrameCount, harness.Pool.FreeLargeCount);
    }

    [Fact]
    public void Frames_arrive_in_order_and_unchanged()
    {
        Assert.SkipUnless(Receives, "this port receives nothing");
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
                Assert.Equal(offered, harness.ReceiveFrames(offered.Count));
            }
            AssertNothingLeaked(harness);
        }
    }

    [Fact]
    public void Frames_are_sent_in_order_and_unchanged()
    {
        Assert.SkipUnless(Transmits, "what is sent to this port cannot be seen");
        using FramePool pool = NewPool();
        using (PortHarness harness = Open(pool))
        {
            var random = new Random(Seed);
            for (int round = 0; round < 40; round++)
            {
                List<byte[]> sent = [];
                for (int i = 0; i < 50; i++)
                {
                    byte[] frame = Frame(random, random.Next(14, harness.MaxFrame + 1), i);
                    harness.Send(frame);
                    sent.Add(frame);
                }
                Assert.Equal(sent, sent.Select(_ => harness.ExpectSent()).ToList());
            }
            AssertNothingLeaked(harness);
        }
    }

    [Fact]
    public void A_receive_adds_no_more_than_the_batch_has_room_for()
    {
        Assert.SkipUnless(Receives, "this port receives nothing");
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
        long start = Stopwatch.GetTimestamp();
        int received = 0;
        while (received < 3)
        {
            received += harness.Queue.Receive(batch, harness.Frames);
            Assert.True(Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(20));
        }
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
    public void What_a_full_port_does_not_take_stays_with_the_caller()
    {
        Assert.SkipUnless(Transmits, "what is sent to this port cannot be seen");
        using FramePool pool = NewPool();
        using PortHarness harness = Open(pool);
        var random = new Random(Seed);
        Packet[] burst = new Packet[32];
        int sent = 0;
        int refused = 0;
        for (int round = 0; round < 60; round++)
        {
            for (int i = 0; i < burst.Length; i++)
            {
                Assert.True(harness.Frames.TryRent(out burst[i]));
                byte[] frame = Frame(random, 200, sent + i);
                burst[i].Length = frame.Length;
                frame.CopyTo(burst[i].Bytes);
            }
            int taken = harness.Queue.Transmit(burst, harness.Frames);
            Assert.InRange(taken, 0, burst.Length);
            sent += taken;
            for (int i = taken; i < burst.Length; i++)
            {
                Assert.Equal(200, burst[i].Length); // still ours: readable and releasable
                harness.Frames.Release(burst[i]);
                refused++;
            }
        }
        for (int i = 0; i < sent; i++)
        {
            Assert.Equal(i, BitConverter.ToInt32(harness.ExpectSent().AsSpan(14)));
        }
        Assert.Equal(60 * burst.Length, sent + refused);
        AssertNothingLeaked(harness);
    }

    [Fact]
    public void No_frame_is_lost_doubled_or_leaked_in_a_hundred_thousand()
    {
        const int total = 100_000;
        using FramePool pool = NewPool();
        using PortHarness harness = Open(pool);
        byte[] frame = Frame(new Random(Seed), 64, 0);
        int sent = 0;
        int seen = 0;
        while (Transmits && seen < total)
        {
            for (int i = 0; i < 100 && sent < total; i++)
            {
                BitConverter.TryWriteBytes(frame.AsSpan(14), sent++);
                harness.Send(frame);
            }
            while (seen < sent)
            {
                Assert.Equal(seen++, BitConverter.ToInt32(harness.ExpectSent().AsSpan(14)));
            }
        }
        int offered = 0;
        int received = 0;
        while (Receives && received < total)
        {
            for (int i = 0; i < 100 && offered < total; i++)
            {
                BitConverter.TryWriteBytes(frame.AsSpan(14), offered++);
                Assert.True(harness.TryOffer(frame));
            }
            foreach (byte[] back in harness.ReceiveFrames(offered - received))
            {
                Assert.Equal(received++, BitConverter.ToInt32(back.AsSpan(14)));
            }
        }
        Assert.Equal(default, harness.Device.ReadLosses());
        AssertNothingLeaked(harness);
    }

    [Fact]
    public void Frames_for_which_the_pool_has_none_are_counted_and_later_ones_arrive()
    {
        Assert.SkipUnless(Receives, "this port receives nothing");
        using FramePool pool = NewPool();
        using PortHarness harness = Open(pool);
        var random = new Random(Seed);
        Assert.True(harness.TryOffer(Frame(random, 60, -1)));
        harness.ReceiveFrames(1); // the way is open
        List<Packet> hoard = [];
        byte[] lost = Frame(random, 60, 0);
        bool atOffer = HoardBeforeOffer;
        for (int i = 0; !atOffer && i < 20; i++)
        {
            Assert.True(harness.TryOffer(lost));
        }
        while (harness.Frames.TryRent(out Packet packet))
        {
            hoard.Add(packet);
        }
        harness.ReleaseFarEnd();
        while (harness.Frames.TryRent(out Packet packet))
        {
            hoard.Add(packet);
        }
        for (int i = 0; atOffer && i < 20; i++)
        {
            harness.TryOffer(lost);
        }
        var batch = new PacketBatch();
        long start = Stopwatch.GetTimestamp();
        while (harness.Device.ReadLosses().ReceiveDropped < 20)
        {
            Assert.Equal(0, harness.Queue.Receive(batch, harness.Frames));
            Assert.True(Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(20), "lost frames are not counted");
        }
        Assert.Equal(20, harness.Device.ReadLosses().ReceiveDropped);
        foreach (Packet packet in hoard)
        {
            harness.Frames.Release(packet);
        }
        harness.Frames.Drain();
        byte[] last = Frame(random, 60, 77);
        Assert.True(harness.TryOffer(last));
        Assert.Equal(last, Assert.Single(harness.ReceiveFrames(1)));
        AssertNothingLeaked(harness);
    }

    /// <summary>Whether the pool's frames are taken when a frame is offered, not when it is received.</summary>
    internal virtual bool HoardBeforeOffer => false;
}
