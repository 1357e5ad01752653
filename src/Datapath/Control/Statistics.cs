using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Ports;

namespace Softswitch.Datapath.Control;

/// <summary>Which flow entries a statistics request is about (OpenFlow 1.0.0 §5.3.5).</summary>
internal readonly struct FlowFilter
{
    /// <summary>Id of the flow table. Its two structures are not visible to controllers.</summary>
    public const byte FlowTable = 0;

    /// <summary>Table id that stands for all tables.</summary>
    public const byte AllTables = 0xff;

    /// <summary>Table id of the emergency table, which "all tables" does not include: its entries are not in force.</summary>
    public const byte EmergencyTable = 0xfe;

    internal readonly FlowKey Key;
    internal readonly FlowKey Mask;

    /// <param name="match">Entries whose match is the same or narrower.</param>
    /// <param name="tableId">0, the flow table's, or 0xff, which means it too; 0xfe for the emergency table. In any other there is nothing.</param>
    /// <param name="outPort">Restricts to entries that output there; <see cref="PortNumber.None"/> for no restriction.</param>
    public FlowFilter(in FlowMatch match, byte tableId = AllTables, ushort outPort = Ports.PortNumber.None)
    {
        MatchNormalizer.Normalize(match, out Key, out Mask);
        Match = match;
        TableId = tableId;
        OutPort = outPort;
    }

    /// <summary>As given.</summary>
    public FlowMatch Match { get; }

    public byte TableId { get; }

    public ushort OutPort { get; }

    /// <summary>Whether it is about the flow table.</summary>
    public static bool IsFlowTable(byte tableId) => tableId is FlowTable or AllTables;

    /// <summary>True if every packet the entry matches is one the filter's match would match too.</summary>
    internal bool Covers(in FlowKey key, in FlowKey mask) => FlowKey.Equals(FlowKey.And(mask, Mask), Mask) && FlowKey.Matches(key, Key, Mask);
}

/// <summary>One flow entry's description and counters. The spans are valid until the control lock is left.</summary>
/// <remarks><see cref="Flags"/>, <see cref="Sequence"/> and <see cref="Idle"/> are not in OpenFlow's statistics: they are 0 for another switch.</remarks>
internal ref struct FlowStatistics
{
    public byte TableId;
    public FlowMatch Match;
    public FlowModFlags Flags;

    /// <summary>Names the entry in its table, also when another takes its place: of two that rank alike the lower is the better. Never 0.</summary>
    public ulong Sequence;

    /// <summary>Time since the entry was added.</summary>
    public TimeSpan Duration;

    /// <summary>Time since the last packet, or since the entry was added if it had none; correct up to 24 days.</summary>
    public TimeSpan Idle;

    public ushort Priority;
    public ushort IdleTimeoutSeconds;
    public ushort HardTimeoutSeconds;
    public ulong Cookie;
    public ulong PacketCount;
    public ulong ByteCount;
    public ReadOnlySpan<FlowAction> Actions;
}

/// <summary>Totals over a set of flow entries.</summary>
internal record struct AggregateStatistics(ulong PacketCount, ulong ByteCount, uint FlowCount);

/// <summary>One flow table's counters: struct ofp_table_stats.</summary>
/// <param name="MaxEntries">Entries that there is room for.</param>
internal readonly record struct TableStatistics(
    byte TableId, string Name, FlowWildcards Wildcards, uint MaxEntries, uint ActiveCount, ulong LookupCount, ulong MatchedCount);

/// <summary>One queue's counters: struct ofp_queue_stats.</summary>
/// <param name="TransmitErrors">Packets lost because the queue was full.</param>
internal readonly record struct QueueStatistics(
    ushort PortNumber, uint QueueId, ulong TransmittedBytes, ulong TransmittedPackets, ulong TransmitErrors);
