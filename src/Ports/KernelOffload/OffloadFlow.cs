using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Offload;

namespace Softswitch.Ports.KernelOffload;

/// <summary>A flow entry, and what the kernel has of it.</summary>
internal sealed class OffloadFlow(in OffloadEntry entry, OffloadMatch match)
{
    private const int PriorityBits = 48;

    public uint Id { get; } = entry.Id;

    /// <summary>As it counts: without wildcards an entry outranks all that have some.</summary>
    public ushort Priority { get; } = PriorityOf(entry);

    /// <summary>Whether there is memory for its counts.</summary>
    public bool HasElement { get; set; }

    public ulong Rank { get; } = HighestOf(PriorityOf(entry)) - entry.Sequence;

    public OffloadMatch Match { get; } = match;

    public FlowAction[] Actions { get; set; } = entry.Actions.ToArray();

    /// <summary>What its element says: 0 while the software executes the actions, else one more than the number of a record.</summary>
    public ulong Word { get; set; }

    /// <summary>Why the kernel cannot execute the actions; null if it can.</summary>
    public string? Reason { get; set; }

    /// <summary>The next of the same match by rank.</summary>
    public OffloadFlow? Below { get; set; }

    /// <summary>Above all ranks of a priority, and below those of the next.</summary>
    public static ulong HighestOf(ushort priority) => ((ulong)priority << PriorityBits) | ((1UL << PriorityBits) - 1);

    private static ushort PriorityOf(in OffloadEntry entry) => entry.IsExact ? ushort.MaxValue : entry.Priority;
}

/// <summary>The entries of one match. The highest is the only one that packets can meet.</summary>
internal sealed class OffloadMatch(FlowKey key, FlowKey mask, bool isExact)
{
    public FlowKey Key { get; } = key;

    public FlowKey Mask { get; } = mask;

    public bool IsExact { get; } = isExact;

    public OffloadFlow? Highest { get; private set; }

    /// <summary>The one that the program finds; null for none.</summary>
    public OffloadFlow? Found { get; set; }

    /// <summary>The number of the mask by which it finds that; 0 without wildcards.</summary>
    public uint FoundBy { get; set; }

    /// <summary>The priority noted for one that should be found and is not; null if nothing is noted.</summary>
    public ushort? Missing { get; set; }

    /// <summary>Its place among those that are tried again; null if it is none of them.</summary>
    public LinkedListNode<OffloadMatch>? Waiting { get; set; }

    /// <summary>The only port by which its packets come; 0 for any.</summary>
    public ushort InPort => Mask.InPort == ushort.MaxValue ? Key.InPort : (ushort)0;

    public void Add(OffloadFlow flow)
    {
        if (Highest == null || Highest.Rank < flow.Rank)
        {
            (flow.Below, Highest) = (Highest, flow);
            return;
        }
        OffloadFlow above = Highest;
        while (above.Below is OffloadFlow next && next.Rank > flow.Rank)
        {
            above = next;
        }
        (flow.Below, above.Below) = (above.Below, flow);
    }

    public void Remove(OffloadFlow flow)
    {
        if (Highest == flow)
        {
            Highest = flow.Below;
            return;
        }
        for (OffloadFlow? above = Highest; above != null; above = above.Below)
        {
            if (above.Below == flow)
            {
                above.Below = flow.Below;
                return;
            }
        }
    }
}
