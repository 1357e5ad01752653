using Softswitch.Datapath.Flows;

namespace Softswitch.Datapath.Tables;

/// <summary>The subtables of table 1: which entry goes where, and in what order they are searched.</summary>
/// <remarks>Threads: one writer, the control side; workers read <see cref="Ordered"/>, which is published as a whole whenever members or order change.</remarks>
internal sealed unsafe class SubtableSet : IDisposable
{
    /// <summary>What rule sets need, and half as many again: a search looks at each.</summary>
    public const int DefaultMost = 48;

    // Entries that may share a hash where another subtable could tell them apart: a bucket has 8 slots, for others too.
    private const int MaxSharingOneHash = 4;

    // A bound on priority that is too high costs a little; to look at all entries for the true one pays after this many removals.
    private const int RemovalsBeforeRecount = 64;

    private readonly FlowIndexMemory _memory;
    private readonly FlowStore _store;
    private readonly FlowHash _hash;
    private readonly FlowKey* _maskOf;
    private readonly int _most;
    private readonly List<Subtable?> _subtables = [];
    private readonly Stack<int> _freeIds = new();
    private RankedSubtable[] _ordered = [];

    /// <param name="maskOf">The masks of all entries, by index.</param>
    /// <param name="most">How many subtables there may be.</param>
    public SubtableSet(FlowIndexMemory memory, FlowStore store, FlowHash hash, FlowKey* maskOf, int most)
    {
        _memory = memory;
        _most = most;
        _store = store;
        _hash = hash;
        _maskOf = maskOf;
        Filter = new SubtableFilter(store, hash, maskOf);
    }

    /// <summary>Which subtables are worth a look. Any thread.</summary>
    public SubtableFilter Filter { get; }

    /// <summary>By falling priority. Any thread.</summary>
    public RankedSubtable[] Ordered => Volatile.Read(ref _ordered);

    public Subtable this[int id] => _subtables[id]!;

    /// <summary>
    /// The subtable that tells an entry's mask apart best, made if need be; where many share its hash there, the fullest other one that takes it.
    /// </summary>
    /// <param name="known">Where its mask is already: there is room, most of the time. Null if it is nowhere.</param>
    /// <param name="mayAdd">Whether it may be a new one.</param>
    /// <param name="hash">Receives the hash of the bits that the subtable compares.</param>
    /// <returns>Null if that would take one subtable too many.</returns>
    public Subtable? Choose(in FlowKey key, in FlowKey mask, Subtable? known, bool mayAdd, out ulong hash)
    {
        if (known != null && HasRoom(known, key, mask, out hash))
        {
            return known;
        }
        FlowKey own = SubtableMask.Relax(mask, 0);
        bool ownIsThere = false;
        Subtable? best = null;
        hash = 0;
        foreach (Subtable? subtable in _subtables)
        {
            if (subtable == null || !subtable.Takes(mask))
            {
                continue;
            }
            bool isOwn = FlowKey.Equals(subtable.Mask, own);
            ownIsThere |= isOwn;
            if ((isOwn || best == null || subtable.Index.Count > best.Index.Count) && HasRoom(subtable, key, mask, out ulong candidate))
            {
                best = subtable;
                hash = candidate;
                if (isOwn)
                {
                    return best;
                }
            }
        }
        if ((best == null || !ownIsThere) && mayAdd && _subtables.Count - _freeIds.Count < _most)
        {
            best = Add(mask);
            hash = _hash.Compute(key, best.Mask);
        }
        return best;
    }

    /// <summary>A subtable with fewer entries than this; null if there is none.</summary>
    public Subtable? FindSmall(int entries) => _subtables.Find(subtable => subtable != null && subtable.Index.Count < entries);

    /// <summary>Puts an entry whose mask, key and priority are in place into the subtable chosen for it.</summary>
    public void Insert(Subtable subtable, ulong hash, uint index)
    {
        Filter.Add(_store.Entries[index].Key, _maskOf[index], subtable.Id);
        subtable.Index.Insert(hash, index);
    }

    /// <summary>An entry has come in, or into the place of another: its subtable may have to be searched earlier.</summary>
    public void NotePriority(Subtable subtable, ushort priority)
    {
        if (priority > subtable.PriorityBound)
        {
            subtable.PriorityBound = priority;
            PublishOrder();
        }
    }

    /// <summary>Takes an entry out.</summary>
    public void Remove(Subtable subtable, ulong hash, uint index)
    {
        subtable.Index.Remove(hash, index);
        Filter.NoteRemoval(subtable.Id, _subtables);
    }

    /// <summary>An entry has gone: its subtable may be empty, or need not be searched that early any more.</summary>
    public void NoteRemoval(Subtable subtable)
    {
        if (subtable.Index.Count == 0)
        {
            Retire(subtable);
        }
        else if (++subtable.Removals >= RemovalsBeforeRecount && subtable.Removals >= subtable.Index.Count)
        {
            Recount(subtable);
        }
    }

    public void Dispose() => Filter.Dispose();

    private bool HasRoom(Subtable subtable, in FlowKey key, in FlowKey mask, out ulong hash)
    {
        hash = _hash.Compute(key, subtable.Mask);
        return FlowKey.Equals(subtable.Mask, mask) || subtable.Index.CountSharing(hash) < MaxSharingOneHash;
    }

    /// <summary>A new one: the loosest for this mask that is not there yet.</summary>
    private Subtable Add(in FlowKey mask)
    {
        FlowKey relaxed = mask;
        for (int level = 0; level < SubtableMask.Levels; level++)
        {
            relaxed = SubtableMask.Relax(mask, level);
            if (!_subtables.Exists(subtable => subtable != null && FlowKey.Equals(subtable.Mask, relaxed)))
            {
                break;
            }
        }
        if (!_freeIds.TryPop(out int id))
        {
            id = _subtables.Count;
            _subtables.Add(null);
        }
        return _subtables[id] = new Subtable(relaxed, id, new FlowIndex(_memory, _store));
    }

    private void Retire(Subtable subtable)
    {
        _subtables[subtable.Id] = null;
        _freeIds.Push(subtable.Id);
        PublishOrder();
        subtable.Index.Retire();
    }

    /// <summary>Finds out how high the priorities of a subtable really go.</summary>
    private void Recount(Subtable subtable)
    {
        int highest = -1;
        foreach (uint index in subtable.Index.ReadAll())
        {
            highest = Math.Max(highest, _store.Entries[index].Priority);
        }
        subtable.Removals = 0;
        if (highest != subtable.PriorityBound)
        {
            subtable.PriorityBound = highest;
            PublishOrder();
        }
    }

    /// <summary>Publishes the subtables by falling priority. A worker in the old array still finds all entries it could before.</summary>
    private void PublishOrder()
    {
        var ordered = new List<RankedSubtable>(_subtables.Count);
        foreach (Subtable? subtable in _subtables)
        {
            if (subtable != null)
            {
                ordered.Add(new RankedSubtable(subtable, SubtableFilter.BitOf(subtable.Id)));
            }
        }
        ordered.Sort(static (a, b) => b.PriorityBound.CompareTo(a.PriorityBound));
        Volatile.Write(ref _ordered, ordered.ToArray());
    }
}

/// <summary>A subtable and the bound it had when the array was published: the order must hold as long as the array is read.</summary>
/// <remarks>With what a probe needs at hand rather than behind references.</remarks>
internal readonly struct RankedSubtable(Subtable subtable, uint filterBit)
{
    public readonly Subtable Subtable = subtable;
    public readonly FlowIndex Index = subtable.Index;
    public readonly int PriorityBound = subtable.PriorityBound;
    public readonly uint FilterBit = filterBit;
    public readonly FlowKey Mask = subtable.Mask;
}
