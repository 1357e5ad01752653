using Softswitch.Bench.Io;
using Softswitch.Lab.Measures;

namespace Softswitch.Bench.Tests.Io;

/// <summary>The arithmetic of <c>bench io</c>.</summary>
public sealed class IoTrialTests
{
    [Fact]
    public void Duplicates_are_not_delivered_twice_and_what_no_counter_has_is_uncounted()
    {
        IoTrial trial = Trial(offered: 1000, new SinkCounts(Received: 910, Duplicates: 10, Reordered: 0, Strays: 3, LongestNanoseconds: 5), ("switch receive", 60), ("generator", 15));
        Assert.Equal(100, trial.Lost);
        Assert.Equal(0.1, trial.LossShare, 9);
        Assert.Equal(450, trial.DeliveredPerSecond, 9);
        Assert.Equal(500, trial.OfferedPerSecond, 9);
        Assert.Equal(25, trial.Uncounted);
    }

    [Fact]
    public void Cycles_are_those_of_the_switch_for_each_packet_delivered()
    {
        IoTrial trial = Trial(offered: 1000, new SinkCounts(500, 0, 0, 0, 0));
        Assert.Equal(2_000_000 * Machine.Gigahertz / 500, trial.CyclesPerPacket, 6);
    }

    [Fact]
    public void A_trial_without_packets_is_all_loss()
    {
        IoTrial trial = Trial(offered: 0, default);
        Assert.Equal(1, trial.LossShare);
        Assert.Equal(0, trial.CyclesPerPacket);
    }

    [Fact]
    public void Drops_of_an_interface_are_read_from_the_kernels_table()
    {
        const string text = """
            Inter-|   Receive                                                |  Transmit
             face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
                lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0
                in: 1000       10    1    7    0     0          0         0     2000      20    2    9    0     0       0          0
            """;
        Assert.Equal(new InterfaceCounters(ReceivedBytes: 1000, Received: 10, ReceiveDropped: 7, TransmitDropped: 9), InterfaceCounters.Parse(text, "in"));
        Assert.Equal(default, InterfaceCounters.Parse(text, "out"));
    }

    [Fact]
    public void A_histogram_takes_what_a_sink_counted()
    {
        long[] counts = new long[LatencyBuckets.Count];
        counts[LatencyBuckets.BucketOf(1000)] = 99;
        counts[LatencyBuckets.BucketOf(50_000)] = 1;
        var histogram = new Histogram();
        histogram.Add(counts, maxNanoseconds: 50_000);
        Assert.Equal(100, histogram.Count);
        Assert.InRange(histogram.QuantileMicroseconds(0.99), 0.94, 1.06);
        Assert.Equal(50, histogram.QuantileMicroseconds(1), 6);
    }

    private static IoTrial Trial(long offered, SinkCounts counts, params (string Place, long Packets)[] drops) => new(
        TimeSpan.FromSeconds(2), offered, counts, new Histogram(), CpuNanoseconds: 2_000_000, drops.ToDictionary(drop => drop.Place, drop => drop.Packets), TimeSpan.Zero);
}
