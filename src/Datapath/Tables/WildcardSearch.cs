using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Packets;

namespace Softswitch.Datapath.Tables;

/// <summary>How packets are looked up in table 1: subtable by subtable, by falling priority, until none left can hold anything better.</summary>
/// <remarks>Threads: any; it changes nothing, and each look-up reads one published array of subtables from beginning to end.</remarks>
internal sealed unsafe class WildcardSearch
{
    private readonly SubtableSet _subtables;
    private readonly BitVectorSearch _vectors;
    private readonly FlowHash _hash;
    private readonly FlowKey* _maskOf;
    private readonly FlowEntry* _entries;
    private readonly FlowRecord* _records;

    /// <param name="maskOf">The masks of all entries, by index.</param>
    public WildcardSearch(SubtableSet subtables, BitVectorSearch vectors, FlowStore store, FlowHash hash, FlowKey* maskOf)
    {
        _subtables = subtables;
        _vectors = vectors;
        _hash = hash;
        _maskOf = maskOf;
        _entries = store.Entries;
        _records = store.Records;
    }

    /// <summary>Looks several packets up, subtable by subtable, so that their memory accesses overlap.</summary>
    /// <param name="keys">Of all packets of the batch, which came in by one port.</param>
    /// <param name="wanted">Positions of the packets to look up.</param>
    /// <param name="state">Overwritten.</param>
    /// <param name="found">Receives at each of these positions the entry, or 0.</param>
    [MethodImpl(MethodImplOptions.NoInlining)] // what calls it would take its registers
    public void Find(FlowKey* keys, ReadOnlySpan<byte> wanted, SearchState* state, uint* found)
    {
        RankedSubtable[] ordered = _subtables.Ordered;
        bool hasVectors = !_vectors.IsEmpty;
        if (ordered.Length == 1 && !hasVectors)
        {
            FindInOne(ordered[0].Subtable, keys, wanted, state, found);
            return;
        }
        Begin(keys, wanted, state);
        foreach (ref readonly RankedSubtable ranked in ordered.AsSpan())
        {
            uint probed = Choose(ranked, state, wanted.Length, out bool done);
            if (done)
            {
                break;
            }
            int count = FindBuckets(ranked.Subtable, keys, wanted, probed, state);
            count = KeepPromising(state, count);
            for (int n = 0; n < count; n++)
            {
                int place = state->Place[n];
                Improve((byte*)state->Bucket[n], state->Hash[n], keys[wanted[place]], ref state->Best[place]);
            }
        }
        if (hasVectors)
        {
            _vectors.Improve(keys, wanted, state);
        }
        for (int place = 0; place < wanted.Length; place++)
        {
            found[wanted[place]] = BestEntry.IndexOf(state->Best[place]);
        }
    }

    private void Begin(FlowKey* keys, ReadOnlySpan<byte> wanted, SearchState* state)
    {
        SubtableFilter filter = _subtables.Filter;
        for (int place = 0; place < wanted.Length; place++)
        {
            state->Candidates[place] = filter.Candidates(keys[wanted[place]]);
            state->Best[place] = BestEntry.None;
        }
        for (int place = wanted.Length; place % Vector256<ulong>.Count != 0; place++)
        {
            state->Best[place] = BestEntry.Unbeatable;
        }
    }

    /// <summary>For which packets a subtable is worth a look: a bit for each place.</summary>
    /// <param name="done">Whether no packet can find anything better here nor in the subtables after it.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Choose(in RankedSubtable ranked, SearchState* state, int count, out bool done)
    {
        Vector256<ulong> bit = Vector256.Create(ranked.FilterBit);
        Vector256<long> bound = Vector256.Create((long)BestEntry.Above(ranked.PriorityBound));
        uint open = 0;
        uint chosen = 0;
        for (int place = 0; place < count; place += Vector256<ulong>.Count)
        {
            Vector256<long> canImprove = Vector256.LessThan(Vector256.Load((long*)state->Best + place), bound);
            Vector256<ulong> isElsewhere = Vector256.Equals(Vector256.Load(state->Candidates + place) & bit, default);
            open |= canImprove.ExtractMostSignificantBits() << place;
            chosen |= Vector256.AndNot(canImprove.AsUInt64(), isElsewhere).ExtractMostSignificantBits() << place;
        }
        done = open == 0;
        return chosen;
    }

    /// <summary>The commonest case, without what several subtables need.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void FindInOne(Subtable subtable, FlowKey* keys, ReadOnlySpan<byte> wanted, SearchState* state, uint* found)
    {
        if (subtable.HashesOnlyInPort)
        {
            FindByInPort(subtable, keys, wanted, found);
            return;
        }
        FindBuckets(subtable, keys, wanted, uint.MaxValue >> (PacketBatch.Capacity - wanted.Length), state);
        for (int place = 0; place < wanted.Length; place++)
        {
            byte* bucket = (byte*)state->Bucket[place];
            uint fitting = FlowIndex.Candidates(bucket, state->Hash[place]);
            found[wanted[place]] = PrepareFirst(bucket, fitting);
            state->Fitting[place] = fitting;
        }
        for (int place = 0; place < wanted.Length; place++)
        {
            byte i = wanted[place];
            uint fitting = state->Fitting[place];
            byte* bucket = (byte*)state->Bucket[place];
            if ((fitting & (fitting - 1)) == 0 && FlowIndex.NextBucket(bucket) == null)
            {
                uint index = found[i]; // whether or not entry 0, all zero, matches: the result is 0
                found[i] = FlowKey.Matches(keys[i], _entries[index].Key, _maskOf[index]) ? index : 0;
            }
            else
            {
                ulong best = BestEntry.None;
                Improve(bucket, state->Hash[place], keys[i], ref best);
                found[i] = BestEntry.IndexOf(best);
            }
        }
    }

    /// <summary>A batch comes from one port: where all entries are looked for by port alone, all its packets have one bucket.</summary>
    private void FindByInPort(Subtable subtable, FlowKey* keys, ReadOnlySpan<byte> wanted, uint* found)
    {
        ref readonly FlowKey any = ref keys[wanted[0]];
        ulong hash = _hash.Compute(any, subtable.Mask);
        byte* bucket = subtable.Index.BucketOf(hash);
        uint fitting = FlowIndex.Candidates(bucket, hash);
        uint index = FlowIndex.CandidateAt(bucket, fitting) & OnesIf(fitting);
        bool onlyOne = (fitting & (fitting - 1)) == 0 && FlowIndex.NextBucket(bucket) == null && FlowKey.Equals(_maskOf[index], subtable.Mask);
        uint common = FlowKey.Matches(any, _entries[index].Key, _maskOf[index]) ? index : 0;
        foreach (byte i in wanted)
        {
            ulong best = BestEntry.None;
            if (!onlyOne)
            {
                Improve(bucket, hash, keys[i], ref best);
            }
            found[i] = onlyOne ? common : BestEntry.IndexOf(best);
        }
    }

    /// <summary>Where to look for each packet of these places; returns how many.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int FindBuckets(Subtable subtable, FlowKey* keys, ReadOnlySpan<byte> wanted, uint places, SearchState* state)
    {
        FlowIndex index = subtable.Index;
        FlowKey mask = subtable.Mask;
        int count = 0;
        for (; places != 0; places &= places - 1)
        {
            int place = BitOperations.TrailingZeroCount(places);
            ulong hash = _hash.Compute(keys[wanted[place]], mask);
            byte* bucket = index.BucketOf(hash);
            Prefetch.Line(bucket);
            state->Hash[count] = hash;
            state->Bucket[count] = (ulong)bucket;
            state->Place[count] = (byte)place;
            count++;
        }
        return count;
    }

    /// <summary>Looks at the entries whose signature fits, in one bucket and what it overflows to.</summary>
    /// <remarks>Compares them all rather than skip those of lower priority: which they are is a matter of chance, and to guess wrong costs more than to compare.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Improve(byte* bucket, ulong hash, in FlowKey key, ref ulong best)
    {
        ulong found = best;
        do
        {
            for (uint fitting = FlowIndex.Candidates(bucket, hash); fitting != 0; fitting &= fitting - 1)
            {
                uint index = FlowIndex.CandidateAt(bucket, fitting);
                bool matches = FlowKey.Matches(key, _entries[index].Key, _maskOf[index]);
                ulong candidate = BestEntry.Of(matches, index, _entries[index].Priority);
                found = BestEntry.AreOfOnePriority(candidate, found) ? Older(candidate, found) : ulong.Max(candidate, found);
            }
            bucket = FlowIndex.NextBucket(bucket);
        }
        while (bucket != null);
        best = found;
    }

    /// <summary>Keeps the probes whose buckets hold something to compare. Without branches: what is in a bucket is a matter of chance.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int KeepPromising(SearchState* state, int count)
    {
        int kept = 0;
        for (int n = 0; n < count; n++)
        {
            byte* bucket = (byte*)state->Bucket[n];
            ulong hash = state->Hash[n];
            uint fitting = FlowIndex.Candidates(bucket, hash);
            PrepareFirst(bucket, fitting);
            ulong next = (ulong)FlowIndex.NextBucket(bucket);
            state->Bucket[kept] = (ulong)bucket;
            state->Hash[kept] = hash;
            state->Place[kept] = state->Place[n];
            kept += (int)(OnesIf(fitting | (uint)next | (uint)(next >> 32)) & 1);
        }
        return kept;
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

    [MethodImpl(MethodImplOptions.NoInlining)]
    private ulong Older(ulong a, ulong b) => _records[BestEntry.IndexOf(a)].Sequence < _records[BestEntry.IndexOf(b)].Sequence ? a : b;
}
