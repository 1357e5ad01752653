using System.Runtime.InteropServices;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Memory;

namespace Softswitch.Datapath.Tables;

/// <summary>The latest changes of table 1: tells whether what was found for a packet some time ago still holds.</summary>
/// <remarks>
/// A change concerns the packets that match the entry it adds, replaces or removes, and no others. Changes are numbered from
/// <see cref="Window"/> up. Threads: one writer, the control side; any reader.
/// </remarks>
internal sealed unsafe class ChangeJournal : IDisposable
{
    /// <summary>Older changes are forgotten.</summary>
    public const int Window = 32;

    private const int Slots = 2 * Window; // a reader that is held up for a while finds its records still there

    private readonly NativeArray<Change> _changes = new(Slots);
    private long _begun = Window;
    private long _completed = Window;
    private int _holders;

    /// <summary>The latest change that may show in a lookup from here on; no later one showed in a lookup that has ended.</summary>
    public long Begun
    {
        get
        {
            Volatile.ReadBarrier(); // what the lookup read must not be read after this
            return Volatile.Read(ref _begun);
        }
    }

    /// <summary>The latest change that shows in every lookup from here on.</summary>
    public long Completed => Volatile.Read(ref _completed);

    /// <summary>Before a change of what packets that match this key under this mask find.</summary>
    /// <remarks>Waits while a reader holds changes up: no longer than it takes to look a batch up.</remarks>
    public void Begin(in FlowKey key, in FlowKey mask)
    {
        SpinWait spin = default;
        while (Volatile.Read(ref _holders) != 0)
        {
            spin.SpinOnce(sleep1Threshold: -1);
        }
        long number = _begun + 1;
        _changes.Start[number % Slots] = new Change { Key = key, Mask = mask };
        Interlocked.Exchange(ref _begun, number); // a full fence: who sees part of the change sees its number
    }

    public void Complete() => Volatile.Write(ref _completed, _begun);

    /// <summary>Lets no change begin, but for one that may be about to, until <see cref="LetGo"/>: for a reader that met one each time. Never waits.</summary>
    public void Hold() => Interlocked.Increment(ref _holders);

    public void LetGo() => Interlocked.Decrement(ref _holders);

    /// <summary>Whether what a packet with this key finds may have changed after one change and up to another.</summary>
    public bool MayHaveChanged(in FlowKey key, long after, long upTo)
    {
        if (upTo - after > Window)
        {
            return true;
        }
        for (long number = after + 1; number <= upTo; number++)
        {
            ref Change change = ref _changes.Start[number % Slots];
            if (FlowKey.Matches(key, change.Key, change.Mask))
            {
                return true;
            }
        }
        // A record is overwritten before the number of what overwrites it shows: from here on the first one may have been.
        return Begun - after >= Slots;
    }

    public void Dispose() => _changes.Dispose();

    [StructLayout(LayoutKind.Sequential)]
    private struct Change
    {
        public FlowKey Key;
        public FlowKey Mask;
    }
}
