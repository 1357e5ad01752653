using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Memory;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Control;

/// <summary>The control lock is handed over in turn, and a long command leaves it for what needs no flow entries.</summary>
public sealed class ControlLockTests : ICommandHost
{
    private static readonly TimeSpan Long = TimeSpan.FromMilliseconds(2);

    private readonly TestTime _time = new();
    private readonly ControlLock _lock;
    private readonly List<string> _told = [];

    public ControlLockTests() => _lock = new ControlLock(_time);

    void ICommandHost.OnLeaving() => _told.Add("leaving");

    void ICommandHost.OnEntered() => _told.Add("entered");

    [Fact]
    public void Threads_get_the_lock_in_the_order_they_came_and_its_holder_cannot_overtake_them()
    {
        const int threads = 8;
        FairLock fair = new(_time);
        List<int> order = [];
        fair.Enter();
        List<Thread> waiting = [];
        for (int i = 0; i < threads; i++)
        {
            int number = i;
            waiting.Add(Start(() =>
            {
                fair.Enter();
                order.Add(number);
                fair.Exit();
            }));
            WaitUntilAsleep(waiting[i]);
        }
        fair.Exit();
        fair.Enter(); // at once: after all of them
        order.Add(threads);
        fair.Exit();
        waiting.ForEach(Eventually.Ended);
        Assert.Equal(Enumerable.Range(0, threads + 1), order);
    }

    [Fact]
    public void Some_that_give_up_soon_take_nothing_from_those_that_wait()
    {
        const int rounds = 500;
        FairLock fair = new(_time);
        int inside = 0;
        int entered = 0;
        int givenUp = 0;
        Thread[] threads = [.. Enumerable.Range(0, 6).Select(number => Start(() =>
        {
            for (int i = 0; i < rounds; i++)
            {
                if (number % 2 == 0)
                {
                    fair.Enter();
                }
                else if (!fair.TryEnter(milliseconds: i % 2))
                {
                    Interlocked.Increment(ref givenUp);
                    continue;
                }
                Assert.Equal(1, ++inside);
                entered++;
                Thread.SpinWait(i % 64 == 0 ? 20_000 : 20); // now and then longer than they wait
                inside--;
                fair.Exit();
            }
        }))];
        Array.ForEach(threads, Eventually.Ended);
        Assert.Equal(6 * rounds, entered + givenUp);
        Assert.True(fair.TryEnter(0));
        Assert.False(fair.TryEnter(0));
        fair.Exit();
        Assert.True(fair.TryEnter(0));
    }

    [Fact]
    public void A_lock_that_nobody_else_wants_is_never_overdue()
    {
        FairLock fair = new(_time);
        fair.Enter();
        _time.Advance(Long);
        Assert.False(fair.IsOverdue);
        Thread other = Start(() =>
        {
            fair.Enter();
            fair.Exit();
        });
        WaitUntilAsleep(other);
        Assert.False(fair.IsOverdue); // it has come just now
        _time.Advance(Long);
        Assert.True(fair.IsOverdue);
        fair.Exit();
        Eventually.Ended(other);
    }

    [Fact]
    public void A_long_command_lets_in_who_needs_no_flow_entries_and_keeps_out_who_does()
    {
        int brief = 0;
        int another = 0;
        _lock.Enter(withTable: true, this);
        Thread first = Start(() => EnterAndCount(withTable: true, ref another));
        WaitUntilAsleep(first);
        Thread second = Start(() => EnterAndCount(withTable: false, ref brief));
        WaitUntilAsleep(second);
        Assert.False(_lock.Breathe());
        _time.Advance(Long);
        Assert.True(_lock.Breathe());
        Assert.Equal((1, 0), (brief, another));
        Assert.Equal(["leaving", "entered"], _told);
        Assert.True(_lock.IsOverdue); // the other command has waited for long
        _lock.Exit();
        Eventually.Ended(first);
        Eventually.Ended(second);
        Assert.Equal(1, another);
    }

    [Fact]
    public void A_barrier_that_does_not_leave_the_control_lock_ends_however_long_others_wait()
    {
        using TestSwitch sut = new();
        Thread barrier = Start(() =>
        {
            using (sut.Control.Enter())
            {
                for (uint i = 0; i < 1000; i++)
                {
                    sut.Control.Apply(new FlowMod { Match = FlowMatch.Any with { Wildcards = FlowWildcards.All & ~FlowWildcards.InPort, InPort = (ushort)(i + 1) } });
                }
                sut.Control.Apply(new FlowMod { Command = FlowModCommand.Delete, Match = FlowMatch.Any });
                WaitUntilAsleep(Start(() => sut.Control.EnterWithoutTable().Dispose()));
                sut.Time.Skip(Long);
                Assert.True(sut.Control.Lock.IsOverdue);
                sut.Control.Barriers.Finish();
            }
        });
        Eventually.Ended(barrier);
    }

    [Fact]
    public void Who_holds_the_control_lock_enters_again_but_not_for_more()
    {
        int entered = 0;
        _lock.Enter(withTable: false, host: null);
        _lock.Enter(withTable: false, host: null);
        Assert.Throws<InvalidOperationException>(() => _lock.Enter(withTable: true, host: null));
        _lock.Exit();
        Thread other = Start(() => EnterAndCount(withTable: true, ref entered));
        WaitUntilAsleep(other);
        Assert.Equal(0, entered);
        _lock.Exit();
        Eventually.Ended(other);
        Assert.Equal(1, entered);
    }

    private static Thread Start(ThreadStart body)
    {
        Thread thread = new(body) { IsBackground = true };
        thread.Start();
        return thread;
    }

    private static void WaitUntilAsleep(Thread thread) =>
        Eventually.True(() => thread.ThreadState.HasFlag(ThreadState.WaitSleepJoin), "the thread waits");

    private void EnterAndCount(bool withTable, ref int count)
    {
        _lock.Enter(withTable, host: null);
        Interlocked.Increment(ref count);
        _lock.Exit();
    }
}
