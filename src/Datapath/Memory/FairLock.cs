namespace Softswitch.Datapath.Memory;

/// <summary>A lock that threads get in the order they came. The holder can ask whether another thread has waited for long.</summary>
/// <remarks>
/// A thread that releases a <see cref="Lock"/> and takes it again at once is quicker than a sleeping thread, every time. Here the holder hands the lock over.
/// While no thread waits, entering and leaving are one interlocked instruction each. Not reentrant.
/// </remarks>
/// <param name="time">Measures how long threads have waited.</param>
internal sealed class FairLock(TimeProvider time)
{
    private const int Free = 0;
    private const int Held = 1;
    private const int Wanted = 2; // held, and other threads wait

    [ThreadStatic]
    private static SemaphoreSlim? _turn;

    private readonly long _patience = time.TimestampFrequency / 1000;
    private readonly Lock _guard = new();
    private readonly Queue<SemaphoreSlim> _waiting = new(); // under the guard
    private int _state;
    private long _since; // when the first waiting thread came, or when the holder was handed the lock: whichever was later

    /// <summary>Holder only: whether another thread has waited for a millisecond, so that the holder should let it in.</summary>
    public bool IsOverdue => Volatile.Read(ref _state) == Wanted && time.GetTimestamp() - Volatile.Read(ref _since) > _patience;

    public void Enter()
    {
        if (Interlocked.CompareExchange(ref _state, Held, Free) != Free)
        {
            Wait();
        }
    }

    /// <summary>As <see cref="Enter"/>, but gives up after a time.</summary>
    /// <returns>Whether the lock is held.</returns>
    public bool TryEnter(int milliseconds) => Interlocked.CompareExchange(ref _state, Held, Free) == Free || Wait(milliseconds);

    public void Exit()
    {
        if (Interlocked.CompareExchange(ref _state, Free, Held) != Held)
        {
            HandOver();
        }
    }

    private bool Wait(int milliseconds = Timeout.Infinite)
    {
        SemaphoreSlim turn = _turn ??= new SemaphoreSlim(0);
        lock (_guard)
        {
            if (Interlocked.Exchange(ref _state, Wanted) == Free)
            {
                Volatile.Write(ref _state, Held); // it was released meanwhile, and so no thread waits
                return true;
            }
            if (_waiting.Count == 0)
            {
                Volatile.Write(ref _since, time.GetTimestamp());
            }
            _waiting.Enqueue(turn);
        }
        return turn.Wait(milliseconds) || !TryLeave(turn);
    }

    /// <summary>Gives up waiting.</summary>
    /// <returns>False if the lock was handed over meanwhile: then it is held.</returns>
    private bool TryLeave(SemaphoreSlim turn)
    {
        bool left = false;
        lock (_guard)
        {
            for (int i = _waiting.Count; i > 0; i--)
            {
                SemaphoreSlim one = _waiting.Dequeue();
                left |= one == turn;
                if (one != turn)
                {
                    _waiting.Enqueue(one);
                }
            }
            if (left && _waiting.Count == 0)
            {
                Volatile.Write(ref _state, Held);
            }
        }
        if (!left)
        {
            turn.Wait();
        }
        return left;
    }

    private void HandOver()
    {
        SemaphoreSlim? next;
        lock (_guard)
        {
            if (!_waiting.TryDequeue(out next))
            {
                Volatile.Write(ref _state, Free); // the thread that waited has given up
                return;
            }
            Volatile.Write(ref _since, time.GetTimestamp());
            if (_waiting.Count == 0)
            {
                Volatile.Write(ref _state, Held);
            }
        }
        next.Release();
    }
}
