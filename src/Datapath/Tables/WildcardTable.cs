using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Memory;

namespace Softswitch.Datapath.Tables;

/// <summary>Table 1: entries with wildcards, by priority; ties go to the entry installed earlier.</summary>
/// <remarks>
/// <para>
/// The naive search compares every entry in order of priority. Tuple space search (Srinivasan, Suri, Varghese 1999) hashes once for
/// each mask in use: rule sets have hundreds. Here entries of many masks share a subtable, which hashes only bits that all of them compare
/// (TupleMerge: Daly, Bruschi, Linguaglossa, Pontarelli, Rossi, Tops, Torng, Yung 2019), and what the hash finds is compared under the
/// entry's own mask. Few entries may share one hash; the next goes to a subtable that hashes more bits (<see cref="SubtableSet"/>).
/// </para>
/// <para>
/// Of entries with the same mask and key only the one of highest priority is in a subtable; the others never match (<see cref="MatchGroups"/>).
/// </para>
/// <para>
/// This is the writer's side; packets, which change nothing, are looked up by <see cref="WildcardSearch"/>. Threads: one writer, the control side.
/// </para>
/// </remarks>
internal sealed unsafe class WildcardTable : IDisposable
{
    private const int SubtablesWithoutCache = 2;

    // A look at a subtable costs as much as some hundred entries more in bit vectors: once there are such, smaller ones go there too.
    private const int SmallSubtable = BitVectorTable.PerGranule;

    // With so few entries left there, bit vectors are worth getting rid of.
    private const int FewInVectors = 128;

    // Entries in bit vectors that are looked at again with each one that goes.
    private const int SettledAtOnce = 2;

    // Entries that leave a small subtable with each one that comes. Each is two changes, of which caches remember 32.
    private const int DrainedAtOnce = 8;

    private readonly FlowStore _store;
    private readonly FlowHash _hash;
    private readonly NativeArray<FlowKey> _masks;
    private readonly FlowKey* _maskOf;
    private readonly FlowEntry* _entries;
    private readonly Dictionary<FlowKey, MaskUse> _uses = [];
    private readonly SubtableSet _subtables;
    private readonly BitVectorSet _vectors;
    private readonly BitVectorSearch _vectorSearch;
    private readonly MatchGroups _groups;
    private readonly int _mostSubtables;
    private int _unsettled;
    private Subtable? _leaving; // small, on its way to bit vectors

    public WildcardTable(FlowIndexMemory memory, FlowStore store, FlowHash hash, int mostSubtables)
    {
        _store = store;
        _hash = hash;
        _mostSubtables = mostSubtables;
        _masks = new NativeArray<FlowKey>(store.Capacity + 1);
        _maskOf = _masks.Start;
        _entries = store.Entries;
        _subtables = new SubtableSet(memory, store, hash, _maskOf, mostSubtables);
        _vectors = new BitVectorSet(memory, store, hash, _maskOf, Changes);
        _vectorSearch = new BitVectorSearch(_vectors, store, _maskOf);
        _groups = new MatchGroups(store);
        Search = new WildcardSearch(_subtables, _vectorSearch, store, hash, _maskOf);
    }

    /// <summary>What workers look packets up with.</summary>
    public WildcardSearch Search { get; }

    public int Count { get; private set; }

    /// <summary>Each change of what there is to be found. Any thread may read.</summary>
    public ChangeJournal Changes { get; } = new();

    /// <summary>Different masks in use.</summary>
    public int MaskCount => _uses.Count;

    /// <summary>Hash tables a search may have to look at. Any thread.</summary>
    public int SubtableCount => _subtables.Ordered.Length;

    /// <summary>Granules of bit vectors it may have to look at besides. Any thread.</summary>
    public int GranuleCount => _vectors.Tables.Sum(table => table.Ordered.Length);

    /// <summary>Whether a search is worth remembering: a few hash tables are as fast as a cache, without the memory it takes. Any thread.</summary>
    public bool IsWorthCaching => SubtableCount > SubtablesWithoutCache || !_vectorSearch.IsEmpty;

    /// <summary>The mask of an entry of this table.</summary>
    public ref readonly FlowKey MaskOf(uint index) => ref _maskOf[index];

    /// <summary>The entry with just this mask, key and priority, or 0.</summary>
    public uint FindStrict(in FlowKey key, in FlowKey mask, ushort priority)
    {
        uint first = FindFirst(key, mask, out _);
        return first == 0 ? 0 : _groups.Find(first, priority);
    }

    /// <summary>The entries that match a packet, best first: each is what would be found without those before it.</summary>
    /// <remarks>Asks the index: the cost grows with the masks in use and not with the entries.</remarks>
    /// <param name="most">How many are wanted.</param>
    /// <param name="count">How many there are.</param>
    public IReadOnlyList<uint> FindAll(in FlowKey packet, int most, out int count)
    {
        List<uint> all = [];
        count = 0;
        foreach (ref readonly RankedSubtable ranked in _subtables.Ordered.AsSpan())
        {
            ulong hash = _hash.Compute(packet, ranked.Subtable.Mask);
            for (byte* bucket = ranked.Subtable.Index.BucketOf(hash); bucket != null; bucket = FlowIndex.NextBucket(bucket))
            {
                for (uint fitting = FlowIndex.Candidates(bucket, hash); fitting != 0; fitting &= fitting - 1)
                {
                    uint index = FlowIndex.CandidateAt(bucket, fitting);
                    if (FlowKey.Matches(packet, _entries[index].Key, _maskOf[index]))
                    {
                        count += _groups.AddBest(index, most, all);
                    }
                }
            }
        }
        List<uint> others = [];
        _vectorSearch.FindAll(packet, others);
        foreach (uint index in others)
        {
            count += _groups.AddBest(index, most, all);
        }
        all.Sort((a, b) => (_entries[b].Priority, _store.Records[a].Sequence).CompareTo((_entries[a].Priority, _store.Records[b].Sequence)));
        return all[..Math.Min(most, all.Count)];
    }

    /// <summary>Links an entry whose key, priority and actions are in place and to which the table has no identical one (match and priority).</summary>
    public void Insert(uint index, in FlowKey mask)
    {
        Changes.Begin(_entries[index].Key, mask);
        ref FlowRecord record = ref _store.Records[index];
        _maskOf[index] = mask;
        uint first = FindFirst(_entries[index].Key, mask, out Subtable? home);
        if (first == 0)
        {
            home = _subtables.Choose(_entries[index].Key, mask, SubtableOf(mask), mayAdd: _vectors.Count == 0 || HasFewMasks, out record.Hash);
            Link(index, home);
        }
        else
        {
            record.Hash = _store.Records[first].Hash;
            record.Subtable = home!.Id;
            _groups.Join(index, first);
            if (_groups.IsFirst(index))
            {
                Exchange(first, index);
            }
        }
        UseOf(mask).CountIn(home ?? _vectors.Home!);
        Count++;
        if (!BitVectorSet.Holds(record.Subtable))
        {
            _subtables.NotePriority(home!, record.Priority);
        }
        Changes.Complete();
        if (first == 0 && home == null && !HasFewMasks && _leaving == null && _subtables.FindSmall(SmallSubtable) is { } small)
        {
            small.IsLeaving = true;
            _leaving = small;
        }
        Drain(DrainedAtOnce);
    }

    /// <summary>Puts an entry in the place of the identical one (same mask, key and priority) in one store.</summary>
    public void Replace(uint index, uint replacement)
    {
        Changes.Begin(_entries[index].Key, _maskOf[index]);
        ref FlowRecord old = ref _store.Records[index];
        ref FlowRecord record = ref _store.Records[replacement];
        _maskOf[replacement] = _maskOf[index];
        record.Hash = old.Hash;
        record.Subtable = old.Subtable;
        bool isFirst = _groups.IsFirst(index);
        _groups.Replace(index, replacement);
        if (isFirst && BitVectorSet.Holds(old.Subtable))
        {
            _vectors.Replace(index, replacement);
        }
        else if (isFirst)
        {
            _subtables[old.Subtable].Index.Replace(old.Hash, index, replacement);
        }
        Changes.Complete();
    }

    /// <summary>Unlinks an entry. The caller retires it.</summary>
    public void Remove(uint index)
    {
        Changes.Begin(_entries[index].Key, _maskOf[index]);
        Subtable home = HomeOf(index);
        bool isFirst = _groups.IsFirst(index);
        uint next = _groups.Leave(index);
        if (next == 0)
        {
            Unlink(index);
        }
        else if (isFirst)
        {
            Exchange(index, next);
        }
        Count--;
        CountOut(index, home);
        if (!BitVectorSet.Holds(home.Id))
        {
            _subtables.NoteRemoval(home);
            _leaving = home.Index.Count == 0 && home == _leaving ? null : _leaving;
            _unsettled = home.Index.Count == 0 ? _vectors.Count : Math.Min(_unsettled + SettledAtOnce, _vectors.Count);
        }
        Changes.Complete();
        Settle(SettledAtOnce);
    }

    public void Dispose()
    {
        Changes.Dispose();
        _subtables.Dispose();
        _vectors.Dispose();
        _masks.Dispose();
    }

    /// <summary>Whether a subtable for each would not be too many.</summary>
    private bool HasFewMasks => _uses.Count <= _mostSubtables;

    /// <summary>The entry of highest priority with this mask and key, or 0.</summary>
    private uint FindFirst(in FlowKey key, in FlowKey mask, out Subtable? subtable)
    {
        subtable = null;
        if (!_uses.TryGetValue(mask, out MaskUse? use))
        {
            return 0;
        }
        for (int home = 0; home < use.Homes; home++)
        {
            subtable = use[home];
            ulong hash = BitVectorSet.Holds(subtable.Id) ? _vectors.HashOf(key, mask) : _hash.Compute(key, subtable.Mask);
            for (byte* bucket = subtable.Index.BucketOf(hash); bucket != null; bucket = FlowIndex.NextBucket(bucket))
            {
                for (uint fitting = FlowIndex.Candidates(bucket, hash); fitting != 0; fitting &= fitting - 1)
                {
                    uint index = FlowIndex.CandidateAt(bucket, fitting);
                    if (FlowKey.Equals(_entries[index].Key, key) && FlowKey.Equals(_maskOf[index], mask))
                    {
                        return index;
                    }
                }
            }
        }
        return 0;
    }

    /// <summary>A subtable that has entries of this mask already; null if none has.</summary>
    private Subtable? SubtableOf(in FlowKey mask)
    {
        if (_uses.TryGetValue(mask, out MaskUse? use))
        {
            for (int home = 0; home < use.Homes; home++)
            {
                if (!BitVectorSet.Holds(use[home].Id) && !use[home].IsLeaving)
                {
                    return use[home];
                }
            }
        }
        return null;
    }

    private Subtable HomeOf(uint index) =>
        _store.Records[index].Subtable is var id && BitVectorSet.Holds(id) ? _vectors.Home! : _subtables[id];

    /// <summary>Lets packets find an entry: in this subtable, or in bit vectors.</summary>
    private void Link(uint index, Subtable? subtable)
    {
        if (subtable == null)
        {
            _vectors.Insert(index);
            return;
        }
        ref FlowRecord record = ref _store.Records[index];
        record.Subtable = subtable.Id;
        _subtables.Insert(subtable, record.Hash, index);
    }

    private void Unlink(uint index)
    {
        ref FlowRecord record = ref _store.Records[index];
        if (BitVectorSet.Holds(record.Subtable))
        {
            _vectors.Remove(index);
        }
        else
        {
            _subtables.Remove(_subtables[record.Subtable], record.Hash, index);
        }
    }

    /// <summary>Lets packets find another entry of the same mask and key instead of this one.</summary>
    private void Exchange(uint index, uint other)
    {
        ref FlowRecord record = ref _store.Records[index];
        if (!BitVectorSet.Holds(record.Subtable))
        {
            _subtables[record.Subtable].Index.Replace(record.Hash, index, other);
            return;
        }
        _vectors.Insert(other);
        Changes.Begin(_entries[index].Key, _maskOf[index]); // who looked before the other was there must not find neither
        _vectors.Remove(index);
    }

    /// <summary>Moves some entries from bit vectors to subtables where room has become free: whatever came first, in the end those are found fastest that can be.</summary>
    /// <param name="limit">How many are looked at, at most.</param>
    /// <returns>Whether there are more to be looked at.</returns>
    public bool Settle(int limit)
    {
        for (; limit > 0 && _unsettled > 0; limit--)
        {
            uint index = _vectors.Next();
            _unsettled = index == 0 ? 0 : _unsettled - 1;
            if (index == 0)
            {
                break;
            }
            ref FlowRecord record = ref _store.Records[index];
            if (record.Group != 0 || _subtables.Choose(_entries[index].Key, _maskOf[index], SubtableOf(_maskOf[index]), mayAdd: _vectors.Count <= FewInVectors || HasFewMasks, out ulong hash) is not { } subtable)
            {
                continue;
            }
            Subtable home = _vectors.Home!;
            Changes.Begin(_entries[index].Key, _maskOf[index]);
            _subtables.Insert(subtable, hash, index);
            _subtables.NotePriority(subtable, record.Priority);
            Changes.Begin(_entries[index].Key, _maskOf[index]); // who looked before it was there must not miss it here
            _vectors.Remove(index);
            Changes.Complete();
            record.Hash = hash;
            record.Subtable = subtable.Id;
            UseOf(_maskOf[index]).CountIn(subtable); // first: the mask does not go out of use in between
            CountOut(index, home);
        }
        return _unsettled > 0;
    }

    /// <summary>Moves some entries of a small subtable to bit vectors: as many as flow caches hear of without forgetting others.</summary>
    /// <param name="limit">How many, at most.</param>
    /// <returns>Whether there are more to be moved.</returns>
    public bool Drain(int limit)
    {
        if (_leaving is not { } subtable)
        {
            return false;
        }
        if (HasFewMasks)
        {
            subtable.IsLeaving = false;
            _leaving = null;
            return false;
        }
        List<uint> alike = [];
        foreach (uint index in subtable.Index.ReadAll().Take(limit))
        {
            ref FlowRecord record = ref _store.Records[index];
            ulong hash = record.Hash;
            Changes.Begin(_entries[index].Key, _maskOf[index]);
            _vectors.Insert(index);
            Changes.Begin(_entries[index].Key, _maskOf[index]); // who looked before it was there must not miss it here
            _subtables.Remove(subtable, hash, index);
            Changes.Complete();
            alike.Clear();
            _groups.AddBest(index, int.MaxValue, alike);
            foreach (uint one in alike)
            {
                _store.Records[one].Subtable = record.Subtable;
                UseOf(_maskOf[one]).CountIn(_vectors.Home!); // first: the mask does not go out of use in between
                CountOut(one, subtable);
            }
        }
        if (subtable.Index.Count > 0)
        {
            return true;
        }
        _leaving = null;
        _subtables.NoteRemoval(subtable);
        return false;
    }

    private void CountOut(uint index, Subtable home)
    {
        FlowKey mask = _maskOf[index];
        MaskUse use = _uses[mask];
        use.CountOut(home);
        if (use.IsEmpty)
        {
            _uses.Remove(mask);
            _unsettled = HasFewMasks ? _vectors.Count : _unsettled;
        }
    }

    private MaskUse UseOf(in FlowKey mask)
    {
        if (!_uses.TryGetValue(mask, out MaskUse? use))
        {
            use = new MaskUse();
            _uses.Add(mask, use);
        }
        return use;
    }
}
