using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Offload;
using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Offload.Planning;

/// <summary>One entry of the software's flow table, its images for the card, and the card's counts for it.</summary>
internal sealed class CardFlow
{
    private readonly FlowKey _key;
    private readonly FlowKey _mask;

    /// <param name="ports">Card ports whose frames it can match, a bit each.</param>
    public CardFlow(in OffloadEntry entry, byte ports)
        : this(entry.IsExact ? FlowClass.Exact : FlowClass.Wildcard, entry.Key, entry.Mask, ports)
    {
        Id = entry.Id;
        Priority = entry.Priority;
        Sequence = entry.Sequence;
        Actions = entry.Actions.ToArray();
    }

    private CardFlow(FlowClass flowClass, in FlowKey key, in FlowKey mask, byte ports)
    {
        Class = flowClass;
        _key = key;
        _mask = mask;
        Ports = ports;
    }

    /// <summary>A guard above the table: matching frames of one port must go to software.</summary>
    public static CardFlow Guard(in FlowKey key, in FlowKey mask, int port, int number) =>
        new(FlowClass.Guard, key, mask, (byte)(1 << port)) { Sequence = (ulong)number, PuntPorts = (byte)(1 << port) };

    public uint Id { get; }

    public FlowClass Class { get; }

    public ref readonly FlowKey Key => ref _key;

    public ref readonly FlowKey Mask => ref _mask;

    public ushort Priority { get; }

    public ulong Sequence { get; private init; }

    public FlowAction[] Actions { get; set; } = [];

    /// <summary>Card ports whose frames it can match, a bit each. 0: no frames of the flow come by the card.</summary>
    public byte Ports { get; }

    /// <summary>Card ports whose frames must be punted where a lower row would take them from this flow.</summary>
    public byte PuntPorts { get; set; }

    public FlowRole Role { get; set; }

    /// <summary>Why its actions or its match cannot be the card's; null if they can.</summary>
    public string? Reason { get; set; }

    /// <summary>Why the card holds nothing of it although it could; null if it does, or could not.</summary>
    public string? Unplaced { get; set; }

    /// <summary>Exact: the entry for its slot, which gives the frame to the host if <see cref="Reason"/> is set or its port is closed.</summary>
    public SlotImage SlotImage { get; set; }

    /// <summary>Exact: <see cref="SlotImage"/> only punts; its hits are none of hardware.</summary>
    public bool SlotPunts { get; set; }

    /// <summary>Exact: the two places of <see cref="SlotImage"/>; -1 if it can have none.</summary>
    public int SlotA { get; set; } = -1;

    public int SlotB { get; set; } = -1;

    /// <summary>Exact: where it is placed; -1 for nowhere.</summary>
    public int Slot { get; set; } = -1;

    /// <summary>Wildcards: the rows that do what it says, in their order; empty if <see cref="Reason"/> is set.</summary>
    public IReadOnlyList<RowItem> Rows { get; set; } = [];

    /// <summary>Card ports whose frames some of <see cref="Rows"/> matches.</summary>
    public byte RowPorts { get; set; }

    /// <summary>What the search for rows remembers about it; null outside of the rows' reach.</summary>
    public BlockerList? Blockers { get; set; }

    public ulong Packets { get; private set; }

    public ulong Bytes { get; private set; }

    /// <summary>Control clock in milliseconds; 0 before the first hit.</summary>
    public long LastUsed { get; private set; }

    /// <summary>Adds what the card counted since the last time.</summary>
    public void Credit(ulong packets, ulong bytes, long now)
    {
        Packets += packets;
        Bytes += bytes;
        if (packets != 0)
        {
            LastUsed = now;
        }
    }

    /// <summary>Whether a frame can match both. Conservative: it does not know which fields exclude each other.</summary>
    public bool Overlaps(CardFlow other)
    {
        FlowKey both = FlowKey.And(_mask, other._mask);
        FlowKey mine = FlowKey.And(_key, both);
        return FlowKey.Equals(mine, FlowKey.And(other._key, both));
    }

    /// <summary>OpenFlow 1.0.0 §3.4: exact before wildcards, then by priority; then the older.</summary>
    public bool RanksAbove(CardFlow other) => RankComparer.Instance.Compare(this, other) < 0;
}

/// <summary>Classes of flows; each class ranks above the next one, whatever the priority.</summary>
internal enum FlowClass
{
    /// <summary>What frames meet before the table.</summary>
    Guard,

    Exact,

    Wildcard,
}

/// <summary>The place that a flow may have on the card.</summary>
internal enum FlowRole
{
    /// <summary>None of its frames can come by the card.</summary>
    None,

    /// <summary>It has a slot of the exact table, to be forwarded or to be punted.</summary>
    Slot,

    /// <summary>It could have rows.</summary>
    Candidate,

    /// <summary>It is in software; rows below it that would take its frames need punts.</summary>
    Software,
}

/// <summary>The highest rank first; no two flows are equal.</summary>
internal sealed class RankComparer : IComparer<CardFlow>
{
    public static readonly RankComparer Instance = new();

    public int Compare(CardFlow? x, CardFlow? y)
    {
        if (ReferenceEquals(x, y) || x == null || y == null)
        {
            return Comparer<bool>.Default.Compare(x == null, y == null);
        }
        int result = x.Class.CompareTo(y.Class);
        if (result == 0 && x.Class == FlowClass.Wildcard)
        {
            result = y.Priority.CompareTo(x.Priority);
        }
        if (result == 0)
        {
            result = x.Sequence.CompareTo(y.Sequence);
        }
        return result != 0 ? result : x.Id.CompareTo(y.Id);
    }
}
