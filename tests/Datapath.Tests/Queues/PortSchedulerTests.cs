using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Queues;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Queues;

/// <summary>Guarantees, shares and limits, by a clock that the test moves.</summary>
public sealed class PortSchedulerTests
{
    private const long Mega = 1_000_000;
    private const int Segment = 65_226;
    private const double PortDepthSeconds = 0.005;
    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Step = TimeSpan.FromMicroseconds(100);

    /// <summary>Port, guarantee and flood in Mbit/s, lengths in bytes, the worker's step in microseconds.</summary>
    [Theory]
    [InlineData(50, 10, 1514, 200, 1514, 100)]
    [InlineData(50, 10, 1514, 1000, 60, 100)]
    [InlineData(50, 10, 60, 200, Segment, 100)]
    [InlineData(50, 10, Segment, 200, 60, 100)]
    [InlineData(50, 10, 1514, 200, Segment, 1000)]
    [InlineData(10, 9, 1514, 50, Segment, 1000)]
    [InlineData(10, 10, 200, 50, 1514, 1000)]
    [InlineData(100, 1, 1514, 400, 1514, 2000)]
    [InlineData(1000, 10, 1514, 2000, 1514, 100)]
    [InlineData(1000, 990, 1514, 2000, 9014, 100)]
    public void A_guaranteed_queue_keeps_95_percent_while_another_floods_the_port(
        long port, long guarantee, int length, long flood, int floodLength, int stepMicroseconds)
    {
        using SimulatedPort sut = new(port * Mega, new QueueConfig(1, guarantee * Mega));
        Traffic.Run(
            sut, Duration, TimeSpan.FromMicroseconds(stepMicroseconds),
            new Source(7, QueueConfig.None, flood * Mega, floodLength), new Source(1, 1, guarantee * Mega, length));
        AssertAtLeast(0.95, guarantee, sut.BytesOf(1));
        AssertAtLeast(0.99, port, sut.BytesOf(1) + sut.BytesOf(7));
        Assert.InRange(sut.BytesOf(1) + sut.BytesOf(7), 0, Bound(port * Mega, Duration.TotalSeconds, Segment));
    }

    [Theory]
    [InlineData(100, 1514)]
    [InlineData(100, 60)]
    [InlineData(1000, Segment)]
    public void Several_guarantees_that_fill_the_port_all_hold(int stepMicroseconds, int floodLength)
    {
        (uint Id, long Rate, int Length)[] queues = [(1, 5, 1514), (2, 10, 60), (3, 15, Segment), (4, 20, 500)];
        using SimulatedPort sut = new(50 * Mega, [.. queues.Select(queue => new QueueConfig(queue.Id, queue.Rate * Mega))]);
        Source[] sources = [.. queues.Select(queue => new Source((int)queue.Id, queue.Id, 2 * queue.Rate * Mega, queue.Length))];
        Traffic.Run(sut, Duration, TimeSpan.FromMicroseconds(stepMicroseconds), [new Source(7, QueueConfig.None, 200 * Mega, floodLength), .. sources]);
        foreach ((uint id, long rate, int _) in queues)
        {
            AssertAtLeast(0.95, rate, sut.BytesOf((int)id));
        }
    }

    [Fact]
    public void Guarantees_beyond_the_ports_rate_shrink_in_proportion()
    {
        using SimulatedPort sut = new(30 * Mega, new QueueConfig(1, 20 * Mega), new QueueConfig(2, 40 * Mega));
        Traffic.Run(sut, Duration, Step, new Source(1, 1, 60 * Mega, 1514), new Source(2, 2, 60 * Mega, 1514), new Source(7, QueueConfig.None, 60 * Mega, 1514));
        Assert.InRange((double)sut.BytesOf(2) / sut.BytesOf(1), 1.9, 2.1);
        Assert.InRange(sut.BytesOf(7), 0, 200_000);
    }

    [Fact]
    public void What_guarantees_leave_is_shared_equally_by_bytes_whatever_the_packets_lengths()
    {
        using SimulatedPort sut = new(100 * Mega, new QueueConfig(1, 10 * Mega), new QueueConfig(2), new QueueConfig(3));
        Traffic.Run(
            sut, Duration, Step,
            new Source(1, 1, 200 * Mega, 1514), new Source(2, 2, 200 * Mega, 60), new Source(3, 3, 200 * Mega, Segment), new Source(7, QueueConfig.None, 200 * Mega, 9014));
        double share = (100 - 10) / 4.0;
        Assert.All(((int Label, double Rate)[])[(1, 10 + share), (2, share), (3, share), (7, share)], queue =>
            Assert.InRange(RateOf(sut.BytesOf(queue.Label)), queue.Rate * 0.96, queue.Rate * 1.04));
    }

    [Fact]
    public void What_a_queue_does_not_use_the_others_get()
    {
        using SimulatedPort sut = new(50 * Mega, new QueueConfig(1, 40 * Mega));
        Traffic.Run(sut, Duration, Step, new Source(7, QueueConfig.None, 100 * Mega, 1514));
        AssertAtLeast(0.99, 50, sut.BytesOf(7));
        long before = sut.BytesOf(7);
        Traffic.Run(sut, Duration, Step, new Source(7, QueueConfig.None, 100 * Mega, 1514), new Source(1, 1, 5 * Mega, 300));
        AssertAtLeast(0.99, 5, sut.BytesOf(1));
        AssertAtLeast(0.99, 45, sut.BytesOf(7) - before);
        Assert.Equal(0UL, sut.CountersOf(1).Overruns);
    }

    [Theory]
    [InlineData(60)]
    [InlineData(1514)]
    [InlineData(Segment)]
    public void Over_any_time_no_more_than_rate_burst_and_one_packet_leave(int length)
    {
        using SimulatedPort sut = new(20 * Mega, new QueueConfig(1, 5 * Mega, MaxRate: 8 * Mega)) { Log = [] };
        // Idle before and in between, so that credit is saved up; steps are uneven.
        for (int round = 0; round < 3; round++)
        {
            sut.Advance(TimeSpan.FromSeconds(1));
            sut.Run();
            Traffic.Run(sut, TimeSpan.FromMilliseconds(length == 60 ? 20 : 150), TimeSpan.FromMicroseconds(70 + (round * 400)), new Source(1, 1, 40 * Mega, length), new Source(7, QueueConfig.None, 40 * Mega, length));
        }
        AssertBounded(sut.Log, 20 * Mega, length);
        AssertBounded([.. sut.Log.Where(packet => packet.Label == 1)], 8 * Mega, length);
    }

    [Fact]
    public void A_queues_own_limit_holds_on_an_idle_port()
    {
        using SimulatedPort sut = new(100 * Mega, new QueueConfig(1, 5 * Mega, MaxRate: 20 * Mega));
        Traffic.Run(sut, Duration, Step, new Source(1, 1, 100 * Mega, 1514));
        AssertAtLeast(0.99, 20, sut.BytesOf(1));
        Assert.InRange(sut.BytesOf(1), 0, Bound(20 * Mega, Duration.TotalSeconds, 1514));
    }

    [Fact]
    public void A_full_ring_loses_nothing_and_guarantees_go_first_even_where_the_rate_is_unknown()
    {
        using SimulatedPort sut = new(rate: 0, new QueueConfig(1, 10 * Mega)) { Room = 0, Log = [] };
        for (int i = 0; i < 100; i++)
        {
            sut.Add(QueueConfig.None, 1000, label: 100);
            sut.Add(1, 1000, label: i);
        }
        Assert.Equal(0, sut.Run());
        Assert.Equal(200, sut.Scheduler.Count);
        Assert.InRange(sut.Scheduler.Due, sut.Now + 1, sut.Now + 1000);
        int sent = 0;
        for (int step = 0; sent < 200; step++)
        {
            Assert.True(step < 1000, "the port takes 10 packets a millisecond");
            sut.Advance(TimeSpan.FromMilliseconds(1));
            sut.Room = 10;
            sent += sut.Run();
        }
        // 10 Mbit/s are 1.25 packets a millisecond, besides half of the rest; until the queue is empty in its order.
        Assert.Equal(Enumerable.Range(0, 100), sut.Log!.Where(packet => packet.Label < 100).Select(packet => (int)packet.Label));
        Assert.All(sut.Log!.Take(10), packet => Assert.NotEqual(100, packet.Label)); // 10 ms of guarantee had been saved up
        Assert.Equal((100UL, 100_000UL, 0UL), (sut.CountersOf(1).Packets, sut.CountersOf(1).Bytes, sut.CountersOf(1).Overruns));
        Assert.Equal((200UL, 200_000UL, 0UL), (sut.Account.Left, sut.Account.LeftBytes, sut.Account.ReadDrops(DropReason.TransmitQueueFull)));
        Assert.True(sut.EveryFrameIsFree);
    }

    [Fact]
    public void A_full_queue_drops_what_comes_last_and_every_packet_is_counted_once()
    {
        using SimulatedPort sut = new(1 * Mega, new QueueConfig(1, 1 * Mega));
        for (int i = 0; i < 2000; i++)
        {
            sut.Add(1, 1000, label: 1);
        }
        sut.Run();
        int waiting = sut.Scheduler.Count;
        Assert.Equal(ScheduledQueue.Capacity, waiting);
        Assert.Equal(2000UL, sut.CountersOf(1).Packets + sut.CountersOf(1).Overruns + (ulong)waiting);
        Assert.Equal(sut.CountersOf(1).Overruns, sut.Account.ReadDrops(DropReason.TransmitQueueFull));
        Assert.Equal((ulong)waiting, sut.Account.Held);
        Assert.Equal(sut.CountersOf(1).Packets * 1000, sut.CountersOf(1).Bytes);
        Assert.Equal((long)sut.CountersOf(1).Bytes, sut.BytesOf(1));
    }

    [Fact]
    public void Large_frames_are_bounded_by_themselves()
    {
        using SimulatedPort sut = new(1 * Mega, new QueueConfig(1, 1 * Mega));
        for (int i = 0; i < 100; i++)
        {
            sut.Add(1, Segment, label: 1);
        }
        Assert.Equal(16, sut.Scheduler.Count);
        sut.Add(1, 1000, label: 2);
        Assert.Equal(17, sut.Scheduler.Count);
    }

    [Fact]
    public void Due_is_when_the_next_packet_leaves_and_not_a_tick_earlier()
    {
        using SimulatedPort sut = new(10 * Mega, new QueueConfig(1, 1 * Mega, MaxRate: 2 * Mega));
        Assert.Equal(long.MaxValue, sut.Scheduler.Due);
        for (int i = 0; i < 200; i++)
        {
            sut.Add(i % 3 == 0 ? QueueConfig.None : 1, 100 + (i * 7), label: 1);
        }
        sut.Run();
        for (int packets = 0; sut.Scheduler.Count > 0; packets++)
        {
            Assert.True(packets <= 200, "each due time lets at least one packet go");
            long wait = sut.Scheduler.Due - sut.Now;
            Assert.InRange(wait, 1, TimeSpan.TicksPerSecond);
            sut.Advance(TimeSpan.FromTicks(wait - 1));
            Assert.Equal(0, sut.Run());
            sut.Advance(TimeSpan.FromTicks(1));
            Assert.InRange(sut.Run(), 1, 200);
        }
        Assert.Equal(long.MaxValue, sut.Scheduler.Due);
    }

    [Fact]
    public void Changed_settings_keep_packets_and_counters_and_a_queue_that_is_gone_gives_its_frames_back()
    {
        using SimulatedPort sut = new(1 * Mega, new QueueConfig(1, 500_000), new QueueConfig(2));
        for (int i = 0; i < 50; i++)
        {
            sut.Add(1, 1000, label: 1);
            sut.Add(2, 1000, label: 2);
            sut.Add(9, 1000, label: 9); // there is no queue 9: the port's own
        }
        sut.Run();
        ulong sent = sut.Account.Left;
        sut.Configure(100 * Mega, new QueueConfig(1, 10 * Mega), new QueueConfig(3));
        ulong dropped = sut.Account.ReadDrops(DropReason.NoSuchPort);
        Assert.InRange(dropped, 40UL, 50UL); // queue 2
        Assert.Equal(150UL, sent + dropped + (ulong)sut.Scheduler.Count);
        Traffic.Run(sut, TimeSpan.FromMilliseconds(100), Step);
        Assert.Equal((50_000L, 50_000L), (sut.BytesOf(1), sut.BytesOf(9)));
        Assert.Equal(50UL, sut.CountersOf(1).Packets);
        Assert.True(sut.EveryFrameIsFree);
    }

    [Fact]
    public void Release_gives_every_frame_back()
    {
        using SimulatedPort sut = new(1 * Mega, new QueueConfig(1, 500_000));
        for (int i = 0; i < 100; i++)
        {
            sut.Add(1, 1000, label: 1);
            sut.Add(QueueConfig.None, Segment, label: 2);
        }
        Assert.False(sut.EveryFrameIsFree);
        sut.Scheduler.Release();
        Assert.Equal(0, sut.Scheduler.Count);
        Assert.True(sut.EveryFrameIsFree);
    }

    [Fact]
    public void Nothing_is_allocated_per_packet()
    {
        using SimulatedPort sut = new(1000 * Mega, new QueueConfig(1, 100 * Mega), new QueueConfig(2, 0, 50 * Mega));
        Source[] sources = [new(1, 1, 600 * Mega, 1514), new(2, 2, 600 * Mega, 60), new(7, QueueConfig.None, 600 * Mega, 1514)];
        Traffic.Run(sut, TimeSpan.FromMilliseconds(20), Step, sources);
        ulong before = sut.Account.Left;
        long allocated = Allocations.OfOneRound(() =>
        {
            for (int i = 0; i < 1000; i++)
            {
                sut.Advance(Step);
                foreach (Source source in sources)
                {
                    source.Offer(sut, Step);
                }
                sut.Run();
            }
        });
        Assert.True(sut.Account.Left - before > 10_000);
        Assert.Equal(0, allocated);
    }

    private static double RateOf(long bytes) => bytes * 8 / Duration.TotalSeconds / Mega;

    private static void AssertAtLeast(double part, long rate, long bytes) =>
        Assert.True(RateOf(bytes) >= part * rate, $"{RateOf(bytes):0.000} of {rate} Mbit/s left");

    private static long Bound(long rate, double seconds, int longest) => (long)Math.Ceiling(rate / 8.0 * (seconds + PortDepthSeconds)) + longest;

    private static void AssertBounded(List<(long Ticks, byte Label, int Length)> log, long rate, int longest)
    {
        Assert.InRange(log.Count, 4, 20_000);
        for (int first = 0; first < log.Count; first++)
        {
            long bytes = 0;
            for (int last = first; last < log.Count; last++)
            {
                bytes += log[last].Length;
                double seconds = (double)(log[last].Ticks - log[first].Ticks) / TimeSpan.TicksPerSecond;
                if (bytes > Bound(rate, seconds, longest))
                {
                    Assert.Fail($"{bytes} bytes in {seconds} s at {rate} bit/s");
                }
            }
        }
    }
}
