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

    // Searching a subtable costs as much as some hundred entries more in bit vectors. Once there are bit vectors, smaller subtables are copied there.
    private const int SmallSubtable = BitVectorTable.PerGranule;

    // With so few entries left in bit vectors, the table copies them to subtables and drops the vectors.
    private const int FewInVectors = 128;

    // Entries that are copied with each insertion, and looked at with each removal.
    private const int CopiedAtInsertion = 8;
    private const int CopiedAtRemoval = 2;

    private readonly FlowIndexMemory _memory;
    private readonly FlowStore _store;
    private readonly FlowHash _hash;
    private readonly NativeArray<FlowKey> _masks;
    private readonly FlowKey* _maskOf;
    private readonly FlowEntry* _entries;
    private readonly Dictionary<FlowKey, MaskUse> _uses = [];
    private readonly MatchGroups _groups;
    private readonly SubtableSet _subtables;
    private readonly BitVectorMemory _vectorMemory;
    private readonly int _mostSubtables;
    private FlowIndex? _firsts; // the entries that packets can find, by mask and key
    private BitVectorSet? _vectors;
    private int _inBoth; // entries in a subtable and in bit vectors
    private Subtable? _leaving; // small, being copied to bit vectors
    private int _unsettled; // entries in bit vectors to be looked at

    public WildcardTable(FlowIndexMemory memory, FlowStore store, FlowHash hash, int mostSubtables)
    {
        _memory = memory;
        _store = store;
        _hash = hash;
        _mostSubtables = mostSubtables;
        _masks = new NativeArray<FlowKey>(store.Capacity + 1);
        _maskOf = _masks.Start;
        _entries = store.Entries;
        _groups = new MatchGroups(store);
        _subtables = new SubtableSet(
            memory, store, hash, _maskOf, mostSubtables, ordered => Search!.Plan = new SearchPlan(ordered, _vectors));
        _vectorMemory = new BitVectorMemory(memory.Grace, memory.Advise);
        Search = new WildcardSearch(_subtables.Filter, store, hash, _maskOf);
    }

    /// <summary>The search that workers look packets up with.</summary>
    public WildcardSearch Search { get; }

    public int Count { get; private set; }

    /// <summary>The latest changes of the entries that packets can find. Any thread may read.</summary>
    public ChangeJournal Changes { get; } = new();

    /// <summary>Different masks in use.</summary>
    public int MaskCount => _uses.Count;

    /// <summary>Hash tables a search may have to look at. Any thread.</summary>
    public int SubtableCount => Search.Plan.Subtables.Length;

    /// <summary>Granules of bit vectors it may have to look at besides. Any thread.</summary>
    public int GranuleCount => Search.Plan.Vectors?.Tables.Sum(table => table.Ordered.Length) ?? 0;

    /// <summary>Whether a search is worth remembering: a few hash tables are as fast as a cache, without the memory it takes. Any thread.</summary>
    public bool IsWorthCaching => Search.Plan is { Subtables.Length: > SubtablesWithoutCache } or { Vectors: not null };

    /// <summary>The mask of an entry of this table.</summary>
    public ref readonly FlowKey MaskOf(uint index) => ref _maskOf[index];

    /// <summary>The entry with just this mask, key and priority, or 0.</summary>
    public uint FindStrict(in FlowKey key, in FlowKey mask, ushort priority)
    {
        uint first = FindFirst(key, mask, HashOf(key, mask));
        return first == 0 ? 0 : _groups.Find(first, priority);
    }

    /// <summary>The entries that match a packet, best first: a look-up would find each one if the entries before it were removed.</summary>
    /// <remarks>Asks the index: the cost grows with the masks in use and not with the entries.</remarks>
    /// <param name="most">How many are wanted.</param>
    /// <param name="count">How many there are.</param>
    public IReadOnlyList<uint> FindAll(in FlowKey packet, int most, out int count)
    {
        List<uint> all = [];
        count = 0;
        foreach (ref readonly RankedSubtable ranked in Search.Plan.Subtables.AsSpan())
        {
            ulong hash = _hash.Compute(packet, ranked.Mask);
            for (byte* bucket = ranked.Index.BucketOf(hash); bucket != null; bucket = FlowIndex.NextBucket(bucket))
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
        _vectors?.Search.FindAll(packet, others);
        foreach (uint index in others.Where(index => _store.Records[index].Subtable < 0))
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
        ulong hash = HashOf(_entries[index].Key, mask);
        _store.Records[index].Hash = hash;
        _maskOf[index] = mask;
        uint first = FindFirst(_entries[index].Key, mask, hash);
        if (first == 0)
        {
            Link(index);
        }
        else
        {
            _groups.Join(index, first);
            if (_groups.IsFirst(index))
            {
                Exchange(first, index);
            }
        }
        Count++;
        Changes.Complete();
        CopyToVectors(CopiedAtInsertion);
    }

    /// <summary>Puts an entry in the place of the identical one (same mask, key and priority), each of its places in one store.</summary>
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
        if (isFirst)
        {
            _firsts!.Replace(old.Hash, index, replacement);
            if (old.Subtable >= 0)
            {
                _subtables[old.Subtable].Replace(index, replacement);
            }
            if (IsInVectors(index))
            {
                _vectors!.Replace(index, replacement);
            }
        }
        Changes.Complete();
    }

    /// <summary>Unlinks an entry. The caller retires it.</summary>
    public void Remove(uint index)
    {
        Changes.Begin(_entries[index].Key, _maskOf[index]);
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
        Changes.Complete();
        CopyToSubtables(CopiedAtRemoval);
    }

    /// <summary>Copies entries to make the search faster. The control side calls it between flow-mods, so that none waits for it.</summary>
    /// <param name="limit">How many entries are looked at, at most, in either direction.</param>
    /// <returns>Whether there is more to be done.</returns>
    public bool Rearrange(int limit) => CopyToVectors(limit) | CopyToSubtables(limit);

    public void Dispose()
    {
        Changes.Dispose();
        _subtables.Dispose();
        _vectorMemory.Dispose();
        _masks.Dispose();
    }

    /// <summary>Whether the table may have a subtable for each mask.</summary>
    private bool HasFewMasks => _uses.Count <= _mostSubtables;

    private bool IsInVectors(uint index) => _vectors != null && _vectors.Holds(index);

    private ulong HashOf(in FlowKey key, in FlowKey mask) => _hash.Compute(key) + ulong.RotateLeft(_hash.Compute(mask), 1);

    /// <summary>The entry of highest priority with this mask and key, or 0.</summary>
    private uint FindFirst(in FlowKey key, in FlowKey mask, ulong hash)
    {
        for (byte* bucket = _firsts == null ? null : _firsts.BucketOf(hash); bucket != null; bucket = FlowIndex.NextBucket(bucket))
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
        return 0;
    }

    /// <summary>Lets packets find an entry. It goes to a subtable, or to bit vectors if it would need one subtable too many.</summary>
    private void Link(uint index)
    {
        ref FlowRecord record = ref _store.Records[index];
        _firsts ??= new FlowIndex(_memory, _store);
        _firsts.Insert(record.Hash, index);
        record.Subtable = -1;
        if (!_uses.TryGetValue(_maskOf[index], out MaskUse? use))
        {
            _uses.Add(_maskOf[index], use = new MaskUse());
        }
        use.Keys++;
        if (TryInsertIntoSubtable(index, use, mayAdd: _vectors == null || HasFewMasks))
        {
            return;
        }
        if (_vectors == null)
        {
            _vectors = new BitVectorSet(_vectorMemory, _store, _maskOf, _hash.Compute(default(FlowKey)));
            Search.Plan = Search.Plan with { Vectors = _vectors };
        }
        _vectors.Insert(index);
        if (!HasFewMasks && _leaving == null && _subtables.FindSmall(SmallSubtable) is { } small)
        {
            small.IsClosed = true;
            _leaving = small;
        }
    }

    private bool TryInsertIntoSubtable(uint index, MaskUse use, bool mayAdd)
    {
        if (_subtables.Choose(_entries[index].Key, _maskOf[index], use.Home, mayAdd) is not { } subtable)
        {
            return false;
        }
        use.Home = use.Home is { IsClosed: false } ? use.Home : subtable;
        _store.Records[index].Subtable = subtable.Id;
        _subtables.Insert(subtable, index);
        return true;
    }

    private void Unlink(uint index)
    {
        ref FlowRecord record = ref _store.Records[index];
        FlowKey mask = _maskOf[index];
        _firsts!.Remove(record.Hash, index);
        if (_firsts.Count == 0)
        {
            _firsts.Retire();
            _firsts = null;
        }
        Subtable? subtable = record.Subtable < 0 ? null : _subtables[record.Subtable];
        if (subtable != null)
        {
            _subtables.Remove(subtable, index);
            _leaving = subtable == _leaving && subtable.Index.Count == 0 ? null : _leaving;
        }
        if (IsInVectors(index))
        {
            _vectors!.Remove(index);
            _inBoth -= subtable != null ? 1 : 0;
        }
        MaskUse use = _uses[mask];
        use.Keys--;
        if (use.Keys == 0)
        {
            _uses.Remove(mask);
        }
        if (_vectors != null)
        {
            bool isRoomMade = use.Keys == 0 || subtable is { Index.Count: 0 };
            _unsettled = isRoomMade ? _vectors.Count : Math.Min(_unsettled + CopiedAtRemoval, _vectors.Count);
        }
    }

    /// <summary>Lets packets find another entry of the same mask and key instead of this one.</summary>
    private void Exchange(uint index, uint other)
    {
        ref FlowRecord record = ref _store.Records[index];
        _store.Records[other].Subtable = record.Subtable;
        _firsts!.Replace(record.Hash, index, other);
        if (record.Subtable >= 0)
        {
            _subtables.Exchange(_subtables[record.Subtable], index, other);
        }
        if (IsInVectors(index))
        {
            _vectors!.Insert(other);
            Changes.Begin(_entries[index].Key, _maskOf[index]); // a look-up from before the insertion must be told to look again, or it sees neither
            _vectors.Remove(index);
        }
    }

    /// <summary>Copies some entries of a small subtable to bit vectors. Once all are copied, the subtable is retired.</summary>
    /// <returns>Whether entries are left to copy.</returns>
    private bool CopyToVectors(int limit)
    {
        if (_leaving is not { } subtable)
        {
            return false;
        }
        if (HasFewMasks)
        {
            KeepLeaving();
            return false;
        }
        List<uint> all = subtable.Index.ReadAll();
        foreach (uint index in all)
        {
            if (!_vectors!.Holds(index))
            {
                if (--limit < 0)
                {
                    return true;
                }
                _vectors.Insert(index);
                _inBoth++;
            }
        }
        _leaving = null;
        _subtables.Retire(subtable);
        _inBoth -= all.Count;
        all.ForEach(index => _store.Records[index].Subtable = -1);
        return false;
    }

    /// <summary>Copies some entries of bit vectors to subtables, if masks or entries are few enough. Once all are copied, the vectors are retired.</summary>
    /// <param name="limit">How many entries are looked at.</param>
    /// <returns>Whether entries are left to look at.</returns>
    private bool CopyToSubtables(int limit)
    {
        if (_vectors == null)
        {
            return false;
        }
        if (!HasFewMasks && _vectors.Count > FewInVectors)
        {
            _unsettled = 0;
        }
        for (; limit > 0 && _unsettled > 0; limit--, _unsettled--)
        {
            uint index = _vectors.Next();
            if (_store.Records[index].Subtable < 0 && TryInsertIntoSubtable(index, _uses[_maskOf[index]], mayAdd: true))
            {
                _inBoth++;
            }
        }
        if (_inBoth < _vectors.Count)
        {
            return _unsettled > 0;
        }
        Search.Plan = Search.Plan with { Vectors = null };
        _vectors.Retire();
        _vectors = null;
        _inBoth = 0;
        _unsettled = 0;
        KeepLeaving();
        return false;
    }

    /// <summary>Keeps the subtable that was being copied to bit vectors, and lets it take entries again.</summary>
    private void KeepLeaving()
    {
        if (_leaving != null)
        {
            _leaving.IsClosed = false;
            _leaving = null;
        }
    }
}

/// <summary>The use that entries make of one mask.</summary>
internal sealed class MaskUse
{
    /// <summary>Different keys of entries with this mask.</summary>
    public int Keys { get; set; }

    /// <summary>The subtable that takes the next entry of this mask if it can; null if there is none yet.</summary>
    public Subtable? Home { get; set; }
}
