using System.Diagnostics;
using System.IO.Pipes;
using Softswitch.Ports.Linux;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.Linux;

public sealed class PollWaiterTests
{
    private const int Long = 60_000_000; // microseconds
    private static readonly TimeSpan FarLessThanLong = TimeSpan.FromSeconds(30);

    [Fact]
    public void A_wake_before_the_wait_ends_it_and_is_used_up_by_it()
    {
        using var waiter = new PollWaiter();
        waiter.Wake();
        waiter.Wake();
        long start = Stopwatch.GetTimestamp();
        waiter.Wait([], Long);
        Assert.True(Stopwatch.GetElapsedTime(start) < FarLessThanLong);
        start = Stopwatch.GetTimestamp();
        waiter.Wait([], 50_000);
        Assert.True(Stopwatch.GetElapsedTime(start) >= TimeSpan.FromMilliseconds(45), "one wake ended two waits");
    }

    [Fact]
    public void No_wake_is_lost_between_two_threads()
    {
        const int rounds = 20_000;
        using var waiter = new PollWaiter();
        int produced = 0;
        int consumed = 0;
        var producer = new Thread(() =>
        {
            for (int i = 0; i < rounds; i++)
            {
                Volatile.Write(ref produced, i + 1);
                waiter.Wake();
                while (i % 3 == 0 && Volatile.Read(ref consumed) <= i)
                {
                    Thread.Yield();
                }
            }
        });
        producer.Start();
        while (consumed < rounds)
        {
            if (Volatile.Read(ref produced) == consumed)
            {
                long start = Stopwatch.GetTimestamp();
                waiter.Wait([], Long);
                Assert.True(Stopwatch.GetElapsedTime(start) < FarLessThanLong, $"a wake was lost after {consumed}");
            }
            Volatile.Write(ref consumed, Volatile.Read(ref produced));
        }
        producer.Join();
    }

    [Fact]
    public void A_readable_descriptor_ends_the_wait_and_negative_ones_are_ignored()
    {
        using var pipe = new AnonymousPipeServerStream(PipeDirection.Out);
        using var reader = new AnonymousPipeClientStream(PipeDirection.In, pipe.ClientSafePipeHandle);
        pipe.WriteByte(1);
        using var waiter = new PollWaiter();
        long start = Stopwatch.GetTimestamp();
        waiter.Wait([-1, (int)reader.SafePipeHandle.DangerousGetHandle(), -1], Long);
        Assert.True(Stopwatch.GetElapsedTime(start) < FarLessThanLong);
    }

    [Fact]
    public void A_dead_descriptor_does_not_keep_the_worker_awake()
    {
        Needs.Tun();
        using var space = new LabNode("poll");
        using Ports.Tap.TapPort port = space.Run(() => Ports.Tap.TapPort.Open("tap:dead", "dead"));
        space.Execute("ip", "link", "del", "dead").Checked();
        using var waiter = new PollWaiter();
        long start = Stopwatch.GetTimestamp();
        waiter.Wait([port.Queues[0].PollDescriptor], 50_000);
        Assert.True(Stopwatch.GetElapsedTime(start) >= TimeSpan.FromMilliseconds(45));
        waiter.Wake();
        start = Stopwatch.GetTimestamp();
        waiter.Wait([port.Queues[0].PollDescriptor], Long);
        Assert.True(Stopwatch.GetElapsedTime(start) < FarLessThanLong);
    }

    [Fact]
    public void More_descriptors_than_ever_before_fit()
    {
        using var waiter = new PollWaiter();
        int[] none = new int[1000];
        Array.Fill(none, -1);
        waiter.Wait(none, 0);
        waiter.Wake();
        waiter.Wait(none, Long);
    }
}
