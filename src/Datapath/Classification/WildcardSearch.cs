using System.Runtime.CompilerServices;
using Softswitch.Datapath.Memory;

namespace Softswitch.Datapath.Classification;

/// <summary>How packets are looked up in table 1: subtable by subtable, by falling priority, until none left can hold anything better.</summary>
/// <remarks>Threads: any; it changes nothing, and each look-up reads one published array of subtables from beginning to end.</remarks>
internal sealed unsafe class WildcardSearch
{
    private readonly SubtableSet _subtables;
    private readonly FlowHash _hash;
    private readonly FlowKey* _maskOf;
    private readonly FlowEntry* _entries;
    private readonly FlowRecord* _records;

    /// <param name="maskOf">The masks of all entries, by index.</param>
    public WildcardSearch(SubtableSet subtables, FlowStore store, FlowHash hash, FlowKey* maskOf)
    {
        _subtables = subtables;
        _hash = hash;
        _maskOf = maskOf;
        _entries = store.Entries;
        _records = store.Records;
    }

    /// <summary>The entry of highest precedence that matches, or 0.</summary>
    public uint Find(in FlowKey key)
    {
        BestEntry best = BestEntry.None;
        foreach (ref readonly RankedSubtable ranked in _subtables.Ordered.AsSpan())
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

    /// <summary>Looks several packets up, subtable by subtable, so that their memory accesses overlap.</summary>
    /// <param name="keys">Of all packets of the batch, which came in by one port.</param>
    /// <param name="states">As many, overwritten for <paramref name="pending"/>.</param>
    /// <param name="pending">Positions of the <paramref name="count"/> packets to look up; overwritten.</param>
    /// <param name="found">Receives at each of these positions the entry, or 0.</param>
    [MethodImpl(MethodImplOptions.NoInlining)] // what calls it would take its registers
    public void Find(FlowKey* keys, LookupState* states, byte* pending, int count, uint* found)
    {
        RankedSubtable[] ordered = _subtables.Ordered;
        if (ordered.Length == 1)
        {
            FindInOne(ordered[0].Subtable, keys, states, pending, count, found);
            return;
        }
        for (int p = 0; p < count; p++)
        {
            states[pending[p]].Best = BestEntry.None;
        }
        foreach (ref readonly RankedSubtable ranked in ordered.AsSpan())
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
            found[i] = PrepareFirst(states[i].Bucket, fitting);
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
            PrepareFirst(bucket, fitting);
            ulong next = (ulong)FlowIndex.NextBucket(bucket);
            states[promising].Promising = i;
            promising += (int)(OnesIf(fitting | (uint)next | (uint)(next >> 32)) & 1);
        }
        return promising;
    }

    /// <summary>The first entry of a bucket that is worth a comparison, asked for; entry 0, which is at hand, if there is none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private uint PrepareFirst(byte* bucket, uint fitting)
    {
        uint index = FlowIndex.CandidateAt(bucket, fitting) & OnesIf(fitting);
        Prefetch.Line(_entries + index);
        Prefetch.Line(_maskOf + index);
        return index;
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

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool IsOlder(uint index, uint than) => _records[index].Sequence < _records[than].Sequence;
}

/// <summary>The best entry a search has met so far.</summary>
internal readonly record struct BestEntry(uint Index, int Priority)
{
    /// <summary>Worse than any entry.</summary>
    public static BestEntry None => new(0, -1);
}
