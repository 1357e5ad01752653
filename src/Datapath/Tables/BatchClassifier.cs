using System.Runtime.CompilerServices;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Packets;

namespace Softswitch.Datapath.Tables;

/// <summary>Looks batches of packets up in the flow table, with one worker's cache of earlier results.</summary>
/// <remarks>
/// It asks table 0, then the worker's cache of results of table 1, then table 1. Each step treats all packets that are left, so that their memory
/// accesses overlap. The look-up has three calls, between which the caller may work on other batches: <see cref="Locate"/> prefetches the
/// buckets of table 0, <see cref="Select"/> reads them and prefetches entries, <see cref="Confirm"/> compares keys and searches
/// table 1. Threads: one worker.
/// </remarks>
internal sealed unsafe class BatchClassifier : IDisposable
{
    /// <summary>Of table 0: 64 bytes each, and some 16 of a bucket, are a second-level cache of common size.</summary>
    public const int EntriesNearby = 16 * 1024;

    private readonly FlowTable _table;
    private readonly FlowEntry* _entries;
    private readonly FlowCache _cache;
    private readonly BatchLookup _alone = new();

    // Lists of positions in the batch. Not on the stack: methods that take memory there are compiled once, without a profile.
    private readonly NativeArray<byte> _missed = new(PacketBatch.Capacity);
    private readonly NativeArray<byte> _wanted = new(PacketBatch.Capacity);
    private readonly NativeArray<byte> _searched = new(PacketBatch.Capacity);
    private readonly NativeArray<SearchState> _search = new(1);

    /// <param name="cacheCapacity">Flows that the cache holds.</param>
    public BatchClassifier(FlowTable table, int cacheCapacity)
    {
        _table = table;
        _entries = table.Store.Entries;
        _cache = new FlowCache(cacheCapacity);
    }

    /// <summary>Finds the entry for each packet.</summary>
    /// <param name="keys">Parsed keys.</param>
    /// <param name="found">Receives entry indices; 0 for a miss.</param>
    /// <param name="count">At most <see cref="PacketBatch.Capacity"/>.</param>
    /// <returns>How many were found in table 0.</returns>
    public int Classify(FlowKey* keys, uint* found, int count)
    {
        Locate(_alone, keys, count);
        Select(_alone, found, count);
        return Confirm(_alone, keys, found, count);
    }

    /// <summary>The entry of a lone packet, which is a batch of one; 0 for a miss.</summary>
    public uint Find(FlowKey key)
    {
        uint found;
        Classify(&key, &found, 1);
        return found;
    }

    public void Dispose()
    {
        _cache.Dispose();
        _alone.Dispose();
        _missed.Dispose();
        _wanted.Dispose();
        _searched.Dispose();
        _search.Dispose();
    }

    /// <summary>Begins a look-up, which ends in the same pass: what is hashed, and where to look in table 0.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)] // its loops need the registers; so below
    public void Locate(BatchLookup lookup, FlowKey* keys, int count)
    {
        WildcardTable wildcard = _table.Wildcard;
        lookup.Change = wildcard.Changes.Begun;
        lookup.UsesCache = wildcard.IsWorthCaching && _cache.IsWorthwhile();
        lookup.UsesExact = !_table.Exact.IsEmpty;
        lookup.IsFar = _table.Exact.Count > EntriesNearby;
        LookupState* states = lookup.States;
        if (lookup.UsesExact)
        {
            FlowIndex exact = _table.Exact;
            for (int i = 0; i < count; i++)
            {
                ulong hash = _table.Hash.Compute(keys[i]);
                byte* bucket = exact.BucketOf(hash);
                states[i].KeyHash = hash;
                states[i].Bucket = bucket;
                Prefetch.Line(bucket);
            }
        }
        else if (lookup.UsesCache)
        {
            for (int i = 0; i < count; i++)
            {
                states[i].KeyHash = _table.Hash.Compute(keys[i]);
            }
        }
    }

    /// <summary>The most likely entries of table 0.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public void Select(BatchLookup lookup, uint* found, int count)
    {
        if (!lookup.UsesExact)
        {
            return;
        }
        FlowEntry* entries = _entries;
        LookupState* states = lookup.States;
        for (int i = 0; i < count; i++)
        {
            uint candidate = FlowIndex.FirstCandidate(states[i].Bucket, states[i].KeyHash);
            found[i] = candidate;
            Prefetch.Line(entries + candidate); // entry 0 exists and is never written
        }
    }

    /// <summary>Ends the look-up.</summary>
    /// <param name="found">The candidates of <see cref="Select"/>, replaced by results as of <see cref="Classify"/>.</param>
    /// <returns>How many were found in table 0.</returns>
    public int Confirm(BatchLookup lookup, FlowKey* keys, uint* found, int count)
    {
        int missed = lookup.UsesExact ? ConfirmExact(lookup, keys, found, count) : MissAll(count);
        if (missed > 0)
        {
            missed = FindInWildcard(lookup, keys, found, missed);
        }
        return count - missed;
    }

    /// <summary>Table 0 holds nothing: every packet goes on to table 1.</summary>
    private int MissAll(int count)
    {
        byte* missed = _missed.Start;
        for (int i = 0; i < count; i++)
        {
            missed[i] = (byte)i;
        }
        return count;
    }

    /// <summary>Table 0; lists the packets that are not in it.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private int ConfirmExact(BatchLookup lookup, FlowKey* keys, uint* found, int count)
    {
        FlowEntry* entries = _entries;
        LookupState* states = lookup.States;
        byte* missed = _missed.Start;
        int missedCount = 0;
        for (int i = 0; i < count; i++)
        {
            uint candidate = found[i];
            if (candidate == 0 || !FlowKey.Equals(entries[candidate].Key, keys[i]))
            {
                found[i] = FindRest(candidate, keys[i], states[i]);
                missed[missedCount] = (byte)i;
                missedCount += found[i] == 0 ? 1 : 0;
            }
        }
        return missedCount;
    }

    /// <summary>The first candidate was not it: the other slots, and where the bucket goes on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private uint FindRest(uint candidate, in FlowKey key, in LookupState state) =>
        candidate == 0 && FlowIndex.NextBucket(state.Bucket) == null ? 0 : _table.Exact.Find(state.Bucket, state.KeyHash, key);

    /// <summary>Searches table 1 for packets not in table 0, and both again for packets that a change meanwhile concerns (<see cref="FlowTable"/>).</summary>
    /// <returns>How many were not found in table 0.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private int FindInWildcard(BatchLookup lookup, FlowKey* keys, uint* found, int missedCount)
    {
        ChangeJournal changes = _table.Wildcard.Changes;
        long change = lookup.Change;
        byte* wanted = _wanted.Start;
        Unsafe.CopyBlock(wanted, _missed.Start, (uint)missedCount);
        int count = missedCount;
        int attempt = 1;
        for (; ; attempt++)
        {
            if (lookup.UsesCache)
            {
                FindWithCache(lookup.States, keys, found, new ReadOnlySpan<byte>(wanted, count), change);
            }
            else
            {
                Search(keys, found, new ReadOnlySpan<byte>(wanted, count));
            }
            long current = changes.Begun;
            if (current == change)
            {
                break;
            }
            int concerned = KeepConcerned(keys, wanted, count, change, current);
            count = FindExactAgain(keys, found, wanted, concerned);
            missedCount -= concerned - count;
            if (count == 0)
            {
                break;
            }
            if (attempt == FlowTable.AttemptsBeforeHold)
            {
                changes.Hold();
            }
            change = current;
        }
        if (attempt > FlowTable.AttemptsBeforeHold)
        {
            changes.LetGo();
        }
        return missedCount;
    }

    /// <summary>Keeps the packets whose result may be wrong because the table changed under the lookup.</summary>
    private int KeepConcerned(FlowKey* keys, byte* wanted, int count, long after, long upTo)
    {
        int kept = 0;
        for (int w = 0; w < count; w++)
        {
            byte i = wanted[w];
            wanted[kept] = i;
            kept += _table.Wildcard.Changes.MayHaveChanged(keys[i], after, upTo) ? 1 : 0;
        }
        return kept;
    }

    /// <summary>Table 0 once more; keeps the packets that are not in it.</summary>
    private int FindExactAgain(FlowKey* keys, uint* found, byte* wanted, int count)
    {
        int kept = 0;
        for (int w = 0; w < count; w++)
        {
            byte i = wanted[w];
            found[i] = _table.Exact.Find(_table.Hash.Compute(keys[i]), keys[i]);
            wanted[kept] = i;
            kept += found[i] == 0 ? 1 : 0;
        }
        return kept;
    }

    /// <summary>From the cache what is there, the rest from table 1 and then into the cache.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void FindWithCache(LookupState* states, FlowKey* keys, uint* found, ReadOnlySpan<byte> wanted, long change)
    {
        ChangeJournal changes = _table.Wildcard.Changes;
        foreach (byte i in wanted)
        {
            _cache.Prepare(states[i].KeyHash);
        }
        foreach (byte i in wanted)
        {
            states[i].Cached = _cache.CandidateFor(states[i].KeyHash);
        }
        byte* searched = _searched.Start;
        int count = 0;
        foreach (byte i in wanted)
        {
            bool known = FlowCache.TryFind(states[i].Cached, keys[i], changes, change, out found[i]);
            Prefetch.Line(_entries + found[i]);
            searched[count] = i;
            count += known ? 0 : 1;
        }
        _cache.NoteUse(wanted.Length, wanted.Length - count);
        if (count == 0)
        {
            return;
        }
        long asOf = changes.Completed;
        Search(keys, found, new ReadOnlySpan<byte>(searched, count));
        for (int s = 0; s < count; s++)
        {
            byte i = searched[s];
            _cache.Keep(states[i].KeyHash, keys[i], found[i], asOf);
        }
    }

    private void Search(FlowKey* keys, uint* found, ReadOnlySpan<byte> positions) =>
        _table.Wildcard.Search.Find(keys, positions, _search.Start, found);
}
