namespace Softswitch.Datapath.Memory;

/// <summary>A lock that threads get in the order they came; who holds it can tell that others have waited for long.</summary>
/// <remarks>
/// Whoever lets go of <see cref="Lock"/> and takes it again at once is quicker than those that sleep, time and again. Here the lock is handed over.
/// Nobody waiting, entering and leaving are one interlocked instruction each. Not reentrant.
/// </remarks>
/// <param name="time">By which others have waited for long.</param>
internal sealed class FairLock(TimeProvider time)
{
    private const int Free = 0;
    private const int Held = 1;
    private const int Wanted = 2; // held, and others wait

    [ThreadStatic]
    private static SemaphoreSlim? _turn;

    private readonly long _patience = time.TimestampFrequency / 1000;
    private readonly Lock _guard = new();
    private readonly Queue<SemaphoreSlim> _waiting = new(); // under the guard
    private int _state;
    private long _since; // when the first of those waiting came, or the holder got the lock from another: whichever was later

    /// <summary>Holder only: whether others have waited for a millisecond and it is time to let them in.</summary>
    public bool IsOverdue => Volatile.Read(ref _state) == Wanted && time.GetTimestamp() - Volatile.Read(ref _since) > _patience;

    public void Enter()
    {
        if (Interlocked.CompareExchange(ref _state, Held, Free) != Free)
        {
            Wait();
        }
    }

    /// <summary>As <see cref="Enter"/>, for whoever would rather go without than wait for long.</summary>
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
                Volatile.Write(ref _state, Held); // it came free meanwhile, and so nobody waits
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
                Volatile.Write(ref _state, Free); // who waited has given up
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
