namespace Softswitch.Datapath.Pipeline;

/// <summary>An idle worker's sleep: until a port has packets, somebody wakes it, or a while is over.</summary>
internal sealed class IdleStrategy
{
    /// <summary>Empty passes before the first sleep: some tens of microseconds, longer than the gaps within a burst.</summary>
    public const int PassesBeforeSleep = 64;

    // A port without a descriptor has to be asked; the others end the sleep themselves.
    private const int AskingMicroseconds = 1000;
    private const int LongestMicroseconds = 100_000;

    // Shorter sleeps are not worth the system call; the kernel's timers have about this slack.
    private const int ShortestMicroseconds = 50;

    private readonly Func<bool> _hasWork;
    private int[] _descriptors = [];
    private ReceiveQueue[]? _queues;
    private int _count;
    private volatile IWaiter? _waiter;
    private int _sleeps; // begun and ended: odd during one

    /// <param name="hasWork">Asked once the sleep is announced: what came before then is found here, what comes after wakes.</param>
    public IdleStrategy(Func<bool> hasWork) => _hasWork = hasWork;

    public IWaiter? Waiter
    {
        get => _waiter;
        set => _waiter = value;
    }

    /// <summary>Whether a sleep is under way. Any thread.</summary>
    public bool IsAsleep => (Volatile.Read(ref _sleeps) & 1) != 0;

    /// <summary>Sleeps begun, modulo 2^31. Any thread.</summary>
    public uint Sleeps => ((uint)Volatile.Read(ref _sleeps) + 1) / 2;

    /// <summary>Any thread: ends the sleep, if there is one.</summary>
    public void Wake()
    {
        Interlocked.MemoryBarrier(); // what the worker is to find is visible before the flag is read
        if (IsAsleep)
        {
            _waiter?.Wake();
        }
    }

    /// <summary>
    /// Any thread, after <see cref="Wake"/>: returns when the sleep that may be under way has ended. Until then the kernel looks after the descriptors the
    /// worker fell asleep with, and one that is closed lives on.
    /// </summary>
    /// <param name="patience">How many milliseconds it takes a worker that is not stopped, at the most.</param>
    public void WaitForEnd(int patience)
    {
        int seen = Volatile.Read(ref _sleeps);
        long deadline = Environment.TickCount64 + patience;
        SpinWait spin = default;
        while ((seen & 1) != 0 && Volatile.Read(ref _sleeps) == seen && Environment.TickCount64 < deadline)
        {
            spin.SpinOnce();
        }
    }

    /// <summary>The worker.</summary>
    /// <param name="queues">What it receives from.</param>
    /// <param name="longest">Ticks after which it has something to send; 0 or less for now.</param>
    public void Wait(ReceiveQueue[] queues, long longest)
    {
        long microseconds = longest / TimeSpan.TicksPerMicrosecond;
        if (microseconds < ShortestMicroseconds || !_waiter!.Sleeps)
        {
            return;
        }
        if (_queues != queues)
        {
            Collect(queues);
        }
        Interlocked.Increment(ref _sleeps);
        if (!_hasWork() && Arm(queues))
        {
            int bound = _count < queues.Length ? AskingMicroseconds : LongestMicroseconds;
            _waiter!.Wait(_descriptors.AsSpan(0, _count), (int)Math.Min(bound, microseconds));
        }
        Volatile.Write(ref _sleeps, _sleeps + 1);
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

    private void Collect(ReceiveQueue[] queues)
    {
        _queues = queues;
        _descriptors = new int[queues.Length];
        _count = 0;
        foreach (ReceiveQueue queue in queues)
        {
            if (queue.Port.PollDescriptor >= 0)
            {
                _descriptors[_count++] = queue.Port.PollDescriptor;
            }
        }
    }
}
