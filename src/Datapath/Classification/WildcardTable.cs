using System.Runtime.CompilerServices;
using Softswitch.Datapath.Memory;

namespace Softswitch.Datapath.Classification;

/// <summary>Table 1: entries with wildcards, by priority; ties go to the entry installed earlier.</summary>
/// <remarks>
/// <para>
/// The naive search compares every entry in order of priority. Tuple space search (Srinivasan, Suri, Varghese 1999) hashes once for
/// each mask in use: rule sets have hundreds. Here entries of many masks share a subtable, which hashes only bits that all of them compare
/// (TupleMerge: Daly, Bruschi, Linguaglossa, Pontarelli, Rossi, Tops, Torng, Yung 2019), and what the hash finds is compared under the
/// entry's own mask. Few entries may share one hash; the next goes to a subtable that hashes more bits. Subtables are searched by falling
/// priority, until none left can hold anything better.
/// </para>
/// <para>
/// Entries of the same mask and key are linked by falling priority; only the first is in a subtable, the others never match.
/// </para>
/// <para>
/// Threads: one writer, the control side; workers search the array of subtables that is published as a whole whenever its
/// members or their order change. Packets change nothing here.
/// </para>
/// </remarks>
internal sealed unsafe class WildcardTable : IDisposable
{
    // Entries that may share a hash where another subtable could tell them apart: a bucket has 8 slots, for others too.
    private const int MaxSharingOneHash = 6;

    // A bound on priority that is too high costs a little; to look at all entries for the true one pays after this many removals.
    private const int RemovalsBeforeRecount = 64;

    private readonly FlowIndexMemory _memory;
    private readonly FlowStore _store;
    private readonly FlowHash _hash;
    private readonly LazyArray<FlowKey> _masks;
    private readonly FlowKey* _maskOf;
    private readonly FlowEntry* _entries;
    private readonly Dictionary<FlowKey, MaskUse> _uses = [];
    private readonly List<Subtable?> _subtables = [];
    private readonly Stack<int> _freeIds = new();
    private Ranked[] _ordered = [];

    public WildcardTable(FlowIndexMemory memory, FlowStore store, FlowHash hash)
    {
        _memory = memory;
        _store = store;
        _hash = hash;
        _masks = new LazyArray<FlowKey>(store.Capacity + 1);
        _maskOf = _masks.Start;
        _entries = store.Entries;
    }

    public int Count { get; private set; }

    /// <summary>Each change of what there is to be found. Any thread may read.</summary>
    public ChangeJournal Changes { get; } = new();

    /// <summary>Different masks in use.</summary>
    public int MaskCount => _uses.Count;

    /// <summary>Hash tables a search may have to look at. Any thread.</summary>
    public int SubtableCount => Volatile.Read(ref _ordered).Length;

    /// <summary>The mask of an entry of this table.</summary>
    public ref readonly FlowKey MaskOf(uint index) => ref _maskOf[index];

    /// <summary>The entry of highest precedence that matches, or 0. Any thread.</summary>
    public uint Find(in FlowKey key)
    {
        BestEntry best = BestEntry.None;
        foreach (ref readonly Ranked ranked in Volatile.Read(ref _ordered).AsSpan())
        {
            if (ranked.PriorityBound < best.Priority)
            {
                break;
            }
            ulong hash = _hash.Compute(key, ranked.Subtable.Mask);
            Improve(ranked.Subtable.Index.BucketOf(hash), hash, key, ref best);
        }
        return best.Index;
    }

    /// <summary>Looks several packets up, subtable by subtable, so that their memory accesses overlap. Any thread.</summary>
    /// <param name="keys">Of all packets of the batch, which came in by one port.</param>
    /// <param name="states">As many, overwritten for <paramref name="pending"/>.</param>
    /// <param name="pending">Positions of the <paramref name="count"/> packets to look up; overwritten.</param>
    /// <param name="found">Receives at each of these positions the entry, or 0.</param>
    [MethodImpl(MethodImplOptions.NoInlining)] // what calls it would take its registers
    public void Find(FlowKey* keys, LookupState* states, byte* pending, int count, uint* found)
    {
        Ranked[] ordered = Volatile.Read(ref _ordered);
        if (ordered.Length == 1)
        {
            FindInOne(ordered[0].Subtable, keys, states, pending, count, found);
            return;
        }
        for (int p = 0; p < count; p++)
        {
            states[pending[p]].Best = BestEntry.None;
        }
        foreach (ref readonly Ranked ranked in ordered.AsSpan())
        {
            count = KeepThoseBelow(ranked.PriorityBound, pending, count, states, found);
            if (count == 0)
            {
                return;
            }
            FindBuckets(ranked.Subtable, keys, states, pending, count);
            int promising = FindPromising(pending, count, states);
            for (int p = 0; p < promising; p++)
            {
                byte i = states[p].Promising;
                Improve(states[i].Bucket, states[i].Hash, keys[i], ref states[i].Best);
            }
        }
        for (int p = 0; p < count; p++)
        {
            found[pending[p]] = states[pending[p]].Best.Index;
        }
    }

    /// <summary>The entry with just this mask, key and priority, or 0.</summary>
    public uint FindStrict(in FlowKey key, in FlowKey mask, ushort priority)
    {
        uint index = FindHead(key, mask, out _);
        while (index != 0 && _store.Records[index].Priority > priority)
        {
            index = _store.Records[index].Next;
        }
        return index != 0 && _store.Records[index].Priority == priority ? index : 0;
    }

    /// <summary>Links an entry whose key, priority and actions are in place and which has no twin in the table.</summary>
    public void Insert(uint index, in FlowKey mask)
    {
        Changes.Begin(_entries[index].Key, mask);
        ref FlowRecord record = ref _store.Records[index];
        _maskOf[index] = mask;
        uint head = FindHead(_entries[index].Key, mask, out Subtable? subtable);
        if (head == 0)
        {
            subtable = ChooseSubtable(_entries[index].Key, mask, out record.Hash);
            subtable.Index.Insert(record.Hash, index);
        }
        else
        {
            record.Hash = _store.Records[head].Hash;
            Link(subtable!, head, index);
        }
        record.Subtable = subtable!.Id;
        UseOf(mask).CountIn(subtable);
        Count++;
        if (record.Priority > subtable.PriorityBound)
        {
            subtable.PriorityBound = record.Priority;
            PublishOrder();
        }
        Changes.Complete();
    }

    /// <summary>Puts an entry in the place of its twin (same mask, key and priority) in one store.</summary>
    public void Replace(uint index, uint replacement)
    {
        Changes.Begin(_entries[index].Key, _maskOf[index]);
        ref FlowRecord old = ref _store.Records[index];
        ref FlowRecord record = ref _store.Records[replacement];
        _maskOf[replacement] = _maskOf[index];
        record.Hash = old.Hash;
        record.Subtable = old.Subtable;
        record.Next = old.Next;
        uint above = PredecessorOf(index, out Subtable subtable);
        if (above == 0)
        {
            subtable.Index.Replace(old.Hash, index, replacement);
        }
        else
        {
            _store.Records[above].Next = replacement;
        }
        Changes.Complete();
    }

    /// <summary>Unlinks an entry. The caller retires it.</summary>
    public void Remove(uint index)
    {
        Changes.Begin(_entries[index].Key, _maskOf[index]);
        ref FlowRecord record = ref _store.Records[index];
        uint above = PredecessorOf(index, out Subtable subtable);
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
        FlowKey mask = _maskOf[index];
        MaskUse use = _uses[mask];
        use.CountOut(subtable);
        if (use.IsEmpty)
        {
            _uses.Remove(mask);
        }
        if (subtable.Index.Count == 0)
        {
            Retire(subtable);
        }
        else if (++subtable.Removals >= RemovalsBeforeRecount && subtable.Removals >= subtable.Index.Count)
        {
            Recount(subtable);
        }
        Changes.Complete();
    }

    public void Dispose()
    {
        Changes.Dispose();
        _masks.Dispose();
    }

    /// <summary>The commonest case, without what several subtables need.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void FindInOne(Subtable subtable, FlowKey* keys, LookupState* states, byte* pending, int count, uint* found)
    {
        if (subtable.HashesOnlyInPort)
        {
            FindByInPort(subtable, keys, pending, count, found);
            return;
        }
        FindBuckets(subtable, keys, states, pending, count);
        for (int p = 0; p < count; p++)
        {
            byte i = pending[p];
            uint fitting = FlowIndex.Candidates(states[i].Bucket, states[i].Hash);
            uint index = FlowIndex.CandidateAt(states[i].Bucket, fitting) & OnesIf(fitting);
            Prefetch.Line(_entries + index);
            Prefetch.Line(_maskOf + index);
            found[i] = index;
            states[i].Fitting = fitting;
        }
        for (int p = 0; p < count; p++)
        {
            byte i = pending[p];
            uint fitting = states[i].Fitting;
            byte* bucket = states[i].Bucket;
            if ((fitting & (fitting - 1)) == 0 && FlowIndex.NextBucket(bucket) == null)
            {
                uint index = found[i]; // whether or not entry 0, all zero, matches: the result is 0
                found[i] = FlowKey.Matches(keys[i], _entries[index].Key, _maskOf[index]) ? index : 0;
            }
            else
            {
                BestEntry best = BestEntry.None;
                Improve(bucket, states[i].Hash, keys[i], ref best);
                found[i] = best.Index;
            }
        }
    }

    /// <summary>A batch comes from one port: where all entries are looked for by port alone, all its packets have one bucket.</summary>
    private void FindByInPort(Subtable subtable, FlowKey* keys, byte* pending, int count, uint* found)
    {
        ulong hash = _hash.Compute(keys[*pending], subtable.Mask);
        byte* bucket = subtable.Index.BucketOf(hash);
        uint fitting = FlowIndex.Candidates(bucket, hash);
        uint index = FlowIndex.CandidateAt(bucket, fitting) & OnesIf(fitting);
        bool onlyOne = (fitting & (fitting - 1)) == 0 && FlowIndex.NextBucket(bucket) == null && FlowKey.Equals(_maskOf[index], subtable.Mask);
        uint common = FlowKey.Matches(keys[*pending], _entries[index].Key, _maskOf[index]) ? index : 0;
        for (int p = 0; p < count; p++)
        {
            byte i = pending[p];
            BestEntry best = BestEntry.None;
            if (!onlyOne)
            {
                Improve(bucket, hash, keys[i], ref best);
            }
            found[i] = onlyOne ? common : best.Index;
        }
    }

    /// <summary>Where to look for each packet.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void FindBuckets(Subtable subtable, FlowKey* keys, LookupState* states, byte* pending, int count)
    {
        FlowIndex index = subtable.Index;
        FlowKey mask = subtable.Mask;
        for (int p = 0; p < count; p++)
        {
            byte i = pending[p];
            ulong hash = _hash.Compute(keys[i], mask);
            byte* bucket = index.BucketOf(hash);
            Prefetch.Line(bucket);
            states[i].Hash = hash;
            states[i].Bucket = bucket;
        }
    }

    /// <summary>Looks at the entries of one bucket whose signature fits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Improve(byte* bucket, ulong hash, in FlowKey key, ref BestEntry best)
    {
        do
        {
            for (uint fitting = FlowIndex.Candidates(bucket, hash); fitting != 0; fitting &= fitting - 1)
            {
                uint index = FlowIndex.CandidateAt(bucket, fitting);
                int priority = _entries[index].Priority;
                if (priority >= best.Priority && FlowKey.Matches(key, _entries[index].Key, _maskOf[index])
                    && (priority > best.Priority || IsOlder(index, best.Index)))
                {
                    best = new BestEntry(index, priority);
                }
            }
            bucket = FlowIndex.NextBucket(bucket);
        }
        while (bucket != null);
    }

    /// <summary>Which packets have anything to compare in their buckets. Without branches: what is in a bucket is a matter of chance.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int FindPromising(byte* pending, int count, LookupState* states)
    {
        int promising = 0;
        for (int p = 0; p < count; p++)
        {
            byte i = pending[p];
            byte* bucket = states[i].Bucket;
            uint fitting = FlowIndex.Candidates(bucket, states[i].Hash);
            uint index = FlowIndex.CandidateAt(bucket, fitting) & OnesIf(fitting); // entry 0 exists and is at hand
            Prefetch.Line(_entries + index);
            Prefetch.Line(_maskOf + index);
            ulong next = (ulong)FlowIndex.NextBucket(bucket);
            states[promising].Promising = i;
            promising += (int)(OnesIf(fitting | (uint)next | (uint)(next >> 32)) & 1);
        }
        return promising;
    }

    /// <summary>All bits, or none for 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint OnesIf(uint any) => (uint)((int)(any | (0 - any)) >> 31);

    /// <summary>Keeps the packets that could still find something as good; the others have their entry.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int KeepThoseBelow(int priorityBound, byte* pending, int count, LookupState* states, uint* found)
    {
        int kept = 0;
        for (int p = 0; p < count; p++)
        {
            byte i = pending[p];
            pending[kept] = i;
            bool keep = states[i].Best.Priority <= priorityBound;
            kept += keep ? 1 : 0;
            if (!keep)
            {
                found[i] = states[i].Best.Index;
            }
        }
        return kept;
    }

    /// <summary>The first of the entries with this mask and key, or 0.</summary>
    private uint FindHead(in FlowKey key, in FlowKey mask, out Subtable? subtable)
    {
        subtable = null;
        if (!_uses.TryGetValue(mask, out MaskUse? use))
        {
            return 0;
        }
        for (int home = 0; home < use.Homes; home++)
        {
            subtable = use[home];
            ulong hash = _hash.Compute(key, subtable.Mask);
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

    /// <summary>Puts an entry among those with its mask and key.</summary>
    private void Link(Subtable subtable, uint head, uint index)
    {
        ref FlowRecord record = ref _store.Records[index];
        if (_store.Records[head].Priority < record.Priority)
        {
            record.Next = head;
            subtable.Index.Replace(record.Hash, head, index);
            return;
        }
        uint above = head;
        while (_store.Records[above].Next is uint next and not 0 && _store.Records[next].Priority > record.Priority)
        {
            above = next;
        }
        record.Next = _store.Records[above].Next;
        _store.Records[above].Next = index;
    }

    private uint PredecessorOf(uint index, out Subtable subtable)
    {
        subtable = _subtables[_store.Records[index].Subtable]!;
        uint at = FindHead(_entries[index].Key, _maskOf[index], out _);
        uint above = 0;
        while (at != index)
        {
            above = at;
            at = _store.Records[at].Next;
        }
        return above;
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

    /// <summary>The fullest subtable whose entries this one can join, or a new one.</summary>
    private Subtable ChooseSubtable(in FlowKey key, in FlowKey mask, out ulong hash)
    {
        // Where its mask is already there is room, most of the time.
        if (_uses.TryGetValue(mask, out MaskUse? use) && HasRoom(use[0], key, mask, out hash))
        {
            return use[0];
        }
        Subtable? best = null;
        hash = 0;
        foreach (Subtable? subtable in _subtables)
        {
            if (subtable != null && subtable.Takes(mask) && (best == null || subtable.Index.Count > best.Index.Count)
                && HasRoom(subtable, key, mask, out ulong candidate))
            {
                best = subtable;
                hash = candidate;
            }
        }
        if (best == null)
        {
            best = AddSubtable(mask);
            hash = _hash.Compute(key, best.Mask);
        }
        return best;
    }

    private bool HasRoom(Subtable subtable, in FlowKey key, in FlowKey mask, out ulong hash)
    {
        hash = _hash.Compute(key, subtable.Mask);
        return FlowKey.Equals(subtable.Mask, mask) || subtable.Index.CountSharing(hash) < MaxSharingOneHash;
    }

    /// <summary>A subtable that hashes as few bits of the mask as none before it.</summary>
    private Subtable AddSubtable(in FlowKey mask)
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
            highest = Math.Max(highest, _entries[index].Priority);
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
        var ordered = new List<Ranked>(_subtables.Count);
        foreach (Subtable? subtable in _subtables)
        {
            if (subtable != null)
            {
                ordered.Add(new Ranked(subtable, subtable.PriorityBound));
            }
        }
        ordered.Sort(static (a, b) => b.PriorityBound.CompareTo(a.PriorityBound));
        Volatile.Write(ref _ordered, ordered.ToArray());
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool IsOlder(uint index, uint than) => _store.Records[index].Sequence < _store.Records[than].Sequence;

    /// <summary>A subtable and the bound it had when the array was published: the order must hold as long as the array is read.</summary>
    private readonly record struct Ranked(Subtable Subtable, int PriorityBound);
}

/// <summary>The best entry a search has met so far.</summary>
internal readonly record struct BestEntry(uint Index, int Priority)
{
    /// <summary>Worse than any entry.</summary>
    public static BestEntry None => new(0, -1);
}
