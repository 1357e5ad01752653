namespace Softswitch.Datapath.Memory;

/// <summary>Takes back the memory of items that no worker can hold any more.</summary>
internal interface IReclaimer
{
    void Reclaim(nint item);
}

/// <summary>Tells when no worker holds an item any more that was taken out of the tables: quiescent-state reclamation.</summary>
/// <remarks>
/// Each worker's epoch is odd during a pass and even between two. A worker holds no item across passes. So an
/// item is free once each epoch was even, or has changed, since the item was retired. Entering a pass is a full fence: either the control side sees
/// the worker at work, or the worker sees the changed table.
/// A worker that does not end its pass for seconds counts as stuck from then on: no call waits for it again, and no item that it may hold is
/// reclaimed. Threads: <see cref="EnterPass"/>, <see cref="LeavePass"/> and <see cref="AbandonPass"/> by the worker, the rest by the control side.
/// </remarks>
internal sealed unsafe class GracePeriod : IDisposable
{
    private const int WordsPerLine = 8;

    // A wait yields so often, some microseconds each, before it sleeps a millisecond at a time: a barrier should not take a millisecond.
    private const int SpinsBeforeSleep = 1000;

    // Longest time in milliseconds that one round of a wait counts. If the whole process was stopped, the worker could not run either.
    private const int LongestStep = 10;

    private readonly int _workers;
    private readonly int _patience;
    private readonly NativeArray<long> _epochs;
    private readonly long[] _seen;
    private int? _stuck;

    // In the order they were retired. Numbers count from the first item ever: items up to _covered are older than the snapshot, items up to _free are free.
    private readonly Queue<Retired> _items = new();
    private long _retired;
    private long _covered;
    private long _free;
    private long _reclaimed;

    /// <param name="workers">The number of workers.</param>
    /// <param name="patience">Milliseconds that a pass may take, at least; one takes microseconds, or as long as the system keeps its thread from running.</param>
    public GracePeriod(int workers, int patience = 5000)
    {
        _workers = workers;
        _patience = patience;
        _epochs = new NativeArray<long>(workers * WordsPerLine);
        _seen = new long[workers];
    }

    /// <summary>Whether anything waits to be reclaimed.</summary>
    public bool HasWork => _items.Count > 0;

    public int PendingCount => _items.Count;

    /// <summary>Items ever handed over.</summary>
    public long RetiredCount => _retired;

    /// <summary>How many of these items are reclaimed, in their order.</summary>
    public long ReclaimedCount => _reclaimed;

    public void EnterPass(int worker)
    {
        ref long epoch = ref EpochOf(worker);
        Interlocked.Exchange(ref epoch, epoch + 1);
    }

    /// <summary>The worker has let go of everything it found in the tables.</summary>
    public void LeavePass(int worker)
    {
        ref long epoch = ref EpochOf(worker);
        Volatile.Write(ref epoch, epoch + 1);
    }

    /// <summary>The worker's thread ends, perhaps in the middle of a pass: it holds nothing any more.</summary>
    public void AbandonPass(int worker)
    {
        if ((Volatile.Read(ref EpochOf(worker)) & 1) != 0)
        {
            LeavePass(worker);
        }
    }

    /// <summary>Hands over an item that workers can no longer find but may hold.</summary>
    public void Retire(IReclaimer owner, nint item)
    {
        _items.Enqueue(new Retired(owner, item));
        _retired++;
    }

    /// <summary>Reclaims items that are free by now, up to <paramref name="limit"/>; never waits.</summary>
    /// <returns>Whether more items could be reclaimed at once.</returns>
    public bool Poll(int limit = int.MaxValue)
    {
        FreeCovered();
        if (_retired > _free && _covered == _free)
        {
            Snapshot();
            FreeCovered();
        }
        for (; limit > 0 && _reclaimed < _free; limit--)
        {
            Retired item = _items.Dequeue();
            _reclaimed++;
            item.Owner.Reclaim(item.Item); // may report events but never retires
        }
        return _reclaimed < _free;
    }

    /// <summary>Returns when every pass that was under way has ended. <see cref="Poll"/> can then reclaim everything retired before.</summary>
    /// <returns>False, and nothing can be reclaimed, if a worker is stuck in its pass.</returns>
    public bool Wait()
    {
        SpinWait spin = default;
        // Items covered by an older snapshot are covered by this one too.
        Snapshot();
        long waited = 0;
        long last = Environment.TickCount64;
        while (!AllMoved())
        {
            if (_stuck != null || waited > _patience)
            {
                _stuck ??= FirstAtWork();
                return false;
            }
            spin.SpinOnce(sleep1Threshold: SpinsBeforeSleep);
            long now = Environment.TickCount64;
            waited += Math.Min(now - last, LongestStep);
            last = now;
        }
        _free = _covered;
        return true;
    }

    /// <exception cref="InvalidOperationException">A wait was given up, because a worker is stuck.</exception>
    public void ThrowIfStuck()
    {
        if (_stuck is int worker)
        {
            throw new InvalidOperationException($"worker {worker} is stuck: its pass has not ended for {_patience} ms");
        }
    }

    public void Dispose() => _epochs.Dispose();

    private ref long EpochOf(int worker) => ref _epochs.Start[worker * WordsPerLine];

    private void Snapshot()
    {
        Interlocked.MemoryBarrier();
        for (int i = 0; i < _workers; i++)
        {
            _seen[i] = Volatile.Read(ref EpochOf(i));
        }
        _covered = _retired;
    }

    private void FreeCovered()
    {
        if (_covered > _free && AllMoved())
        {
            _free = _covered;
        }
    }

    private bool AllMoved() => FirstAtWork() == null;

    /// <summary>The first worker that is still in the pass it was in at the snapshot; null if there is none.</summary>
    private int? FirstAtWork()
    {
        for (int i = 0; i < _workers; i++)
        {
            if ((_seen[i] & 1) != 0 && Volatile.Read(ref EpochOf(i)) == _seen[i])
            {
                return i;
            }
        }
        return null;
    }

    private readonly record struct Retired(IReclaimer Owner, nint Item);
}
