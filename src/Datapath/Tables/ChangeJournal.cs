using System.Runtime.InteropServices;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Memory;

namespace Softswitch.Datapath.Tables;

/// <summary>The latest changes of table 1. It tells whether an earlier look-up's result for a packet still holds.</summary>
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
            Volatile.ReadBarrier(); // the look-up's reads come before this
            return Volatile.Read(ref _begun);
        }
    }

    /// <summary>The latest change that shows in every lookup from here on.</summary>
    public long Completed => Volatile.Read(ref _completed);

    /// <summary>To be called before a change that concerns packets matching this key under this mask.</summary>
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
        Interlocked.Exchange(ref _begun, number); // a full fence: a reader that sees part of the change sees its number
    }

    public void Complete() => Volatile.Write(ref _completed, _begun);

    /// <summary>Lets no change begin, but for one that may be about to, until <see cref="LetGo"/>: for a reader that met one each time. Never waits.</summary>
    public void Hold() => Interlocked.Increment(ref _holders);

    public void LetGo() => Interlocked.Decrement(ref _holders);

    /// <summary>Whether a change after one number, and up to another, may concern a packet with this key.</summary>
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
        // The writer overwrites a record before readers see the new number: from here on the oldest record may be overwritten.
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
