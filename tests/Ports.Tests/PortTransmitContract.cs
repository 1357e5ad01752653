using System.Globalization;
using Softswitch.Datapath.Packets;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests;

/// <summary>What every port promises of sending (see IPort); each backend runs it.</summary>
public abstract class PortTransmitContract
{
    protected const int Seed = 4711;
    private const int FrameCount = 2048;
    private const int LargeFrameCount = 64;

    internal abstract PortHarness Open(FramePool pool);

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

    /// <summary>Frames that the long tests pass each way: SOFTSWITCH_TEST_FRAMES, or more than 16 bits count, as the indices of some rings do.</summary>
    private protected static int ManyFrames { get; } =
        int.TryParse(Environment.GetEnvironmentVariable("SOFTSWITCH_TEST_FRAMES"), NumberStyles.None, CultureInfo.InvariantCulture, out int count) ? count : 70_000;

    /// <summary>Bytes of a frame of the pool.</summary>
    internal virtual int FrameSize => 2048;

    private protected FramePool NewPool() => new(FrameCount, FrameSize, LargeFrameCount);

    private protected static void AssertNothingLeaked(PortHarness harness)
    {
        harness.ReleaseFarEnd();
        harness.Pool.AssertAllFree(harness.Frames, harness.HeldFrames);
    }

    [Fact]
    public void Frames_are_sent_in_order_and_unchanged()
    {
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
                PolledPort.AssertSame(harness.ShowsSent ? sent : [], [.. sent.Where(_ => harness.ShowsSent).Select(_ => harness.ExpectSent())]);
            }
            AssertNothingLeaked(harness);
        }
    }

    [Fact]
    public void What_a_full_port_does_not_take_stays_with_the_caller()
    {
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
                burst[i] = harness.Frames.Rent(Frame(random, 200, sent + i));
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
        for (int i = 0; i < sent && harness.ShowsSent; i++)
        {
            Assert.Equal(i, BitConverter.ToInt32(harness.ExpectSent().AsSpan(14)));
        }
        Assert.Equal(60 * burst.Length, sent + refused);
        AssertNothingLeaked(harness);
    }

    [Fact]
    public void No_frame_is_lost_doubled_or_leaked_among_many_sent()
    {
        using FramePool pool = NewPool();
        using PortHarness harness = Open(pool);
        byte[] frame = Frame(new Random(Seed), 64, 0);
        int sent = 0;
        int seen = 0;
        while (seen < ManyFrames)
        {
            for (int i = 0; i < 100 && sent < ManyFrames; i++)
            {
                BitConverter.TryWriteBytes(frame.AsSpan(14), sent++);
                harness.Send(frame);
            }
            seen = harness.ShowsSent ? seen : sent;
            while (seen < sent)
            {
                int number = BitConverter.ToInt32(harness.ExpectSent().AsSpan(14));
                Assert.True(number == seen, $"frame {number} came out in the place of {seen}");
                seen++;
            }
        }
        Assert.Null(harness.NextSent());
        Assert.Equal(default, harness.Device.ReadCounters() with { Hardware = null });
        AssertNothingLeaked(harness);
    }
}
