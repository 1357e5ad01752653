using System.Runtime.InteropServices;
using Softswitch.Datapath.Flows;

namespace Softswitch.Datapath.Tables;

/// <summary>Where an entry is in its life.</summary>
internal enum FlowRecordState : byte
{
    Free = 0,
    Exact,
    Wildcard,

    /// <summary>Out of the table; workers may still hold it until their current pass ends, and its end may have to be reported.</summary>
    Retired,
}

/// <summary>The part of a flow entry that only the control side touches, at the same index as its <see cref="FlowEntry"/>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct FlowRecord
{
    /// <summary>Age: of two entries of equal priority the lower wins. A replaced entry hands its place on.</summary>
    public ulong Sequence;

    public ulong Cookie;

    /// <summary>Control clock at installation, in ticks of 100 ns.</summary>
    public long InstalledAt;

    /// <summary>Of the key, with wildcards of key and mask.</summary>
    public ulong Hash;

    /// <summary>As sent.</summary>
    public FlowMatch Match;

    public ushort Priority;
    public ushort IdleTimeoutSeconds;
    public ushort HardTimeoutSeconds;
    public FlowModFlags Flags;

    /// <summary>Wildcard entries that packets can find: the subtable; negative for none.</summary>
    public int Subtable;

    /// <summary>Wildcard entries: the group of those with the same mask and key (<see cref="MatchGroups"/>); 0 for one that is alone.</summary>
    public int Group;

    /// <summary>Free entries: the free list; removed ones: the queue of those whose end is to be reported. 0 ends it.</summary>
    public uint Next;

    public uint TimerNext;
    public uint TimerPrevious;

    /// <summary>Slot of the timer wheel plus 1; 0 when not on it.</summary>
    public ushort TimerSlot;

    public FlowRecordState State;

    /// <summary>Set when the entry's end is to be reported; <see cref="RemovedReason"/> says why it ended.</summary>
    public bool ReportRemoval;

    /// <summary>Control clock when it left the table, in ticks of 100 ns.</summary>
    public long RemovedAt;
    public FlowRemovedReason RemovedReason;
}
