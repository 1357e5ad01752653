using System.Diagnostics;

namespace Softswitch.Datapath.Pipeline;

/// <summary>One thread that runs workers of any number of datapaths. Workers with traffic take turns, one pass each; idle workers sleep.</summary>
/// <remarks>
/// A pass is bounded by the number of ports, so a flood of one datapath delays the other datapaths by the length of its passes at most. An idle
/// datapath costs little: a sleeping worker takes no turn, and one system call asks the kernel about all sleepers at once.
/// Threads: the thread itself calls all members; any thread may call <see cref="Post"/> and <see cref="Join"/>.
/// </remarks>
internal sealed class WorkerThread
{
    // Microseconds between two looks at the sleepers while other workers are busy: as long as a worker spins before it sleeps.
    private const int LookInterval = 50;

    private const int SlotsPerLook = 64;

    // Microseconds; without workers nothing else is due.
    private const long LongestSleep = 1_000_000;

    private static readonly long LookTicks = LookInterval * Stopwatch.Frequency / 1_000_000;

    private readonly IWaiter _waiter;
    private readonly Thread _thread;
    private readonly Lock _lock = new();
    private readonly Queue<Action> _posted = new();
    private readonly Dictionary<int, (Worker Worker, Action<Exception> Failed)> _workers = [];
    private readonly int[] _ready = new int[SlotsPerLook];
    private volatile bool _hasPosted;
    private bool _isEnding;
    private int _isBlocked;
    private IdleStrategy? _woken;
    private Worker[] _active = new Worker[4];
    private int _activeCount;
    private int _nextSlot;
    private Worker? _running;
    private Worker? _heavy; // of the workers with long passes, the one that took the last turn
    private long _lookedAt;
    private long _due = long.MaxValue; // no sleeper's deadline is earlier

    /// <param name="waiter">The thread's from now on.</param>
    /// <param name="enter">Called by the thread, first.</param>
    public WorkerThread(string name, IWaiter waiter, Action enter)
    {
        _waiter = waiter;
        _thread = new Thread(() => Run(enter)) { Name = name, IsBackground = true };
        _thread.Start();
    }

    /// <summary>Runs an action on the thread, between two turns. Any thread.</summary>
    public void Post(Action action)
    {
        lock (_lock)
        {
            _posted.Enqueue(action);
            _hasPosted = true;
        }
        WakeThread();
    }

    /// <summary>A sleeping worker of this thread has something to do. Any thread.</summary>
    private void Wake(IdleStrategy sleep)
    {
        IdleStrategy? head;
        do
        {
            head = Volatile.Read(ref _woken);
            sleep.NextWoken = head;
        }
        while (Interlocked.CompareExchange(ref _woken, sleep, head) != head);
        WakeThread();
    }

    /// <summary>Whether the thread has ended within so many milliseconds.</summary>
    public bool Join(int milliseconds) => _thread.Join(milliseconds);

    /// <summary>By the thread: runs a worker from now on.</summary>
    /// <param name="failed">Called on a pool thread with the exception of a pass. The thread has stopped running the worker then.</param>
    public void Add(Worker worker, Action<Exception> failed)
    {
        int slot = _nextSlot++;
        _workers.Add(slot, (worker, failed));
        worker.Enter(_waiter, Wake, slot);
        Activate(worker);
    }

    /// <summary>By the thread: stops running a worker. Does nothing if the worker has failed before, and so runs no longer.</summary>
    public void Remove(Worker worker)
    {
        if (_workers.TryGetValue(worker.Sleep.Slot, out (Worker Worker, Action<Exception>) known) && known.Worker == worker)
        {
            _workers.Remove(worker.Sleep.Slot);
            int place = Array.IndexOf(_active, worker, 0, _activeCount);
            if (place >= 0)
            {
                Deactivate(place);
            }
            worker.Leave();
        }
    }

    /// <summary>By the thread: ends when this turn is over.</summary>
    public void End() => _isEnding = true;

    private void Run(Action enter)
    {
        enter();
        while (!_isEnding)
        {
            try
            {
                RunTurns();
            }
#pragma warning disable CA1031 // any exception of a pass concerns that worker's datapath only, and is reported to its owner
            catch (Exception e) when (_running != null)
#pragma warning restore CA1031
            {
                Fail(_running, e);
            }
        }
        foreach ((Worker worker, _) in _workers.Values)
        {
            worker.Leave();
        }
        _waiter.Dispose();
    }

    private void RunTurns()
    {
        while (!_isEnding)
        {
            if (_hasPosted)
            {
                ExecutePosted();
            }
            TakeTurn();
            if (_activeCount == 0 && !_isEnding) // End may have been posted just now
            {
                Sleep();
            }
            else if (_activeCount < _workers.Count)
            {
                LookAtSleepers();
            }
        }
    }

    /// <summary>One pass of each active worker. Of the workers whose last passes were long, only one takes part: no worker waits for two long passes.</summary>
    private void TakeTurn()
    {
        _heavy = ChooseHeavy();
        for (int i = 0; i < _activeCount;)
        {
            Worker worker = _active[i];
            if (worker.IsHeavy && worker != _heavy)
            {
                i++;
                continue;
            }
            _running = worker;
            if (worker.Turn())
            {
                i++;
            }
            else
            {
                _due = Math.Min(_due, worker.Sleep.Deadline);
                Deactivate(i); // the last worker of the list is in this place now
            }
        }
        _running = null;
    }

    /// <summary>The next worker with long passes, behind the one that took the last turn.</summary>
    private Worker? ChooseHeavy()
    {
        Worker? first = null;
        bool isBehind = false;
        foreach (Worker worker in _active.AsSpan(0, _activeCount))
        {
            if (worker.IsHeavy && isBehind)
            {
                return worker;
            }
            first ??= worker.IsHeavy ? worker : null;
            isBehind |= worker == _heavy;
        }
        return first;
    }

    private void LookAtSleepers()
    {
        if (Volatile.Read(ref _woken) != null)
        {
            TakeWoken();
        }
        long now = Stopwatch.GetTimestamp();
        if (now - _lookedAt >= LookTicks)
        {
            _lookedAt = now;
            WakeReady(_waiter.Wait(0, _ready));
            WakeDue(now);
        }
    }

    /// <summary>Sleeps until a worker has something to do, or an action is posted.</summary>
    private void Sleep()
    {
        long microseconds = Math.Clamp((_due - Stopwatch.GetTimestamp()) / (Stopwatch.Frequency / 1_000_000), 0, LongestSleep);
        Interlocked.Exchange(ref _isBlocked, 1);
        bool isWanted = _hasPosted || Volatile.Read(ref _woken) != null;
        int ready = isWanted ? 0 : _waiter.Wait(microseconds, _ready);
        Volatile.Write(ref _isBlocked, 0);
        WakeReady(ready);
        TakeWoken();
        WakeDue(Stopwatch.GetTimestamp());
    }

    private void WakeReady(int count)
    {
        foreach (int slot in _ready.AsSpan(0, count))
        {
            if (_workers.TryGetValue(slot, out (Worker Worker, Action<Exception>) known) && known.Worker.Sleep.IsAsleep)
            {
                Activate(known.Worker, isDue: false);
            }
        }
    }

    private void TakeWoken()
    {
        IdleStrategy? woken = Interlocked.Exchange(ref _woken, null);
        while (woken != null)
        {
            IdleStrategy? next = woken.NextWoken; // read first: after TakeWake another thread may wake the worker again and link it anew
            woken.NextWoken = null;
            woken.TakeWake();
            if (woken.IsAsleep
                && _workers.TryGetValue(woken.Slot, out (Worker Worker, Action<Exception>) known) && known.Worker.Sleep == woken)
            {
                Activate(known.Worker, isDue: false);
            }
            woken = next;
        }
    }

    private void WakeDue(long now)
    {
        if (now < _due)
        {
            return;
        }
        _due = long.MaxValue;
        foreach ((Worker worker, _) in _workers.Values)
        {
            if (!worker.Sleep.IsAsleep)
            {
                continue;
            }
            if (now >= worker.Sleep.Deadline)
            {
                Activate(worker, isDue: true);
            }
            else
            {
                _due = Math.Min(_due, worker.Sleep.Deadline);
            }
        }
    }

    private void Activate(Worker worker, bool isDue)
    {
        worker.Sleep.EndSleep(isDue);
        Activate(worker);
    }

    private void Activate(Worker worker)
    {
        if (_activeCount == _active.Length)
        {
            Array.Resize(ref _active, 2 * _activeCount);
        }
        _active[_activeCount++] = worker;
    }

    private void Deactivate(int place)
    {
        _active[place] = _active[--_activeCount];
        _active[_activeCount] = null!;
    }

    private void Fail(Worker worker, Exception failure)
    {
        Action<Exception> failed = _workers[worker.Sleep.Slot].Failed;
        Remove(worker);
        worker.Abandon();
        // The callback may be slow; it must not delay other switches on this thread.
        ThreadPool.UnsafeQueueUserWorkItem(_ => failed(failure), null);
    }

    private void ExecutePosted()
    {
        while (true)
        {
            Action action;
            lock (_lock)
            {
                if (!_posted.TryDequeue(out action!))
                {
                    _hasPosted = false;
                    return;
                }
            }
            action();
        }
    }

    private void WakeThread()
    {
        Interlocked.MemoryBarrier(); // the posted work is visible before the flag is read
        if (Volatile.Read(ref _isBlocked) != 0)
        {
            _waiter.Wake();
        }
    }
}
