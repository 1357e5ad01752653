using Softswitch.Datapath.Memory;

namespace Softswitch.Datapath.Workers;

/// <summary>Takes back what no worker can hold any more.</summary>
internal interface IReclaimer
{
    void Reclaim(nint item);
}

/// <summary>Tells when every worker has let go of what was taken out of the tables: quiescent-state reclamation.</summary>
/// <remarks>
/// Each worker's epoch is odd during a pass and even between two. It holds nothing across passes, so once each epoch was even
/// or has changed since an item was retired, the item is free. Entering a pass is a full fence: either the control side sees
/// the worker at work, or the worker sees the changed table.
/// Threads: <see cref="EnterPass"/> and <see cref="LeavePass"/> by the worker, the rest by the control side.
/// </remarks>
internal sealed unsafe class GracePeriod : IDisposable
{
    private const int WordsPerLine = 8;

    private readonly int _workers;
    private readonly LazyArray<long> _epochs;
    private readonly long[] _seen;
    private List<Retired> _waiting = [];
    private List<Retired> _retired = [];

    public GracePeriod(int workers)
    {
        _workers = workers;
        _epochs = new LazyArray<long>(workers * WordsPerLine);
        _seen = new long[workers];
    }

    /// <summary>Whether anything waits to be reclaimed.</summary>
    public bool HasWork => _waiting.Count + _retired.Count > 0;

    public int PendingCount => _waiting.Count + _retired.Count;

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

    /// <summary>Hands over an item that workers can no longer find but may hold.</summary>
    public void Retire(IReclaimer owner, nint item) => _retired.Add(new Retired(owner, item));

    /// <summary>Reclaims what is free by now; never waits.</summary>
    public void Poll()
    {
        if (_waiting.Count > 0)
        {
            if (!AllMoved())
            {
                return;
            }
            ReclaimWaiting();
        }
        if (_retired.Count > 0)
        {
            (_waiting, _retired) = (_retired, _waiting);
            Snapshot();
            if (AllMoved())
            {
                ReclaimWaiting();
            }
        }
    }

    /// <summary>Returns when every pass that was under way has ended. Reclaims everything retired before.</summary>
    public void Wait()
    {
        SpinWait spin = default;
        // What waits has an older snapshot; one that is taken now covers it too.
        Snapshot();
        while (!AllMoved())
        {
            spin.SpinOnce(sleep1Threshold: -1);
        }
        ReclaimWaiting();
        (_waiting, _retired) = (_retired, _waiting);
        ReclaimWaiting();
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
    }

    private bool AllMoved()
    {
        for (int i = 0; i < _workers; i++)
        {
            if ((_seen[i] & 1) != 0 && Volatile.Read(ref EpochOf(i)) == _seen[i])
            {
                return false;
            }
        }
        return true;
    }

    private void ReclaimWaiting()
    {
        // Reclaiming may report events but never retires.
        foreach (Retired item in _waiting)
        {
            item.Owner.Reclaim(item.Item);
        }
        _waiting.Clear();
    }

    private readonly record struct Retired(IReclaimer Owner, nint Item);
}
