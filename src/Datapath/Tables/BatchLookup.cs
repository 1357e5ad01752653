using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Packets;

namespace Softswitch.Datapath.Tables;

/// <summary>What the steps of one batch's look-up hand to each other.</summary>
/// <remarks>It holds addresses in the table: it ends in the pass in which it began. Threads: one worker.</remarks>
internal sealed unsafe class BatchLookup : IDisposable
{
    private readonly NativeArray<LookupState> _states = new(PacketBatch.Capacity);

    /// <summary>One for each packet.</summary>
    public LookupState* States => _states.Start;

    /// <summary>The last change of table 1 that had begun before table 0 was looked at.</summary>
    public long Change { get; set; }

    /// <summary>Whether table 0 holds anything.</summary>
    public bool UsesExact { get; set; }

    /// <summary>Whether table 0 is so large that its memory is far away: other batches should be looked at while it comes.</summary>
    public bool IsFar { get; set; }

    /// <summary>Whether the worker's cache is asked before table 1.</summary>
    public bool UsesCache { get; set; }

    public void Dispose() => _states.Dispose();
}

/// <summary>The same for one packet.</summary>
internal unsafe struct LookupState
{
    /// <summary>Of the whole key.</summary>
    public ulong KeyHash;

    /// <summary>Of table 0.</summary>
    public byte* Bucket;

    public CachedFlow* Cached;
}
