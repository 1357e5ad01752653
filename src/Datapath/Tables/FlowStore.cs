using System.Runtime.CompilerServices;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Memory;

namespace Softswitch.Datapath.Tables;

/// <summary>Memory of all flow entries, reserved for the greatest number of them; an entry's index never changes.</summary>
/// <remarks>
/// Threads: entries are read by workers; <see cref="TryAllocate"/>, <see cref="Free"/> and records belong to the control side. Index 0 is
/// no entry. Unused capacity costs address space only.
/// </remarks>
internal sealed unsafe class FlowStore : IDisposable
{
    // Tables up to this many bytes of entries take no more memory than they use.
    private const nuint InOrdinaryPages = 2 << 20;

    private readonly NativeArray<FlowEntry> _entries;
    private readonly NativeArray<FlowRecord> _records;
    private readonly NativeArray<byte>[] _workerCounters;
    private uint _freeHead;
    private uint _fresh = 1;
    private int _used;

    /// <param name="capacity">Entries that can exist at once, retired ones included.</param>
    /// <param name="workers">Each of several workers gets counters of its own; a single one counts in the entries.</param>
    /// <param name="advise">Asks for huge pages for what is read at random: address and bytes. Null for none.</param>
    public FlowStore(int capacity, int workers, Action<nint, nuint>? advise = null)
    {
        Capacity = capacity;
        _entries = new NativeArray<FlowEntry>(capacity + 1);
        _records = new NativeArray<FlowRecord>(capacity + 1);
        Entries = _entries.Start;
        Records = _records.Start;
        Advise(advise, (nint)Entries, (nuint)_entries.Length * FlowEntry.Size);
        _workerCounters = new NativeArray<byte>[workers > 1 ? workers : 0];
        for (int i = 0; i < _workerCounters.Length; i++)
        {
            _workerCounters[i] = new NativeArray<byte>((capacity + 1) * FlowCounters.OwnArrayStride);
            Advise(advise, (nint)_workerCounters[i].Start, (nuint)_workerCounters[i].Length);
        }
    }

    public int Capacity { get; }

    /// <summary>Indices that can be allocated.</summary>
    public int FreeCount => Capacity - _used;

    /// <summary>Whether the next index is one that was used before: its memory is there.</summary>
    public bool HasReturned => _freeHead != 0;

    public FlowEntry* Entries { get; }

    public FlowRecord* Records { get; }

    /// <summary>The entry at an index, by reference: for code without pointers.</summary>
    public ref FlowEntry Entry(uint index) => ref Entries[Checked(index)];

    /// <summary>The record at an index, by reference.</summary>
    public ref FlowRecord Record(uint index) => ref Records[Checked(index)];

    /// <summary>Indices from 1 up to this one have been used; what lies beyond is untouched.</summary>
    public uint HighWater => _fresh - 1;

    /// <summary>Where a worker counts: entry i's counters are <c>stride</c> times i from the returned address.</summary>
    public byte* CountersOf(int worker, out int stride)
    {
        if (_workerCounters.Length == 0)
        {
            stride = FlowEntry.Size;
            return (byte*)Entries + FlowEntry.CountersOffset;
        }
        stride = FlowCounters.OwnArrayStride;
        return _workerCounters[worker].Start;
    }

    /// <summary>An index whose entry and counters are zero and whose record is cleared; false when all are in use.</summary>
    public bool TryAllocate(out uint index)
    {
        if (_freeHead != 0)
        {
            index = _freeHead;
            _freeHead = Records[index].Next;
        }
        else if (_fresh <= (uint)Capacity)
        {
            index = _fresh++;
        }
        else
        {
            index = 0;
            return false;
        }
        _used++;
        Entries[index] = default;
        Records[index] = default;
        foreach (NativeArray<byte> counters in _workerCounters)
        {
            Unsafe.AsRef<FlowCounters>(counters.Start + ((long)index * FlowCounters.OwnArrayStride)) = default;
        }
        return true;
    }

    /// <summary>Takes an index back. No worker may hold it any more.</summary>
    public void Free(uint index)
    {
        Records[index] = default;
        Records[index].Next = _freeHead;
        _used--;
        _freeHead = index;
    }

    /// <summary>Sums what all workers counted. <c>LastUsed</c> is the latest of theirs.</summary>
    public FlowCounters ReadCounters(uint index)
    {
        FlowCounters total = Entries[index].Counters;
        foreach (NativeArray<byte> counters in _workerCounters)
        {
            ref FlowCounters own = ref Unsafe.AsRef<FlowCounters>(counters.Start + ((long)index * FlowCounters.OwnArrayStride));
            uint lastUsed = own.LastUsed;
            if (own.Packets != 0 && (total.Packets == 0 || (int)(lastUsed - total.LastUsed) > 0))
            {
                total.LastUsed = lastUsed;
            }
            total.Packets += own.Packets;
            total.Bytes += own.Bytes;
        }
        return total;
    }

    private uint Checked(uint index)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(index, (uint)Capacity);
        return index;
    }

    private static void Advise(Action<nint, nuint>? advise, nint start, nuint bytes)
    {
        if (bytes > InOrdinaryPages)
        {
            advise?.Invoke(start + (nint)InOrdinaryPages, bytes - InOrdinaryPages);
        }
    }

    public void Dispose()
    {
        _entries.Dispose();
        _records.Dispose();
        foreach (NativeArray<byte> counters in _workerCounters)
        {
            counters.Dispose();
        }
    }
}
