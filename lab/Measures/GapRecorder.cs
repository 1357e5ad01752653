using System.Diagnostics;
using System.Runtime;
using Softswitch.Lab.Linux;

namespace Softswitch.Lab.Measures;

/// <summary>A pass that took long.</summary>
/// <param name="OwnNanoseconds">Without what the operating system and a hypervisor took.</param>
/// <param name="PreemptedNanoseconds">The operating system's part.</param>
/// <param name="StolenNanoseconds">The hypervisor's part.</param>
/// <param name="Packets">Packets that the pass moved.</param>
/// <param name="PageFaults">Of the worker's thread, in this pass or one of few before.</param>
/// <param name="Compiled">Methods that the runtime compiled, likewise.</param>
/// <param name="Paused">By garbage collections, likewise.</param>
internal readonly record struct LongPass(
    long OwnNanoseconds, long PreemptedNanoseconds, long StolenNanoseconds, int Packets, long PageFaults, int Compiled, TimeSpan Paused);

/// <summary>How long a worker's passes took from one to the next, and for what part of it the operating system or a hypervisor ran something else.</summary>
/// <remarks>
/// After a gap worth looking at, the kernel is asked how long the thread was runnable but not running: that is the operating system's part. If the thread never left its
/// processor and yet did not run by its processor clock, a hypervisor ran another guest meanwhile (kernels with PARAVIRT_TIME_ACCOUNTING take that off the clock). The rest,
/// waiting for a garbage collection or a lock included, is the switch's own; so are page faults, which are counted beside it, and interrupts but where the kernel keeps them off the clock as well
/// (IRQ_TIME_ACCOUNTING), since nothing tells them apart.
/// Threads: the worker's, but for the results once it rests.
/// </remarks>
internal sealed class GapRecorder : IDisposable
{
    // Shorter gaps are a pass as it should be: asking about them would cost more than they last.
    private const long SuspiciousNanoseconds = 10_000;

    private readonly long _suspiciousTicks = (long)(SuspiciousNanoseconds * (Stopwatch.Frequency / 1e9));
    // Passes after which the clocks are read again, so that a gap is not given what others took in passes long before.
    private const int PassesBetweenReadings = 64;

    private const int MostKept = 10;

    private ThreadSchedule? _schedule;
    private long _last;
    private long _waited;
    private long _slices;
    private long _ranAtReading;
    private long _reading;
    private int _passesToReading;
    private long _faults;
    private int _compiled;
    private TimeSpan _paused;
    private readonly List<LongPass> _longest = [];

    /// <summary>All gaps as they were.</summary>
    public Histogram All { get; } = new();

    /// <summary>The same without the operating system's and the hypervisor's part.</summary>
    public Histogram Own { get; } = new();

    /// <summary>The operating system's part of those gaps that had one.</summary>
    public Histogram Preempted { get; } = new();

    /// <summary>The hypervisor's part of those gaps that had one.</summary>
    public Histogram Stolen { get; } = new();

    /// <summary>The longest passes by their own part, the longest first.</summary>
    public IEnumerable<LongPass> Longest => _longest.OrderByDescending(pass => pass.OwnNanoseconds);

    public long PreemptedNanoseconds { get; private set; }

    public long StolenNanoseconds { get; private set; }

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
        Stolen.Clear();
        _longest.Clear();
        PreemptedNanoseconds = 0;
        StolenNanoseconds = 0;
    }

    /// <summary>A pass has ended.</summary>
    /// <param name="packets">Packets that the pass moved.</param>
    public void Record(int packets)
    {
        long now = Stopwatch.GetTimestamp();
        long ticks = now - _last;
        _last = now;
        if (ticks < _suspiciousTicks)
        {
            long gap = Histogram.Nanoseconds(ticks);
            All.Record(gap);
            Own.Record(gap);
            if (--_passesToReading <= 0)
            {
                Resume();
            }
            return;
        }
        RecordLong(Histogram.Nanoseconds(ticks), now, packets);
    }

    private void RecordLong(long gap, long now, int packets)
    {
        long idle = Histogram.Nanoseconds(now - _reading) - (ThreadSchedule.CpuNanoseconds - _ranAtReading);
        long preempted = 0;
        long stolen = 0;
        if (_schedule!.TryRead(out long waited, out long slices))
        {
            preempted = Math.Min(gap, waited - _waited);
            // Otherwise it may also have slept.
            stolen = slices == _slices ? Math.Clamp(idle, 0, gap) : 0;
        }
        All.Record(gap);
        long own = Math.Max(0, gap - preempted - stolen);
        Own.Record(own);
        Keep(own, preempted, stolen, packets);
        if (preempted > 0)
        {
            Preempted.Record(preempted);
            PreemptedNanoseconds += preempted;
        }
        if (stolen > 0)
        {
            Stolen.Record(stolen);
            StolenNanoseconds += stolen;
        }
        Resume();
    }

    private void Keep(long own, long preempted, long stolen, int packets)
    {
        int place = 0;
        if (_longest.Count == MostKept)
        {
            for (int i = 1; i < MostKept; i++)
            {
                place = _longest[i].OwnNanoseconds < _longest[place].OwnNanoseconds ? i : place;
            }
            if (_longest[place].OwnNanoseconds >= own)
            {
                return;
            }
            _longest.RemoveAt(place);
        }
        _longest.Add(new LongPass(
            own, preempted, stolen, packets, ThreadSchedule.PageFaults - _faults, (int)JitInfo.GetCompiledMethodCount() - _compiled,
            GC.GetTotalPauseDuration() - _paused));
    }

    /// <summary>Begins the next gap here: what went before, and asking, is of no interest.</summary>
    public void Resume()
    {
        _passesToReading = PassesBetweenReadings;
        _schedule!.TryRead(out _waited, out _slices);
        _faults = ThreadSchedule.PageFaults;
        _compiled = (int)JitInfo.GetCompiledMethodCount();
        _paused = GC.GetTotalPauseDuration();
        _ranAtReading = ThreadSchedule.CpuNanoseconds;
        _last = _reading = Stopwatch.GetTimestamp();
    }
}
