using System.Runtime.CompilerServices;

namespace Softswitch.Datapath.Classification;

/// <summary>Table 1: entries with wildcards, by priority; ties go to the entry installed earlier.</summary>
/// <remarks>
/// <para>
/// The naive search compares every entry in order of priority. Here entries with the same mask share a hash table
/// (tuple space search: Srinivasan, Suri, Varghese 1999), and the tables are searched by falling highest priority, so that a search ends as
/// soon as no table left can hold anything better.
/// </para>
/// <para>
/// Threads: one writer, the control side; workers search the array of subtables that is published as a whole whenever its
/// members or their order change. Packets change nothing here.
/// </para>
/// </remarks>
internal sealed unsafe class WildcardTable
{
    private readonly FlowIndexMemory _memory;
    private readonly FlowStore _store;
    private readonly FlowHash _hash;
    private readonly Dictionary<FlowKey, Subtable> _byMask = [];
    private readonly List<Subtable?> _byId = [];
    private readonly Stack<int> _freeIds = new();
    private Ranked[] _ordered = [];
    private long _version;

    public WildcardTable(FlowIndexMemory memory, FlowStore store, FlowHash hash)
    {
        _memory = memory;
        _store = store;
        _hash = hash;
    }

    public int Count { get; private set; }

    /// <summary>Grows before each change of what there is to be found. Any thread.</summary>
    public long Version => Volatile.Read(ref _version);

    /// <summary>Different masks in use.</summary>
    public int SubtableCount => _ordered.Length;

    public ref FlowKey MaskOf(uint index) => ref _byId[_store.Records[index].Subtable]!.Mask;

    /// <summary>The entry of highest precedence that matches, or 0. Any thread.</summary>
    public uint Find(in FlowKey key)
    {
        uint best = 0;
        int bestPriority = -1;
        foreach (ref readonly Ranked ranked in Volatile.Read(ref _ordered).AsSpan())
        {
            if (ranked.MaxPriority < bestPriority)
            {
                break;
            }
            Subtable subtable = ranked.Subtable;
            FlowKey masked = FlowKey.And(key, subtable.Mask);
            uint index = subtable.Index.Find(_hash.Compute(masked), masked);
            if (index == 0)
            {
                continue;
            }
            int priority = _store.Entries[index].Priority;
            if (priority > bestPriority || (priority == bestPriority && IsOlder(index, best)))
            {
                best = index;
                bestPriority = priority;
            }
        }
        return best;
    }

    /// <summary>The entry with just this mask, key and priority, or 0.</summary>
    public uint FindStrict(in FlowKey key, in FlowKey mask, ushort priority)
    {
        if (!_byMask.TryGetValue(mask, out Subtable? subtable))
        {
            return 0;
        }
        uint index = subtable.Index.Find(_hash.Compute(key), key);
        while (index != 0 && _store.Records[index].Priority != priority)
        {
            index = _store.Records[index].Next;
        }
        return index;
    }

    /// <summary>Links an entry whose key, priority and actions are in place and which has no twin in the table.</summary>
    public void Insert(uint index, in FlowKey mask)
    {
        Interlocked.Increment(ref _version);
        ref FlowRecord record = ref _store.Records[index];
        Subtable subtable = SubtableFor(mask);
        record.Subtable = subtable.Id;
        uint head = subtable.Index.Find(record.Hash, _store.Entries[index].Key);
        if (head == 0)
        {
            subtable.Index.Insert(record.Hash, index);
        }
        else if (_store.Records[head].Priority < record.Priority)
        {
            record.Next = head;
            subtable.Index.Replace(record.Hash, head, index);
        }
        else
        {
            uint above = head;
            while (_store.Records[above].Next is uint next and not 0 && _store.Records[next].Priority > record.Priority)
            {
                above = next;
            }
            record.Next = _store.Records[above].Next;
            _store.Records[above].Next = index;
        }
        Count++;
        if (subtable.CountIn(record.Priority))
        {
            PublishOrder();
        }
    }

    /// <summary>Puts an entry in the place of its twin (same mask, key and priority) in one store.</summary>
    public void Replace(uint index, uint replacement)
    {
        Interlocked.Increment(ref _version);
        ref FlowRecord old = ref _store.Records[index];
        ref FlowRecord record = ref _store.Records[replacement];
        record.Subtable = old.Subtable;
        record.Next = old.Next;
        FlowIndex table = _byId[old.Subtable]!.Index;
        uint above = PredecessorOf(index, table);
        if (above == 0)
        {
            table.Replace(old.Hash, index, replacement);
        }
        else
        {
            _store.Records[above].Next = replacement;
        }
    }

    /// <summary>Unlinks an entry. The caller retires it.</summary>
    public void Remove(uint index)
    {
        Interlocked.Increment(ref _version);
        ref FlowRecord record = ref _store.Records[index];
        Subtable subtable = _byId[record.Subtable]!;
        uint above = PredecessorOf(index, subtable.Index);
        if (above != 0)
        {
            _store.Records[above].Next = record.Next;
        }
        else if (record.Next != 0)
        {
            subtable.Index.Replace(record.Hash, index, record.Next);
        }
        else
        {
            subtable.Index.Remove(record.Hash, index);
        }
        Count--;
        bool reorder = subtable.CountOut(record.Priority);
        if (subtable.Count == 0)
        {
            _byMask.Remove(subtable.Mask);
            _byId[subtable.Id] = null;
            _freeIds.Push(subtable.Id);
            PublishOrder();
            subtable.Index.Retire();
        }
        else if (reorder)
        {
            PublishOrder();
        }
    }

    private uint PredecessorOf(uint index, FlowIndex table)
    {
        uint at = table.Find(_store.Records[index].Hash, _store.Entries[index].Key);
        uint above = 0;
        while (at != index)
        {
            above = at;
            at = _store.Records[at].Next;
        }
        return above;
    }

    private Subtable SubtableFor(in FlowKey mask)
    {
        if (_byMask.TryGetValue(mask, out Subtable? subtable))
        {
            return subtable;
        }
        if (!_freeIds.TryPop(out int id))
        {
            id = _byId.Count;
            _byId.Add(null);
        }
        subtable = new Subtable(mask, id, new FlowIndex(_memory, _store));
        _byId[id] = subtable;
        _byMask.Add(mask, subtable);
        return subtable;
    }

    /// <summary>Publishes the subtables by falling highest priority. A worker in the old array still finds all entries it could before.</summary>
    private void PublishOrder()
    {
        var ordered = new Ranked[_byMask.Count];
        int count = 0;
        foreach (Subtable subtable in _byMask.Values)
        {
            ordered[count++] = new Ranked(subtable, subtable.MaxPriority);
        }
        Array.Sort(ordered, static (a, b) => b.MaxPriority.CompareTo(a.MaxPriority));
        Volatile.Write(ref _ordered, ordered);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool IsOlder(uint index, uint than) => _store.Records[index].Sequence < _store.Records[than].Sequence;

    /// <summary>A subtable and the rank it had when the array was published: the order must hold as long as the array is read.</summary>
    private readonly record struct Ranked(Subtable Subtable, int MaxPriority);
}
