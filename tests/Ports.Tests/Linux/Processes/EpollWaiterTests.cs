using System.IO.Pipes;
using Softswitch.Ports.Linux.Processes;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.Linux.Processes;

public sealed class EpollWaiterTests
{
    private const long Long = 3_600_000_000; // microseconds: longer than anybody waits for a test

    private readonly int[] _ready = new int[4];

    [Fact]
    public void A_wake_before_the_wait_ends_it_and_is_used_up_by_it()
    {
        using var waiter = new EpollWaiter();
        waiter.Wake();
        waiter.Wake();
        Assert.Equal(0, Eventually.Result(Task.Run(() => waiter.Wait(Long, _ready), TestContext.Current.CancellationToken)));
        AssertNothingElseWaits(waiter);
    }

    /// <summary>What is ready already is told first: with room for one, the pipe is told of only if it alone is ready.</summary>
    private static void AssertNothingElseWaits(EpollWaiter waiter)
    {
        using var pipe = new AnonymousPipeServerStream(PipeDirection.Out);
        using var reader = new AnonymousPipeClientStream(PipeDirection.In, pipe.ClientSafePipeHandle);
        pipe.WriteByte(1);
        waiter.Watch((int)reader.SafePipeHandle.DangerousGetHandle(), slot: 9);
        Assert.Equal(1, waiter.Wait(Long, new int[1]));
    }

    [Fact]
    public void No_wake_is_lost_between_two_threads()
    {
        const int rounds = 20_000;
        using var waiter = new EpollWaiter();
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
        })
        {
            IsBackground = true,
        };
        var consumer = new Thread(() =>
        {
            while (consumed < rounds)
            {
                if (Volatile.Read(ref produced) == consumed)
                {
                    waiter.Wait(Long, _ready); // for ever, if a wake was lost
                }
                Volatile.Write(ref consumed, Volatile.Read(ref produced));
            }
        })
        {
            IsBackground = true,
        };
        producer.Start();
        consumer.Start();
        Eventually.Ended(consumer);
        Eventually.Ended(producer);
    }

    [Fact]
    public void A_readable_descriptor_ends_the_wait_until_it_is_watched_no_longer()
    {
        using var pipe = new AnonymousPipeServerStream(PipeDirection.Out);
        using var reader = new AnonymousPipeClientStream(PipeDirection.In, pipe.ClientSafePipeHandle);
        int descriptor = (int)reader.SafePipeHandle.DangerousGetHandle();
        pipe.WriteByte(1);
        using var waiter = new EpollWaiter();
        waiter.Watch(descriptor, slot: 5);
        Assert.Equal(1, waiter.Wait(Long, _ready));
        Assert.Equal(5, _ready[0]);
        waiter.Watch(descriptor, slot: 6); // another's from now on
        Assert.Equal(1, waiter.Wait(Long, _ready));
        Assert.Equal(6, _ready[0]);
        waiter.Unwatch(descriptor, slot: 5);
        Assert.Equal(1, waiter.Wait(Long, _ready));
        waiter.Unwatch(descriptor, slot: 6);
        Assert.Equal(0, waiter.Wait(1000, _ready));
    }

    [Fact]
    public void Each_of_more_readable_descriptors_than_there_is_room_is_reported_in_time()
    {
        List<(AnonymousPipeServerStream Writer, AnonymousPipeClientStream Reader)> pipes = [];
        using var waiter = new EpollWaiter();
        for (int i = 0; i < 10; i++)
        {
            var writer = new AnonymousPipeServerStream(PipeDirection.Out);
            pipes.Add((writer, new AnonymousPipeClientStream(PipeDirection.In, writer.ClientSafePipeHandle)));
            writer.WriteByte(1);
            waiter.Watch((int)pipes[i].Reader.SafePipeHandle.DangerousGetHandle(), slot: i);
        }
        HashSet<int> seen = [];
        for (int call = 0; call < 10; call++)
        {
            seen.UnionWith(_ready[..waiter.Wait(Long, _ready)]);
        }
        Assert.Equal(10, seen.Count);
        pipes.ForEach(pipe => (pipe.Writer as IDisposable).Dispose());
        pipes.ForEach(pipe => (pipe.Reader as IDisposable).Dispose());
    }

    [Trait("Ring", "peers")]
    [Fact]
    public void A_dead_descriptor_does_not_keep_the_thread_awake()
    {
        Needs.Tun();
        using var space = new LabNode("poll");
        using Ports.Tap.TapPort port = space.Run(() => Ports.Tap.TapPort.Open("tap:dead", "dead"));
        space.Execute("ip", "link", "del", "dead").Checked();
        using var waiter = new EpollWaiter();
        waiter.Watch(port.Queues[0].PollDescriptor, slot: 0);
        Assert.Equal(0, Eventually.Result(Task.Run(() => waiter.Wait(Long, _ready), TestContext.Current.CancellationToken)));
        AssertNothingElseWaits(waiter);
    }
}
