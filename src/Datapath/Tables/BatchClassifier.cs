using System.Runtime.CompilerServices;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Packets;

namespace Softswitch.Datapath.Tables;

/// <summary>Looks batches of packets up in the flow table, with what one worker remembers of earlier ones.</summary>
/// <remarks>
/// Table 0, then the worker's cache of what table 1 gave, then table 1 itself; each step for all packets that are left, so that their memory
/// accesses overlap. Threads: one worker.
/// </remarks>
internal sealed unsafe class BatchClassifier : IDisposable
{
    // As fast as from the cache, without the memory it takes.
    private const int SubtablesWithoutCache = 2;

    private readonly FlowTable _table;
    private readonly FlowEntry* _entries;
    private readonly FlowCache _cache;
    private readonly NativeArray<LookupState> _states = new(PacketBatch.Capacity);

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
        WildcardTable wildcard = _table.Wildcard;
        long change = wildcard.Changes.Begun;
        bool useCache = wildcard.SubtableCount > SubtablesWithoutCache && _cache.IsWorthwhile();
        int missed = _table.Exact.IsEmpty ? MissAll(keys, count, useCache) : FindExact(keys, found, count);
        if (missed > 0)
        {
            missed = FindInWildcard(keys, found, missed, change, useCache);
        }
        return count - missed;
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
        _states.Dispose();
        _missed.Dispose();
        _wanted.Dispose();
        _searched.Dispose();
        _search.Dispose();
    }

    /// <summary>Table 0 holds nothing: every packet goes on to table 1.</summary>
    private int MissAll(FlowKey* keys, int count, bool useCache)
    {
        byte* missed = _missed.Start;
        for (int i = 0; i < count; i++)
        {
            missed[i] = (byte)i;
            if (useCache)
            {
                _states.Start[i].KeyHash = _table.Hash.Compute(keys[i]);
            }
        }
        return count;
    }

    /// <summary>Table 0; lists the packets that are not in it.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)] // its loops need the registers
    private int FindExact(FlowKey* keys, uint* found, int count)
    {
        FlowIndex exact = _table.Exact;
        FlowEntry* entries = _entries;
        LookupState* states = _states.Start;
        for (int i = 0; i < count; i++)
        {
            ulong hash = _table.Hash.Compute(keys[i]);
            byte* bucket = exact.BucketOf(hash);
            states[i].KeyHash = hash;
            states[i].Bucket = bucket;
            Prefetch.Line(bucket);
        }
        for (int i = 0; i < count; i++)
        {
            uint candidate = FlowIndex.FirstCandidate(states[i].Bucket, states[i].KeyHash);
            found[i] = candidate;
            Prefetch.Line(entries + candidate); // entry 0 exists and is never written
        }
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

    /// <summary>Table 1 for those that are not in table 0; both again for those that a change meanwhile concerns (see <see cref="FlowTable"/>).</summary>
    /// <param name="change">The last one that had begun before table 0 was looked at.</param>
    /// <returns>How many were not found in table 0.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private int FindInWildcard(FlowKey* keys, uint* found, int missedCount, long change, bool useCache)
    {
        ChangeJournal changes = _table.Wildcard.Changes;
        byte* wanted = _wanted.Start;
        Unsafe.CopyBlock(wanted, _missed.Start, (uint)missedCount);
        int count = missedCount;
        int attempt = 1;
        for (; ; attempt++)
        {
            if (useCache)
            {
                FindWithCache(keys, found, new ReadOnlySpan<byte>(wanted, count), change);
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
    private void FindWithCache(FlowKey* keys, uint* found, ReadOnlySpan<byte> wanted, long change)
    {
        ChangeJournal changes = _table.Wildcard.Changes;
        LookupState* states = _states.Start;
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

/// <summary>What the passes of a batch lookup hand to each other.</summary>
internal unsafe struct LookupState
{
    /// <summary>Of the whole key.</summary>
    public ulong KeyHash;

    /// <summary>Of table 0.</summary>
    public byte* Bucket;

    public CachedFlow* Cached;
}
