using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;

namespace Softswitch.Datapath.Tracing;

/// <summary>What can happen to a packet on its way.</summary>
internal enum TraceStepKind
{
    /// <summary>The port kept it for itself.</summary>
    Claimed,

    /// <summary>What was in it is received by another port, and goes on in its place.</summary>
    Decapsulated,

    /// <summary>An 802.1D frame went to spanning tree.</summary>
    SpanningTree,

    /// <summary>Bridged past the flow table: in-band control.</summary>
    InBand,

    /// <summary>A fragment that waits for the rest of its datagram.</summary>
    Held,

    /// <summary>The fragment was the last of its datagram, which goes on in its place.</summary>
    Reassembled,

    /// <summary>An entry matched.</summary>
    Entry,

    /// <summary>No entry matched.</summary>
    Miss,

    /// <summary>An action that changes the packet was executed.</summary>
    Rewrite,

    /// <summary>An output or enqueue is executed; what it leads to follows.</summary>
    Send,

    /// <summary>A flood left a port out.</summary>
    Skipped,

    /// <summary>NORMAL learned a station.</summary>
    Learned,

    /// <summary>NORMAL looked a station up.</summary>
    Located,

    /// <summary>A packet, whole and finished, was given to a port.</summary>
    Output,

    /// <summary>The port put it into another packet, which leaves by a port below.</summary>
    Encapsulated,

    /// <summary>It waits at the port, for the next hop's address.</summary>
    Waiting,

    /// <summary>The port tells the sender something: a packet comes in there.</summary>
    Answered,

    /// <summary>Given to the controller.</summary>
    PacketIn,

    /// <summary>It ended.</summary>
    Dropped,

    /// <summary>More happened than is written down.</summary>
    LeftOut,
}

/// <summary>One step of a packet on its way. Only the members that its kind names are meaningful.</summary>
internal sealed record TraceStep(TraceStepKind Kind)
{
    /// <summary>
    /// Where it leaves, is left out, waits, was learned or is received anew; of a drop at an egress that port; 0 for none.
    /// </summary>
    public ushort Port { get; init; }

    /// <summary>Entry: its index, valid as long as the control lock is held.</summary>
    public uint Entry { get; init; }

    /// <summary>Rewrite, Send.</summary>
    public FlowAction Action { get; init; }

    /// <summary>Entry: what it does.</summary>
    public IReadOnlyList<FlowAction> Actions { get; init; } = [];

    /// <summary>The packet after this step; of Entry and Miss as the table saw it.</summary>
    public byte[] Bytes { get; init; } = [];

    /// <summary>Rewrite: the packet before.</summary>
    public byte[] Before { get; init; } = [];

    /// <summary>Output: the queue of the port that was named; null for none.</summary>
    public uint? Queue { get; init; }

    /// <summary>Output: what a flow said of the tunnel; null for nothing.</summary>
    public TunnelState? Tunnel { get; init; }

    /// <summary>Encapsulated, Waiting: how the outer packet finds its way. Claimed, Decapsulated: what it was.</summary>
    public string Way { get; init; } = "";

    /// <summary>Dropped.</summary>
    public DropReason Reason { get; init; }

    /// <summary>Dropped: how many packets. LeftOut: how many steps.</summary>
    public int Count { get; init; } = 1;

    /// <summary>PacketIn.</summary>
    public PacketInReason PacketInReason { get; init; }

    /// <summary>PacketIn: how many bytes the controller asked for.</summary>
    public ushort MaxLength { get; init; }

    /// <summary>Learned, Located.</summary>
    public MacAddress Station { get; init; }

    /// <summary>Skipped: settings for which a port is left out.</summary>
    public Ports.PortConfig Excluded { get; init; }

    /// <summary>Skipped: what spanning tree must allow.</summary>
    public BridgePortFlags Needed { get; init; }
}

/// <summary>The way of one packet through the switch.</summary>
/// <param name="InPort">Where it came in.</param>
/// <param name="Bytes">As it came.</param>
/// <param name="Key">What the parser made of it.</param>
/// <param name="Steps">In order.</param>
internal sealed record PacketTrace(ushort InPort, byte[] Bytes, FlowKey Key, IReadOnlyList<TraceStep> Steps);
