using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Packets;

namespace Softswitch.Datapath.Tables;

/// <summary>How packets are looked up in table 1: subtable by subtable, by falling priority, until none left can hold anything better.</summary>
/// <remarks>Threads: any; it changes nothing, and each look-up goes by one <see cref="SearchPlan"/> from beginning to end.</remarks>
internal sealed unsafe class WildcardSearch
{
    private readonly SubtableFilter _filter;
    private readonly FlowHash _hash;
    private readonly FlowKey* _maskOf;
    private readonly FlowEntry* _entries;
    private readonly FlowRecord* _records;
    private SearchPlan _plan = new([], null);

    /// <param name="maskOf">The masks of all entries, by index.</param>
    public WildcardSearch(SubtableFilter filter, FlowStore store, FlowHash hash, FlowKey* maskOf)
    {
        _filter = filter;
        _hash = hash;
        _maskOf = maskOf;
        _entries = store.Entries;
        _records = store.Records;
    }

    /// <summary>The plan of look-ups that begin from now on. Written by the control side, read by any thread.</summary>
    public SearchPlan Plan
    {
        get => Volatile.Read(ref _plan);
        set => Volatile.Write(ref _plan, value);
    }

    /// <summary>Looks several packets up, a few subtables at a time, so that their memory accesses overlap.</summary>
    /// <remarks>
    /// Step by step for all probes, a probe being a packet in a subtable: how many each packet has of them, and in which of them there
    /// is something to compare, is a matter of chance, and a loop for each packet or subtable would end when the processor does not
    /// expect it.
    /// </remarks>
    /// <param name="keys">Of all packets of the batch, which came in by one port.</param>
    /// <param name="wanted">Rising positions of the packets to look up.</param>
    /// <param name="state">Overwritten.</param>
    /// <param name="found">Receives at each of these positions the entry, or 0.</param>
    [MethodImpl(MethodImplOptions.NoInlining)] // what calls it would take its registers
    public void Find(FlowKey* keys, ReadOnlySpan<byte> wanted, SearchState* state, uint* found)
    {
        SearchPlan plan = Plan;
        RankedSubtable[] ordered = plan.Subtables;
        if (ordered.Length == 1 && plan.Vectors == null)
        {
            FindInOne(ordered[0].Subtable, keys, wanted, state, found);
            return;
        }
        int end = Begin(keys, wanted, state);
        for (int first = 0; first < ordered.Length; first += SearchState.SubtablesAtOnce)
        {
            ReadOnlySpan<RankedSubtable> subtables = ordered.AsSpan(first, Math.Min(SearchState.SubtablesAtOnce, ordered.Length - first));
            if (!MayImprove(subtables[0], state, end))
            {
                break;
            }
            int count = Choose(subtables, state, end);
            FindBuckets(subtables, keys, state, count);
            count = ListCandidates(keys, state, count);
            Compare(keys, state, count);
        }
        plan.Vectors?.Search.Improve(keys, wanted, state);
        foreach (byte i in wanted)
        {
            found[i] = BestEntry.IndexOf(state->Best[i]);
        }
    }

    /// <summary>Nothing found, and where to look.</summary>
    /// <returns>The end of the positions that have anything to look for, a multiple of what a vector holds.</returns>
    private int Begin(FlowKey* keys, ReadOnlySpan<byte> wanted, SearchState* state)
    {
        SubtableFilter filter = _filter;
        new Span<uint>(state->Subtables, PacketBatch.Capacity).Clear();
        new Span<int>(state->Priority, PacketBatch.Capacity).Fill(BestEntry.PriorityOf(BestEntry.Unbeatable));
        foreach (byte i in wanted)
        {
            state->Subtables[i] = filter.Candidates(keys[i]);
            state->Priority[i] = BestEntry.PriorityOf(BestEntry.None);
            state->Best[i] = BestEntry.None;
        }
        return (wanted[^1] + Vector512<uint>.Count) & -Vector512<uint>.Count;
    }

    /// <summary>Whether any packet can find anything better in this subtable or those after it.</summary>
    private static bool MayImprove(in RankedSubtable first, SearchState* state, int end)
    {
        Vector512<int> open = default;
        for (int i = 0; i < end; i += Vector512<uint>.Count)
        {
            open |= Vector512.LessThan(Vector512.Load(state->Priority + i), Vector512.Create(BestEntry.Above(first.PriorityBound)));
        }
        return open != default;
    }

    /// <summary>Lists the packets for which each of these subtables is worth a look; returns how many.</summary>
    private static int Choose(ReadOnlySpan<RankedSubtable> subtables, SearchState* state, int end)
    {
        int count = 0;
        for (int rank = 0; rank < subtables.Length; rank++)
        {
            Vector512<uint> bit = Vector512.Create(subtables[rank].FilterBit);
            Vector512<int> bound = Vector512.Create(BestEntry.Above(subtables[rank].PriorityBound));
            for (int i = 0; i < end; i += Vector512<uint>.Count)
            {
                Vector512<uint> canImprove = Vector512.LessThan(Vector512.Load(state->Priority + i), bound).AsUInt32();
                Vector512<uint> isElsewhere = Vector512.Equals(Vector512.Load(state->Subtables + i) & bit, default);
                Vector512<uint> chosen = Vector512.AndNot(canImprove, isElsewhere);
                count += List(chosen, Probe.Of(i, rank), state->Probes + count);
            }
        }
        return count;
    }

    /// <summary>Lists the numbers of the lanes that are set, each added to a probe.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int List(Vector512<uint> lanes, uint first, uint* list)
    {
        uint set = (uint)lanes.ExtractMostSignificantBits();
        if (Avx512F.IsSupported)
        {
            Avx512F.Compress(default, lanes, Vector512<uint>.Indices + Vector512.Create(first)).Store(list);
            return BitOperations.PopCount(set);
        }
        int count = 0;
        for (; set != 0; set &= set - 1)
        {
            list[count++] = first + (uint)BitOperations.TrailingZeroCount(set);
        }
        return count;
    }

    /// <summary>Where to look for each probe.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void FindBuckets(ReadOnlySpan<RankedSubtable> subtables, FlowKey* keys, SearchState* state, int count)
    {
        ref RankedSubtable first = ref MemoryMarshal.GetReference(subtables);
        for (int n = 0; n < count; n++)
        {
            ref RankedSubtable subtable = ref Unsafe.Add(ref first, Probe.RankOf(state->Probes[n]));
            ulong hash = _hash.Compute(keys[Probe.PositionOf(state->Probes[n])], subtable.Mask);
            byte* bucket = subtable.Index.BucketOf(hash);
            Prefetch.Line(bucket);
            state->Hash[n] = hash;
            state->Bucket[n] = (ulong)bucket;
        }
    }

    /// <summary>Lists the entries whose signature fits. Without branches for the first of a bucket; most have no other.</summary>
    /// <returns>How many.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int ListCandidates(FlowKey* keys, SearchState* state, int count)
    {
        int listed = 0;
        for (int n = 0; n < count; n++)
        {
            byte* bucket = (byte*)state->Bucket[n];
            uint fitting = FlowIndex.Candidates(bucket, state->Hash[n]);
            state->Candidates[listed] = Candidate.Of(PrepareFirst(bucket, fitting), Probe.PositionOf(state->Probes[n]));
            listed += (int)(OnesIf(fitting) & 1);
            if ((fitting & (fitting - 1)) != 0 || FlowIndex.NextBucket(bucket) != null)
            {
                listed = ListRest(keys, state, n, fitting & (fitting - 1), listed);
            }
        }
        return listed;
    }

    /// <summary>Lists the other entries for a probe, in its bucket and what it overflows to; compares at once what there is no room for.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private int ListRest(FlowKey* keys, SearchState* state, int probe, uint fitting, int listed)
    {
        byte* bucket = (byte*)state->Bucket[probe];
        uint position = Probe.PositionOf(state->Probes[probe]);
        while (true)
        {
            for (; fitting != 0; fitting &= fitting - 1)
            {
                uint index = PrepareFirst(bucket, fitting);
                if (listed - probe < SearchState.SpareCandidates)
                {
                    state->Candidates[listed++] = Candidate.Of(index, position);
                }
                else
                {
                    Improve(state, position, index, keys[position]);
                }
            }
            bucket = FlowIndex.NextBucket(bucket);
            if (bucket == null)
            {
                return listed;
            }
            fitting = FlowIndex.Candidates(bucket, state->Hash[probe]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Compare(FlowKey* keys, SearchState* state, int count)
    {
        for (int n = 0; n < count; n++)
        {
            uint position = Candidate.PositionOf(state->Candidates[n]);
            Improve(state, position, Candidate.IndexOf(state->Candidates[n]), keys[position]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Improve(SearchState* state, uint position, uint index, in FlowKey key)
    {
        ulong best = Better(state->Best[position], index, key);
        state->Best[position] = best;
        state->Priority[position] = BestEntry.PriorityOf(best);
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
        FlowIndex index = subtable.Index;
        FlowKey mask = subtable.Mask;
        for (int place = 0; place < wanted.Length; place++)
        {
            ulong hash = _hash.Compute(keys[wanted[place]], mask);
            byte* bucket = index.BucketOf(hash);
            Prefetch.Line(bucket);
            state->Hash[place] = hash;
            state->Bucket[place] = (ulong)bucket;
        }
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
                uint only = found[i]; // whether or not entry 0, all zero, matches: the result is 0
                found[i] = FlowKey.Matches(keys[i], _entries[only].Key, _maskOf[only]) ? only : 0;
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

    /// <summary>Looks at the entries whose signature fits, in one bucket and what it overflows to.</summary>
    /// <remarks>It compares all of them, also those of lower priority: a branch to skip these would often be mispredicted, which costs more.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Improve(byte* bucket, ulong hash, in FlowKey key, ref ulong best)
    {
        ulong found = best;
        do
        {
            for (uint fitting = FlowIndex.Candidates(bucket, hash); fitting != 0; fitting &= fitting - 1)
            {
                found = Better(found, FlowIndex.CandidateAt(bucket, fitting), key);
            }
            bucket = FlowIndex.NextBucket(bucket);
        }
        while (bucket != null);
        best = found;
    }

    /// <summary>The best entry found for a packet so far, or this entry if it matches and is better.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ulong Better(ulong best, uint index, in FlowKey key)
    {
        bool matches = FlowKey.Matches(key, _entries[index].Key, _maskOf[index]);
        ulong candidate = BestEntry.Of(matches, index, _entries[index].Priority);
        return BestEntry.AreOfOnePriority(candidate, best) ? Older(candidate, best) : BestEntry.Better(candidate, best);
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
