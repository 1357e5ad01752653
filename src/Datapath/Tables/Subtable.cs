using Softswitch.Datapath.Flows;

namespace Softswitch.Datapath.Tables;

/// <summary>Wildcard entries of several masks, found by hashing the bits that all of these masks compare.</summary>
/// <remarks>Threads: workers read <see cref="Mask"/> and <see cref="Index"/>; the rest belongs to the control side.</remarks>
internal sealed unsafe class Subtable
{
    // Entries that may share a hash where another subtable could tell them apart: a bucket has 8 slots, for others too.
    private const int MaxSharingOneHash = 4;

    private readonly FlowEntry* _entries;
    private readonly FlowHash _hash;
    private FlowKey _mask;

    public Subtable(in FlowKey mask, int id, FlowIndexMemory memory, FlowStore store, FlowHash hash)
    {
        _entries = store.Entries;
        _hash = hash;
        _mask = mask;
        Id = id;
        Index = new FlowIndex(memory, store, HashOf);
        HashesOnlyInPort = FlowKey.Equals(mask, new FlowKey { InPort = ushort.MaxValue });
    }

    /// <summary>The bits that are hashed. Its entries may compare more.</summary>
    public ref readonly FlowKey Mask => ref _mask;

    /// <summary>Whether packets from one port all hash alike.</summary>
    public bool HashesOnlyInPort { get; }

    public int Id { get; }

    public FlowIndex Index { get; }

    /// <summary>No entry here has a higher priority; there may be none this high any more.</summary>
    public int PriorityBound { get; set; } = -1;

    /// <summary>Entries taken out since <see cref="PriorityBound"/> was last found by looking at all.</summary>
    public int Removals { get; set; }

    /// <summary>It takes no other entries: it is about to go, or has gone.</summary>
    public bool IsClosed { get; set; }

    /// <summary>What an entry is hashed to here.</summary>
    public ulong HashOf(uint index) => _hash.Compute(_entries[index].Key, _mask);

    /// <summary>Whether entries with this mask may be kept here.</summary>
    public bool Takes(in FlowKey mask) => !IsClosed && FlowKey.Equals(FlowKey.And(mask, _mask), _mask);

    /// <summary>Whether few enough entries share the hash of this one.</summary>
    public bool HasRoom(in FlowKey key, in FlowKey mask) =>
        FlowKey.Equals(_mask, mask) || Index.CountSharing(_hash.Compute(key, _mask)) < MaxSharingOneHash;

    /// <summary>Puts an entry in another's place in a single store. Both have the same mask and key.</summary>
    public void Replace(uint index, uint replacement) => Index.Replace(HashOf(index), index, replacement);
}
