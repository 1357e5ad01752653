using System.Runtime.InteropServices;
using Softswitch.Lab.Measures;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Ebpf;
using Softswitch.Testing;

namespace Softswitch.Lab.Tests.Measures;

/// <summary>The sink of I/O benchmarks: each fault it is to find is given to it, by the kernel's test runs of its program.</summary>
[Trait("Ring", "peers")]
public sealed class FrameSinkTests : IDisposable
{
    private const ushort Epoch = 7;
    private const int Flows = 3;

    private readonly LabNode _network;

    public FrameSinkTests()
    {
        Needs.Xdp();
        _network = new LabNode("sink");
        Sink = _network.Run(() => FrameSink.Attach("lo", Flows, packets: 2000));
        Sink.Begin(Epoch);
    }

    private FrameSink Sink { get; }

    public void Dispose()
    {
        Sink.Dispose();
        _network.Dispose();
    }

    [Fact]
    public void Packets_that_arrive_as_they_were_sent_have_no_fault()
    {
        Receive([.. Enumerable.Range(0, 100).Select(number => (long)number)]);
        Assert.Equal(new SinkCounts(100, 0, 0, 0, Sink.Read().LongestNanoseconds, Sink.Read().LongestSilenceNanoseconds), Sink.Read());
        Assert.Equal(100, Sink.Read().Delivered);
    }

    [Fact]
    public void A_lost_packet_is_not_delivered_and_no_other_fault()
    {
        Receive(0, 1, 2, 4, 5, 6);
        Assert.Equal((6, 0, 0), (Sink.Read().Delivered, Sink.Read().Duplicates, Sink.Read().Reordered));
    }

    [Theory]
    [InlineData(1)] // the next packet
    [InlineData(500)] // long after
    public void A_duplicate_is_counted_however_late_it_is(int distance)
    {
        Receive([.. Enumerable.Range(0, distance).Select(number => (long)number), 0]);
        Assert.Equal((distance, 1, 0), (Sink.Read().Delivered, Sink.Read().Duplicates, Sink.Read().Reordered));
    }

    [Fact]
    public void A_packet_behind_a_later_one_of_its_flow_is_reordered()
    {
        // Flow 0 has 0, 3, 6, 9; 3 comes after 6, and 9 is in order again.
        Receive(0, 1, 2, 6, 4, 5, 3, 9);
        Assert.Equal((8, 0, 1), (Sink.Read().Delivered, Sink.Read().Duplicates, Sink.Read().Reordered));
    }

    [Fact]
    public void The_longest_time_in_which_nothing_arrived_is_known()
    {
        Receive(0);
        Assert.Equal(0, Sink.Read().LongestSilenceNanoseconds);
        long first = KernelClock.Nanoseconds;
        Eventually.True(() => KernelClock.Nanoseconds - first > 30_000_000, "30 ms go by");
        Receive(1, 2, 3);
        long longest = Sink.Read().LongestSilenceNanoseconds;
        Assert.True(longest >= 30_000_000, $"{longest} ns");
        Sink.Begin(Epoch);
        Receive(0);
        Assert.Equal(0, Sink.Read().LongestSilenceNanoseconds);
    }

    [Fact]
    public void The_order_between_flows_is_free()
    {
        Receive(2, 1, 0, 5, 4, 3);
        Assert.Equal((6, 0, 0), (Sink.Read().Delivered, Sink.Read().Duplicates, Sink.Read().Reordered));
    }

    [Fact]
    public void A_packet_of_an_earlier_run_or_of_another_kind_is_a_stray()
    {
        Send(0, Epoch + 1, KernelClock.Nanoseconds);
        Send(Sink.Capacity, Epoch, KernelClock.Nanoseconds); // no such number
        Assert.True(Bpf.RunOnce(Sink.Program, new byte[42], new byte[2048], out _) >= 0); // too short for the fields
        Assert.Equal((0, 3), (Sink.Read().Received, Sink.Read().Strays));
    }

    [Fact]
    public void A_new_run_forgets_the_last_one()
    {
        Receive(0, 1, 1);
        Sink.Begin(Epoch);
        Receive(0);
        Assert.Equal((1, 0), (Sink.Read().Received, Sink.Read().Duplicates));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3_000)]
    [InlineData(1_000_000)]
    [InlineData(90_000_000_000)]
    public void A_latency_falls_into_its_bucket(long age)
    {
        long before = KernelClock.Nanoseconds;
        Send(0, Epoch, before - age);
        long after = KernelClock.Nanoseconds;
        long[] counts = Sink.ReadLatencies();
        Assert.Equal(1, counts.Sum());
        int bucket = Array.FindIndex(counts, count => count > 0);
        Assert.InRange(bucket, LatencyBuckets.BucketOf(age), LatencyBuckets.BucketOf(after - before + age));
        Assert.InRange(Sink.Read().LongestNanoseconds, age, after - before + age);
    }

    [Fact]
    public void A_packet_from_the_future_took_no_time()
    {
        Send(0, Epoch, KernelClock.Nanoseconds + 3_600_000_000_000);
        Assert.Equal(1, Sink.ReadLatencies()[0]);
    }

    private void Receive(params long[] numbers)
    {
        foreach (long number in numbers)
        {
            Send(number, Epoch, KernelClock.Nanoseconds);
        }
    }

    private void Send(long number, ushort epoch, long stamp)
    {
        byte[] frame = MeasuredFrame.Template(60);
        MemoryMarshal.Write(frame.AsSpan(42), epoch);
        MemoryMarshal.Write(frame.AsSpan(44), number);
        MemoryMarshal.Write(frame.AsSpan(52), stamp);
        Assert.True(Bpf.RunOnce(Sink.Program, frame, new byte[2048], out uint answer) >= 0, Errno.Text(Errno.Last));
        Assert.Equal(2u, answer); // TCX_DROP
    }
}
