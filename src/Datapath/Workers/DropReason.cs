namespace Softswitch.Datapath.Workers;

/// <summary>Why a packet ended inside the switch. Each worker counts each reason.</summary>
public enum DropReason
{
    /// <summary>Shorter than an Ethernet header.</summary>
    Runt,

    /// <summary>The ingress port is down or does not receive (OFPPC_PORT_DOWN, NO_RECV, NO_RECV_STP).</summary>
    IngressClosed,

    /// <summary>No flow entry and nobody to ask: no controller, or OFPPC_NO_PACKET_IN.</summary>
    Miss,

    /// <summary>The entry's action list has no output that leads anywhere.</summary>
    Action,

    /// <summary>Output to the port the packet came in on, without naming IN_PORT.</summary>
    OutputToIngress,

    /// <summary>Output to a port that does not exist.</summary>
    NoSuchPort,

    /// <summary>The egress port is down or does not forward (OFPPC_PORT_DOWN, NO_FWD).</summary>
    EgressClosed,

    /// <summary>The egress port's queue was full.</summary>
    TransmitQueueFull,

    /// <summary>The queue to another worker was full.</summary>
    HandoverQueueFull,

    /// <summary>The port's packet-in queue was full: the control side did not keep up.</summary>
    PacketInQueueFull,

    /// <summary>The port's packet-in queue was full because the rate limit held its packets back.</summary>
    PacketInLimit,

    /// <summary>No free frame for a copy or a segment.</summary>
    NoFrame,

    /// <summary>An unfinished checksum or segment whose offsets contradict the packet.</summary>
    BadOffload,

    /// <summary>NORMAL: the destination is on the ingress port, or an address bridges do not forward (802.1D).</summary>
    Bridge,

    Count,
}
