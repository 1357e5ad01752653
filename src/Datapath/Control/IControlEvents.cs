using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;

namespace Softswitch.Datapath.Control;

/// <summary>enum ofp_port_reason (OpenFlow 1.0.0 §5.4.3).</summary>
public enum PortStatusReason : byte
{
    /// <summary>OFPPR_ADD.</summary>
    Add = 0,

    /// <summary>OFPPR_DELETE.</summary>
    Delete = 1,

    /// <summary>OFPPR_MODIFY: its link, its configuration or its address.</summary>
    Modify = 2,
}

/// <summary>A packet for the controller. <see cref="Data"/> is valid during the call only.</summary>
public readonly ref struct PacketIn
{
    /// <summary>The buffer that keeps the packet, or <see cref="FlowMod.NoBuffer"/>: then the whole packet must be sent.</summary>
    public required uint BufferId { get; init; }

    /// <summary>The port it came in on.</summary>
    public required ushort InPort { get; init; }

    /// <summary>Why it is sent up.</summary>
    public required PacketInReason Reason { get; init; }

    /// <summary>max_len of the action; for a table miss the agent's miss_send_len decides.</summary>
    public required ushort MaxLength { get; init; }

    /// <summary>The whole packet, its checksums finished.</summary>
    public required ReadOnlySpan<byte> Data { get; init; }
}

/// <summary>A flow entry's end.</summary>
public readonly record struct FlowRemoved(
    FlowMatch Match,
    ulong Cookie,
    ushort Priority,
    FlowRemovedReason Reason,
    TimeSpan Duration,
    ushort IdleTimeoutSeconds,
    ulong PacketCount,
    ulong ByteCount);

/// <summary>How far a receiver is with the ends of entries.</summary>
internal readonly struct FlowRemovedCursor
{
    internal FlowRemovedCursor(uint last, long count)
    {
        Last = last;
        Count = count;
    }

    /// <summary>How many of all there ever were it has taken or passed over.</summary>
    public long Count { get; }

    /// <summary>The last of them.</summary>
    internal uint Last { get; }
}

/// <summary>What the datapath tells its agent.</summary>
/// <remarks>Threads: called by the thread that holds the control lock. Implementations do not block and do not throw.</remarks>
internal interface IControlEvents
{
    void OnPacketIn(in PacketIn packetIn);

    /// <summary>Entries have ended. Each receiver takes what it has room for (<see cref="RemovedFlows.TryRead"/>); the rest waits in the entries' own memory.</summary>
    /// <param name="limit">How many a receiver may take at most.</param>
    /// <param name="force">Whether it has to take them even without room: the memory is needed.</param>
    /// <returns>How far the last of the receivers is (<see cref="FlowRemovedCursor.Count"/>); <see cref="long.MaxValue"/> if there is none.</returns>
    long OnFlowsRemoved(int limit, bool force);

    void OnPortStatus(PortStatusReason reason, in PortDescription port);
}
