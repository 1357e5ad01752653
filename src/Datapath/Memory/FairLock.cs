using System.Diagnostics;

namespace Softswitch.Datapath.Memory;

/// <summary>A lock that threads get in the order they came; who holds it can tell that others have waited for long.</summary>
/// <remarks>
/// Whoever lets go of <see cref="Lock"/> and takes it again at once is quicker than those that sleep, time and again. Here the lock is handed over.
/// Nobody waiting, entering and leaving are one interlocked instruction each. Not reentrant.
/// </remarks>
internal sealed class FairLock
{
    private const int Free = 0;
    private const int Held = 1;
    private const int Wanted = 2; // held, and others wait

    private static readonly long Patience = Stopwatch.Frequency / 1000;

    [ThreadStatic]
    private static SemaphoreSlim? _turn;

    private readonly Lock _guard = new();
    private readonly Queue<SemaphoreSlim> _waiting = new(); // under the guard
    private int _state;
    private long _since; // when the first of those waiting came, or the holder got the lock from another: whichever was later

    /// <summary>Holder only: whether others have waited for a millisecond and it is time to let them in.</summary>
    public bool IsOverdue => Volatile.Read(ref _state) == Wanted && Stopwatch.GetTimestamp() - Volatile.Read(ref _since) > Patience;

    public void Enter()
    {
        if (Interlocked.CompareExchange(ref _state, Held, Free) != Free)
        {
            Wait();
        }
    }

    public void Exit()
    {
        if (Interlocked.CompareExchange(ref _state, Free, Held) != Held)
        {
            HandOver();
        }
    }

    private void Wait()
    {
        SemaphoreSlim turn = _turn ??= new SemaphoreSlim(0);
        lock (_guard)
        {
            if (Interlocked.Exchange(ref _state, Wanted) == Free)
            {
                Volatile.Write(ref _state, Held); // it came free meanwhile, and so nobody waits
                return;
            }
            if (_waiting.Count == 0)
            {
                Volatile.Write(ref _since, Stopwatch.GetTimestamp());
            }
            _waiting.Enqueue(turn);
        }
        turn.Wait();
    }

    private void HandOver()
    {
        SemaphoreSlim next;
        lock (_guard)
        {
            next = _waiting.Dequeue();
            Volatile.Write(ref _since, Stopwatch.GetTimestamp());
            if (_waiting.Count == 0)
            {
                Volatile.Write(ref _state, Held);
            }
        }
        next.Release();
    }
}
