using System.Diagnostics;
using Softswitch.Ports.Linux;

namespace Softswitch.Benchmarks;

/// <summary>How long a worker's passes took from one to the next, and what part of it the operating system ran something else.</summary>
/// <remarks>
/// After a gap worth looking at, the kernel is asked how long the thread was runnable but not running. That is the operating
/// system's part; the rest, waiting for a garbage collection or a lock included, is the switch's own. Interrupts, page faults and a
/// hypervisor's other guests count as the switch's own, since nothing tells them apart. Threads: the worker's, but for the results once it rests.
/// </remarks>
internal sealed class GapRecorder : IDisposable
{
    // Shorter gaps are a pass as it should be: asking about them would cost more than they last.
    private const long SuspiciousNanoseconds = 10_000;

    private readonly long _suspiciousTicks = (long)(SuspiciousNanoseconds * (Stopwatch.Frequency / 1e9));
    private ThreadSchedule? _schedule;
    private long _last;
    private long _waited;

    /// <summary>All gaps as they were.</summary>
    public Histogram All { get; } = new();

    /// <summary>The same without the operating system's part.</summary>
    public Histogram Own { get; } = new();

    /// <summary>The operating system's part of those gaps that had one.</summary>
    public Histogram Preempted { get; } = new();

    public long PreemptedNanoseconds { get; private set; }

    /// <summary>Whether the kernel tells; if not, <see cref="Own"/> holds everything.</summary>
    public bool KnowsPreemption { get; private set; }

    public void Begin()
    {
        _schedule = new ThreadSchedule();
        KnowsPreemption = _schedule.TryRead(out _, out _);
    }

    public void Dispose() => _schedule?.Dispose();

    /// <summary>Forgets what was recorded; the worker is not recording.</summary>
    public void Clear()
    {
        All.Clear();
        Own.Clear();
        Preempted.Clear();
        PreemptedNanoseconds = 0;
    }

    /// <summary>What went before is of no interest.</summary>
    public void Resume()
    {
        _schedule!.TryRead(out _waited, out _);
        _last = Stopwatch.GetTimestamp();
    }

    /// <summary>A pass has ended.</summary>
    public void Record()
    {
        long now = Stopwatch.GetTimestamp();
        long ticks = now - _last;
        _last = now;
        if (ticks < _suspiciousTicks)
        {
            long gap = Histogram.Nanoseconds(ticks);
            All.Record(gap);
            Own.Record(gap);
            return;
        }
        RecordLong(Histogram.Nanoseconds(ticks));
    }

    private void RecordLong(long gap)
    {
        long others = 0;
        if (_schedule!.TryRead(out long waited, out _))
        {
            others = Math.Min(gap, waited - _waited);
            _waited = waited;
        }
        All.Record(gap);
        Own.Record(gap - others);
        if (others > 0)
        {
            Preempted.Record(others);
            PreemptedNanoseconds += others;
        }
        _last = Stopwatch.GetTimestamp(); // asking is not the worker's time
    }
}
