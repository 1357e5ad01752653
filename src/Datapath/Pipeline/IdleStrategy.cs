using System.Diagnostics;

namespace Softswitch.Datapath.Pipeline;

/// <summary>An idle worker's sleep. It ends when a port has packets, another thread wakes the worker, or the deadline is over.</summary>
/// <remarks>
/// A worker that sleeps is left out of its thread's turns; the thread itself waits when all of its workers sleep. The kernel
/// watches the ports' descriptors between sleeps too, because to watch them anew costs a system call for each port. But for each packet of a watched
/// descriptor the kernel looks at its list of waiting threads; so a worker with lasting traffic has it watch nothing. Threads: the worker's,
/// where nothing else is said.
/// </remarks>
internal sealed class IdleStrategy
{
    /// <summary>Empty passes before the first sleep: some tens of microseconds, longer than the gaps within a burst.</summary>
    public const int PassesBeforeSleep = 64;

    // If packets end a sleep within this time, the sleep was not worth it: they waited for the kernel and for the processor's own wake-up, some tens of
    // microseconds. From then on the worker spins for twice such a gap before it sleeps, and for less when gaps are longer (as KVM's halt polling does).
    private const long LongestSpin = 100 * TimeSpan.TicksPerMicrosecond;

    // If more time passes between two passes, other threads use the processor. The system gives it back sooner to a thread that slept than to one that spun.
    private const long Crowded = 10 * TimeSpan.TicksPerMicrosecond;

    // The worker must wake and poll a port without a descriptor. A port with a descriptor ends the sleep by itself.
    private const int AskingMicroseconds = 1000;
    private const int LongestMicroseconds = 100_000;
    private static readonly long AskingTicks = AskingMicroseconds * Stopwatch.Frequency / 1_000_000;
    private static readonly long LongestTicks = LongestMicroseconds * Stopwatch.Frequency / 1_000_000;

    // Shorter sleeps are not worth the system call; the kernel's timers have about this slack.
    private const int ShortestMicroseconds = 50;

    // Busy passes since the last sleep after which the kernel watches no descriptor any more.
    private const int LastingTraffic = 1024;

    private readonly Func<bool> _hasWork;
    private IWaiter? _waiter;
    private volatile Action<IdleStrategy>? _wakeThread;
    private int _slot;
    private int[] _watched = [];
    private bool _isAsked;
    private int _idlePasses;
    private long _idleSince; // ticks of 100 ns, as the two below
    private long _lastIdlePass;
    private long _spin;
    private bool _hasSlept; // since the last busy pass
    private int _busyPasses;
    private int _sleeps; // begun and ended: odd during one
    private int _isWoken;

    /// <param name="hasWork">Called once the sleep is announced. It finds work queued before that; work queued later wakes the worker.</param>
    public IdleStrategy(Func<bool> hasWork) => _hasWork = hasWork;

    /// <summary>Whether a sleep is under way. Any thread.</summary>
    public bool IsAsleep => (Volatile.Read(ref _sleeps) & 1) != 0;

    /// <summary>Sleeps begun, modulo 2^31. Any thread.</summary>
    public uint Sleeps => ((uint)Volatile.Read(ref _sleeps) + 1) / 2;

    /// <summary>When the sleep is to end at the latest, by <see cref="Stopwatch.GetTimestamp"/>.</summary>
    public long Deadline { get; private set; }

    /// <summary>Whether nothing happened from the last sleep's beginning to its deadline.</summary>
    public bool IsResting { get; private set; }

    /// <summary>The next in the thread's list of woken workers.</summary>
    public IdleStrategy? NextWoken { get; set; }

    /// <summary>The worker's number on its thread.</summary>
    public int Slot => _slot;

    /// <summary>The worker's thread begins to run it.</summary>
    /// <param name="waiter">The thread's.</param>
    /// <param name="wakeThread">Tells the thread that this worker was woken; by any thread.</param>
    /// <param name="slot">The number that the waiter reports for the worker's descriptors.</param>
    public void Begin(IWaiter waiter, Action<IdleStrategy> wakeThread, int slot)
    {
        _waiter = waiter;
        _slot = slot;
        _idlePasses = 0;
        _wakeThread = wakeThread;
    }

    /// <summary>The thread stops running the worker; the kernel watches none of its descriptors any more.</summary>
    public void End()
    {
        Unwatch();
        _wakeThread = null;
        if (IsAsleep)
        {
            EndSleep(isDue: false);
        }
    }

    /// <summary>Any thread: ends the sleep, if there is one.</summary>
    public void Wake()
    {
        Interlocked.MemoryBarrier(); // the queued work is visible before the flag is read
        if (IsAsleep && _wakeThread is { } wake && Interlocked.Exchange(ref _isWoken, 1) == 0)
        {
            wake(this);
        }
    }

    /// <summary>The thread has seen the wake-up: the next <see cref="Wake"/> tells it again.</summary>
    public void TakeWake() => Interlocked.Exchange(ref _isWoken, 0);

    /// <summary>After a pass that moved packets. In lasting traffic it writes nothing: workers that hand packets over read this cache line.</summary>
    /// <param name="began">When the pass began, in ticks of 100 ns.</param>
    public void NoteBusyPass(long began)
    {
        if (_idlePasses != 0)
        {
            if (_hasSlept)
            {
                long gap = began - _idleSince;
                _spin = gap <= LongestSpin ? Math.Min(2 * gap, LongestSpin) : _spin / 2;
                _hasSlept = false;
            }
            _idlePasses = 0;
            IsResting = false;
        }
        if (_busyPasses < LastingTraffic && ++_busyPasses == LastingTraffic)
        {
            Unwatch();
        }
    }

    /// <summary>After a pass that moved nothing.</summary>
    /// <param name="began">When the pass began, in ticks of 100 ns.</param>
    /// <returns>Whether it is time to sleep.</returns>
    public bool NoteIdlePass(long began)
    {
        _idleSince = _idlePasses == 0 ? began : _idleSince;
        bool isCrowded = began - _lastIdlePass > Crowded;
        _lastIdlePass = began;
        return ++_idlePasses >= PassesBeforeSleep && (isCrowded || began - _idleSince >= _spin);
    }

    /// <summary>Begins a sleep.</summary>
    /// <param name="queues">The queues that the worker receives from.</param>
    /// <param name="due">Ticks of 100 ns until the worker has a packet to send; 0 or less if it is due now.</param>
    /// <returns>False if there is something to do, or soon will be.</returns>
    public bool TryFallAsleep(ReceiveQueue[] queues, long due)
    {
        _idlePasses = PassesBeforeSleep / 2;
        long microseconds = due / TimeSpan.TicksPerMicrosecond;
        if (microseconds < ShortestMicroseconds || !_waiter!.Sleeps)
        {
            return false;
        }
        Watch(queues);
        Interlocked.Increment(ref _sleeps);
        if (_hasWork() || !Arm(queues))
        {
            Volatile.Write(ref _sleeps, _sleeps + 1);
            return false;
        }
        _busyPasses = 0;
        _hasSlept = true;
        long now = Stopwatch.GetTimestamp();
        long period = _isAsked ? AskingTicks : LongestTicks;
        long end = (now / period * period) + period; // the same for all sleepers, so that they wake together
        Deadline = microseconds > LongestMicroseconds ? end : Math.Min(end, now + (microseconds * Stopwatch.Frequency / 1_000_000));
        return true;
    }

    /// <summary>Ends the sleep. The thread.</summary>
    /// <param name="isDue">Whether only the deadline ended it.</param>
    public void EndSleep(bool isDue)
    {
        // Woken by the timer alone, the worker polls once and sleeps again. Woken by an event, it polls half a round: more is likely.
        _idlePasses = isDue ? PassesBeforeSleep - 1 : PassesBeforeSleep / 2;
        IsResting = isDue && !_isAsked;
        Volatile.Write(ref _sleeps, _sleeps + 1);
    }

    /// <summary>Lets go of the ports' descriptors, before a port goes.</summary>
    public void Unwatch()
    {
        foreach (int descriptor in _watched)
        {
            if (descriptor >= 0)
            {
                _waiter!.Unwatch(descriptor, _slot);
            }
        }
        _watched = [];
    }

    /// <summary>False if packets came meanwhile.</summary>
    private static bool Arm(ReceiveQueue[] queues)
    {
        foreach (ref readonly ReceiveQueue queue in queues.AsSpan())
        {
            if (!queue.Port.Arm())
            {
                return false;
            }
        }
        return true;
    }

    private void Watch(ReceiveQueue[] queues)
    {
        if (IsWatched(queues))
        {
            return;
        }
        Unwatch();
        _isAsked = Array.Exists(queues, queue => queue.IsAsked);
        _watched = Array.ConvertAll(queues, queue => queue.Port.PollDescriptor);
        foreach (int descriptor in _watched)
        {
            if (descriptor >= 0)
            {
                _waiter!.Watch(descriptor, _slot);
            }
        }
    }

    /// <summary>Whether the kernel watches all these queues already. A queue may have got another descriptor since.</summary>
    private bool IsWatched(ReceiveQueue[] queues)
    {
        int[] watched = _watched;
        if (watched.Length != queues.Length)
        {
            return false;
        }
        for (int i = 0; i < watched.Length; i++)
        {
            if (watched[i] != queues[i].Port.PollDescriptor)
            {
                return false;
            }
        }
        return true;
    }
}
