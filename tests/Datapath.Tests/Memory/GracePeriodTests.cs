using Softswitch.Datapath.Memory;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Memory;

/// <summary>Nothing is reclaimed while a worker may hold it, and everything is afterwards.</summary>
public sealed class GracePeriodTests
{
    private readonly Recorder _owner = new();

    [Fact]
    public void A_pass_under_way_holds_what_was_retired_during_it_and_before()
    {
        using GracePeriod grace = new(2);
        grace.EnterPass(1);
        grace.Retire(_owner, 1);
        grace.Poll();
        grace.EnterPass(0);
        grace.Retire(_owner, 2);
        grace.LeavePass(0);
        grace.Poll();
        Assert.Empty(_owner.Items);
        grace.LeavePass(1);
        grace.Poll();
        Assert.Equal([1, 2], _owner.Items);
        Assert.Equal(0, grace.PendingCount);
    }

    [Fact]
    public void A_worker_that_went_on_to_its_next_pass_holds_only_what_was_retired_in_that_one()
    {
        using GracePeriod grace = new(1);
        grace.EnterPass(0);
        grace.Retire(_owner, 1);
        grace.Poll();
        grace.LeavePass(0);
        grace.EnterPass(0);
        grace.Retire(_owner, 2);
        grace.Poll();
        Assert.Equal([1], _owner.Items);
        grace.Poll();
        Assert.Equal([1], _owner.Items);
        grace.LeavePass(0);
        grace.Poll();
        Assert.Equal([1, 2], _owner.Items);
    }

    [Fact]
    public void Wait_returns_when_the_pass_ends_and_then_nobody_holds_anything()
    {
        using GracePeriod grace = new(2);
        grace.EnterPass(0);
        grace.Retire(_owner, 1);
        grace.Poll();
        grace.Retire(_owner, 2);
        int left = 0;
        using ManualResetEventSlim waiting = new();
        Thread worker = new(() =>
        {
            waiting.Wait();
            Thread.SpinWait(100_000);
            Volatile.Write(ref left, 1);
            grace.LeavePass(0);
            grace.EnterPass(0); // the next one is no obstacle
        });
        worker.Start();
        waiting.Set();
        grace.Wait();
        Assert.Equal(1, Volatile.Read(ref left));
        grace.Poll();
        Assert.Equal([1, 2], _owner.Items);
        worker.Join();
    }

    [Fact]
    public void A_pass_that_never_ends_is_waited_for_once_and_keeps_what_it_may_hold()
    {
        using GracePeriod grace = new(2, patience: 50);
        grace.EnterPass(1);
        grace.Retire(_owner, 1);
        grace.ThrowIfStuck();
        Assert.False(grace.Wait());
        Assert.False(grace.Wait());
        grace.Poll();
        Assert.Empty(_owner.Items);
        Assert.Contains("worker 1", Assert.Throws<InvalidOperationException>(grace.ThrowIfStuck).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_pass_that_was_abandoned_holds_nothing()
    {
        using GracePeriod grace = new(1, patience: 50);
        grace.EnterPass(0);
        grace.Retire(_owner, 1);
        grace.AbandonPass(0);
        grace.AbandonPass(0); // between two passes it changes nothing
        Assert.True(grace.Wait());
        grace.Poll();
        Assert.Equal([1], _owner.Items);
    }

    [Fact]
    public void A_poll_reclaims_as_many_as_it_may_in_the_order_they_were_retired()
    {
        using GracePeriod grace = new(1);
        for (int item = 1; item <= 5; item++)
        {
            grace.Retire(_owner, item);
        }
        Assert.True(grace.Poll(limit: 2));
        grace.EnterPass(0);
        grace.Retire(_owner, 6);
        Assert.True(grace.Poll(limit: 2));
        Assert.Equal([1, 2, 3, 4], _owner.Items);
        Assert.False(grace.Poll(limit: 2));
        Assert.Equal([1, 2, 3, 4, 5], _owner.Items);
        Assert.Equal((6, 5), (grace.RetiredCount, grace.ReclaimedCount));
        grace.LeavePass(0);
        Assert.False(grace.Poll(limit: 2));
        Assert.False(grace.HasWork);
    }

    [Fact]
    public void Memory_a_reader_found_is_never_reused_under_it()
    {
        const int rounds = 100_000;
        using GracePeriod grace = new(1);
        using NativeBlocks blocks = new(64);
        Reader reader = new(grace);
        Thread thread = new(reader.Run);
        thread.Start();
        Eventually.True(() => reader.Passes > 0, "the reader reads");
        for (int i = 1; i <= rounds; i++)
        {
            reader.Publish(blocks, i);
            grace.Poll();
        }
        reader.Stop();
        thread.Join();
        Assert.Equal(0, reader.Torn);
    }

    private sealed class Recorder : IReclaimer
    {
        public List<nint> Items { get; } = [];

        public void Reclaim(nint item) => Items.Add(item);
    }

    /// <summary>Reads a published block twice within a pass: it must not change in between.</summary>
    private sealed unsafe class Reader(GracePeriod grace)
    {
        private nint _published;
        private long _passes;
        private volatile bool _stop;

        public long Torn { get; private set; }

        public long Passes => Volatile.Read(ref _passes);

        public void Publish(NativeBlocks blocks, int value)
        {
            long* block = (long*)blocks.Rent();
            for (int i = 0; i < 8; i++)
            {
                block[i] = value;
            }
            nint old = _published;
            Volatile.Write(ref _published, (nint)block);
            if (old != 0)
            {
                grace.Retire(blocks, old);
            }
        }

        public void Stop() => _stop = true;

        public void Run()
        {
            while (!_stop)
            {
                grace.EnterPass(0);
                long* block = (long*)Volatile.Read(ref _published);
                if (block != null)
                {
                    long first = Volatile.Read(ref block[0]);
                    for (int i = 7; i >= 0; i--)
                    {
                        Torn += Volatile.Read(ref block[i]) != first ? 1 : 0;
                    }
                }
                Volatile.Write(ref _passes, _passes + 1);
                grace.LeavePass(0);
            }
        }
    }
}
