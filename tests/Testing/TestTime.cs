using Xunit;

namespace Softswitch.Testing;

/// <summary>A clock with timers that stands still until the test moves it.</summary>
internal sealed class TestTime : TimeProvider
{
    private readonly List<TestTimer> _timers = [];
    private long _now = TimeSpan.TicksPerHour; // not 0: a stamp of 0 must not look like "never"

    /// <summary>The wall clock, which <see cref="Advance"/> does not move; null for the system's.</summary>
    public DateTimeOffset? Wall { get; set; }

    public override DateTimeOffset GetUtcNow() => Wall ?? base.GetUtcNow();

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Volatile.Read(ref _now);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        TestTimer timer = new(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>Moves the clock as if the process had been stopped: timers that became due run late, at the next <see cref="Advance"/>.</summary>
    public void Skip(TimeSpan time) => Interlocked.Add(ref _now, time.Ticks);

    /// <summary>Moves the clock; timers that become due run on this thread, in order.</summary>
    public void Advance(TimeSpan time)
    {
        long target = GetTimestamp() + time.Ticks;
        while (true)
        {
            TestTimer? next;
            lock (_timers)
            {
                next = NextDue(target);
                if (next is null)
                {
                    Volatile.Write(ref _now, target);
                    return;
                }
                Volatile.Write(ref _now, Math.Max(_now, next.Due));
                next.Rearm();
            }
            next.Fire();
        }
    }

    /// <summary>Allocates nothing: tests of what allocates move the clock meanwhile.</summary>
    private TestTimer? NextDue(long target)
    {
        TestTimer? next = null;
        foreach (TestTimer timer in _timers)
        {
            next = timer.Due <= target && timer.Due < (next?.Due ?? long.MaxValue) ? timer : next;
        }
        return next;
    }

    /// <summary>Waits until someone waits for exactly this long from now, once: what ticks for ever is no sign.</summary>
    public void WaitForTimer(TimeSpan delay)
    {
        lock (_timers)
        {
            while (!_timers.Exists(t => !t.IsPeriodic && t.Due == _now + delay.Ticks))
            {
                Assert.True(Monitor.Wait(_timers, TimeSpan.FromSeconds(60)), $"nobody waits for {delay}");
            }
        }
    }

    private sealed class TestTimer(TestTime clock, TimerCallback callback, object? state) : ITimer
    {
        private TimeSpan _period;

        public long Due { get; private set; } = long.MaxValue;

        public bool IsPeriodic => _period > TimeSpan.Zero;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (clock._timers)
            {
                clock._timers.Remove(this);
                Due = long.MaxValue;
                if (dueTime != Timeout.InfiniteTimeSpan)
                {
                    _period = period;
                    Due = clock._now + dueTime.Ticks;
                    clock._timers.Add(this);
                    Monitor.PulseAll(clock._timers);
                }
            }
            return true;
        }

        public void Rearm()
        {
            if (_period > TimeSpan.Zero)
            {
                Due += _period.Ticks;
                return;
            }
            clock._timers.Remove(this);
            Due = long.MaxValue;
        }

        public void Fire() => callback(state);

        public void Dispose() => Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
