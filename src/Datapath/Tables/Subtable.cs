using Softswitch.Datapath.Flows;

namespace Softswitch.Datapath.Tables;

/// <summary>Wildcard entries of several masks, found by hashing the bits that all of these masks compare.</summary>
/// <remarks>Threads: workers read <see cref="Mask"/> and <see cref="Index"/>; the rest belongs to the control side.</remarks>
internal sealed class Subtable
{
    private FlowKey _mask;

    public Subtable(in FlowKey mask, int id, FlowIndex index)
    {
        _mask = mask;
        Id = id;
        Index = index;
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

    /// <summary>Its entries are on their way elsewhere: it takes no others.</summary>
    public bool IsLeaving { get; set; }

    /// <summary>Whether entries with this mask may be kept here.</summary>
    public bool Takes(in FlowKey mask) => !IsLeaving && FlowKey.Equals(FlowKey.And(mask, _mask), _mask);
}
