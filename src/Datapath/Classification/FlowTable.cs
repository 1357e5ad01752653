using System.Runtime.CompilerServices;
using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Workers;

namespace Softswitch.Datapath.Classification;

/// <summary>The flow table: table 0 holds the exact entries, table 1 those with wildcards (OpenFlow 1.0.0 §3.4).</summary>
/// <remarks>
/// Threads: workers classify; the control side changes. A change is visible to every lookup that begins after it; no lookup sees
/// half of one. An exact entry outranks every wildcard entry whatever its priority says. A lookup reads several structures one after
/// the other, so a controller that adds a new entry and then deletes the old one could slip by it: not yet there, already gone. Table 1
/// therefore counts its changes, and a lookup that came to an end in table 1 and met one is done again.
/// </remarks>
internal sealed unsafe class FlowTable : IDisposable
{
    public const byte ExactTableId = 0;
    public const byte WildcardTableId = 1;

    // Changes cost far more than lookups: to meet one each time is no accident any more, and a worker must not be held up.
    private const int MaxAttempts = 16;

    private readonly FlowIndexMemory _memory;
    private readonly FlowEntry* _entries;

    public FlowTable(FlowStore store, GracePeriod grace, FlowHash hash)
    {
        Store = store;
        Hash = hash;
        _memory = new FlowIndexMemory(grace);
        _entries = store.Entries;
        Exact = new FlowIndex(_memory, store);
        Wildcard = new WildcardTable(_memory, store, hash);
    }

    /// <summary>Memory of both tables.</summary>
    public FlowIndexMemory Memory => _memory;

    public FlowStore Store { get; }

    public FlowHash Hash { get; }

    public FlowIndex Exact { get; }

    public WildcardTable Wildcard { get; }

    /// <summary>The entry that treats a packet with this key, or 0. Any thread.</summary>
    public uint Find(in FlowKey key) => Find(key, out _);

    /// <param name="exact">Whether it is of table 0.</param>
    public uint Find(in FlowKey key, out bool exact)
    {
        ulong hash = Hash.Compute(key);
        uint index = 0;
        exact = false;
        for (int i = 0; i < MaxAttempts; i++)
        {
            long version = Wildcard.Version;
            index = Exact.Find(hash, key);
            exact = index != 0;
            if (exact)
            {
                break;
            }
            index = Wildcard.Find(key);
            if (Wildcard.Version == version)
            {
                break;
            }
        }
        return index;
    }

    /// <summary>Looks a batch up. Three passes, so that the memory accesses of all packets overlap.</summary>
    /// <param name="keys">Parsed keys.</param>
    /// <param name="scratch">As many words, overwritten.</param>
    /// <param name="found">Receives entry indices; 0 for a miss.</param>
    /// <returns>How many were found in table 0.</returns>
    public int Classify(FlowKey* keys, LookupState* scratch, uint* found, int count)
    {
        Span<byte> pending = stackalloc byte[PacketBatch.Capacity];
        int pendingCount = 0;
        long version = Wildcard.Version;
        for (int i = 0; i < count; i++)
        {
            ulong hash = Hash.Compute(keys[i]);
            byte* bucket = Exact.BucketOf(hash);
            scratch[i].Hash = hash;
            scratch[i].Bucket = bucket;
            Prefetch.Line(bucket);
        }
        for (int i = 0; i < count; i++)
        {
            uint candidate = FlowIndex.FirstCandidate(scratch[i].Bucket, scratch[i].Hash);
            found[i] = candidate;
            Prefetch.Line(_entries + candidate); // entry 0 exists and is never written
        }
        int exact = 0;
        for (int i = 0; i < count; i++)
        {
            uint candidate = found[i];
            if (candidate == 0 || !FlowKey.Equals(_entries[candidate].Key, keys[i]))
            {
                candidate = FindRest(candidate, keys[i], scratch[i]);
                found[i] = candidate;
                if (candidate == 0)
                {
                    pending[pendingCount++] = (byte)i;
                    continue;
                }
            }
            exact++;
        }
        if (pendingCount > 0)
        {
            exact += FindInWildcard(keys, scratch, found, pending[..pendingCount], version);
        }
        return exact;
    }

    public void Dispose()
    {
        Wildcard.Dispose();
        _memory.Dispose();
    }

    /// <summary>The first candidate was not it: the other slots, and where the bucket goes on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private uint FindRest(uint candidate, in FlowKey key, in LookupState state) =>
        candidate == 0 && FlowIndex.NextBucket(state.Bucket) == null ? 0 : Exact.Find(state.Bucket, state.Hash, key);

    /// <summary>Table 1 for those that are not in table 0; both again if table 1 changed meanwhile.</summary>
    /// <returns>How many were found in table 0 after all.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private int FindInWildcard(FlowKey* keys, LookupState* scratch, uint* found, ReadOnlySpan<byte> missed, long version)
    {
        Span<byte> pending = stackalloc byte[PacketBatch.Capacity];
        missed.CopyTo(pending);
        int count = missed.Length;
        for (int attempt = 1; true; attempt++)
        {
            Wildcard.Find(keys, scratch, pending[..count], found);
            long current = Wildcard.Version;
            if (current == version || attempt == MaxAttempts)
            {
                return missed.Length - count;
            }
            version = current;
            count = 0;
            foreach (byte i in missed)
            {
                found[i] = Exact.Find(Hash.Compute(keys[i]), keys[i]);
                pending[count] = i;
                count += found[i] == 0 ? 1 : 0;
            }
        }
    }
}

/// <summary>What the passes of a batch lookup hand to each other.</summary>
internal unsafe struct LookupState
{
    public ulong Hash;
    public byte* Bucket;
    public BestEntry Best;
}
