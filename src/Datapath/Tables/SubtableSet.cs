using Softswitch.Datapath.Flows;

namespace Softswitch.Datapath.Tables;

/// <summary>The subtables of table 1: which entry goes where, and in what order they are searched.</summary>
/// <remarks>Threads: one writer, the control side. The order is published as a whole whenever it or the members change.</remarks>
internal sealed unsafe class SubtableSet : IDisposable
{
    /// <summary>What rule sets need, and half as many again: a search looks at each.</summary>
    public const int DefaultMost = 48;

    // A bound on priority that is too high costs a little; to look at all entries for the true one pays after this many removals.
    private const int RemovalsBeforeRecount = 64;

    private readonly FlowIndexMemory _memory;
    private readonly FlowStore _store;
    private readonly FlowHash _hash;
    private readonly FlowKey* _maskOf;
    private readonly int _most;
    private readonly Action<RankedSubtable[]> _publish;
    private readonly List<Subtable?> _subtables = [];
    private readonly Stack<int> _freeIds = new();

    /// <param name="maskOf">The masks of all entries, by index.</param>
    /// <param name="most">How many subtables there may be.</param>
    /// <param name="publish">Is given the subtables by falling priority.</param>
    public SubtableSet(FlowIndexMemory memory, FlowStore store, FlowHash hash, FlowKey* maskOf, int most, Action<RankedSubtable[]> publish)
    {
        _memory = memory;
        _most = most;
        _publish = publish;
        _store = store;
        _hash = hash;
        _maskOf = maskOf;
        Filter = new SubtableFilter(store, hash, maskOf);
    }

    /// <summary>Which subtables are worth a look. Any thread.</summary>
    public SubtableFilter Filter { get; }

    public Subtable this[int id] => _subtables[id]!;

    /// <summary>
    /// The subtable that tells an entry's mask apart best, made if need be; where many share its hash there, the fullest other one that takes it.
    /// </summary>
    /// <param name="known">Where its mask is already: there is room, most of the time. Null if it is nowhere.</param>
    /// <param name="mayAdd">Whether it may be a new one.</param>
    /// <returns>Null if that would take one subtable too many.</returns>
    public Subtable? Choose(in FlowKey key, in FlowKey mask, Subtable? known, bool mayAdd)
    {
        if (known is { IsClosed: false } && known.HasRoom(key, mask))
        {
            return known;
        }
        FlowKey own = SubtableMask.Relax(mask, 0);
        bool ownIsThere = false;
        Subtable? best = null;
        foreach (Subtable? subtable in _subtables)
        {
            if (subtable == null || !subtable.Takes(mask))
            {
                continue;
            }
            bool isOwn = FlowKey.Equals(subtable.Mask, own);
            ownIsThere |= isOwn;
            if ((isOwn || best == null || subtable.Index.Count > best.Index.Count) && subtable.HasRoom(key, mask))
            {
                best = subtable;
                if (isOwn)
                {
                    return best;
                }
            }
        }
        return (best == null || !ownIsThere) && mayAdd && _subtables.Count - _freeIds.Count < _most ? Add(mask) : best;
    }

    /// <summary>A subtable with fewer entries than this; null if there is none.</summary>
    public Subtable? FindSmall(int entries) => _subtables.Find(subtable => subtable != null && subtable.Index.Count < entries);

    /// <summary>Puts an entry whose mask, key and priority are in place into the subtable chosen for it.</summary>
    public void Insert(Subtable subtable, uint index)
    {
        Filter.Add(_store.Entries[index].Key, _maskOf[index], subtable.Id);
        subtable.Index.Insert(subtable.HashOf(index), index);
        NotePriority(subtable, _store.Entries[index].Priority);
    }

    /// <summary>Puts an entry in the place of another of the same mask and key, whatever its priority.</summary>
    public void Exchange(Subtable subtable, uint index, uint other)
    {
        subtable.Replace(index, other);
        NotePriority(subtable, _store.Entries[other].Priority);
        NoteRemoval(subtable);
    }

    /// <summary>Takes an entry out.</summary>
    public void Remove(Subtable subtable, uint index)
    {
        subtable.Index.Remove(subtable.HashOf(index), index);
        Filter.NoteRemoval(subtable.Id, _subtables);
        if (subtable.Index.Count == 0)
        {
            Retire(subtable);
        }
        else
        {
            NoteRemoval(subtable);
        }
    }

    /// <summary>Takes a subtable out of the search with all it holds.</summary>
    public void Retire(Subtable subtable)
    {
        subtable.IsClosed = true;
        _subtables[subtable.Id] = null;
        _freeIds.Push(subtable.Id);
        PublishOrder();
        Filter.Retire(subtable.Id, subtable.Index.Count, _memory.Grace);
        subtable.Index.Retire();
    }

    public void Dispose() => Filter.Dispose();

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
        return _subtables[id] = new Subtable(relaxed, id, _memory, _store, _hash);
    }

    /// <summary>An entry has come in, or into the place of another: its subtable may have to be searched earlier.</summary>
    private void NotePriority(Subtable subtable, ushort priority)
    {
        if (priority > subtable.PriorityBound)
        {
            subtable.PriorityBound = priority;
            PublishOrder();
        }
    }

    /// <summary>An entry has gone: its subtable need not be searched that early any more, perhaps.</summary>
    private void NoteRemoval(Subtable subtable)
    {
        if (++subtable.Removals < RemovalsBeforeRecount || subtable.Removals < subtable.Index.Count)
        {
            return;
        }
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
        _publish([.. ordered]);
    }
}
