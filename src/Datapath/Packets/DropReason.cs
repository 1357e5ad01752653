namespace Softswitch.Datapath.Packets;

/// <summary>Why a packet ended inside the switch. Each worker counts each reason.</summary>
public enum DropReason
{
    /// <summary>Shorter than an Ethernet header.</summary>
    Runt,

    /// <summary>The ingress port is down or does not receive (OFPPC_PORT_DOWN, NO_RECV, NO_RECV_STP).</summary>
    IngressClosed,

    /// <summary>No flow entry, and no controller gets a packet-in: none is connected, or OFPPC_NO_PACKET_IN.</summary>
    Miss,

    /// <summary>The entry's action list has no output that leads anywhere.</summary>
    Action,

    /// <summary>Output to the port the packet came in on, without naming IN_PORT.</summary>
    OutputToIngress,

    /// <summary>
    /// Output to a port that does not exist, or that went, or whose queue went, while the packet waited there; or it waited for the controller
    /// when its ingress went.
    /// </summary>
    NoSuchPort,

    /// <summary>The egress port is down or does not forward (OFPPC_PORT_DOWN, NO_FWD).</summary>
    EgressClosed,

    /// <summary>The egress port's queue was full.</summary>
    TransmitQueueFull,

    /// <summary>The queue to another worker was full.</summary>
    HandoverQueueFull,

    /// <summary>More packet-ins at once than may wait, of the port or of the switch, while no rate limit held them back.</summary>
    PacketInQueueFull,

    /// <summary>The port's packet-in queue was full because the rate limit held its packets back.</summary>
    PacketInLimit,

    /// <summary>No free frame for a copy or a segment.</summary>
    NoFrame,

    /// <summary>A partial checksum or segment whose offsets contradict the packet.</summary>
    BadOffload,

    /// <summary>A segment to be cut into more frames, or smaller ones, than any sender's stack makes.</summary>
    TinySegments,

    /// <summary>An action list that outputs more than one packet may cost: the outputs after that were left out.</summary>
    TooManyOutputs,

    /// <summary>NORMAL: the destination is on the ingress port, or an address bridges do not forward (802.1D).</summary>
    Bridge,

    /// <summary>NORMAL, FLOOD or a miss of what came in on a port that spanning tree keeps from forwarding.</summary>
    SpanningTree,

    /// <summary>An 802.1D frame while too many of the same port wait for the control side, or of the switch's own for a worker.</summary>
    BpduQueueFull,

    /// <summary>A fragment while fragments are dropped (OFPC_FRAG_DROP).</summary>
    Fragment,

    /// <summary>A fragment that cannot be one, overlaps or contradicts another of its datagram, or belongs to a datagram that was given up for that.</summary>
    FragmentRefused,

    /// <summary>A fragment that was there already.</summary>
    FragmentDuplicate,

    /// <summary>The rest of the fragment's datagram did not come in time.</summary>
    ReassemblyTimeout,

    /// <summary>The fragment's datagram was the oldest when there was no place for another.</summary>
    ReassemblyFull,

    /// <summary>Longer than the egress port's MTU or a guest's buffers, and no datagram that may be cut, or there is no room for a fragment.</summary>
    TooLong,

    // Tunnels and the ports they travel by.

    /// <summary>Came encapsulated from a known peer with a key that no tunnel port has.</summary>
    TunnelKey,

    /// <summary>Came encapsulated from an address that is no tunnel port's remote end.</summary>
    TunnelPeer,

    /// <summary>Came encapsulated in headers that are cut short, or contradict each other or their protocol.</summary>
    TunnelMalformed,

    /// <summary>Came encapsulated with a wrong checksum in an outer header.</summary>
    TunnelChecksum,

    /// <summary>A tunnel's own packet: back from the network, or about to be sent through the same tunnel again.</summary>
    TunnelLoop,

    /// <summary>The network marked the outer packet for congestion, which the inner packet's sender would not understand (RFC 6040 §4.2).</summary>
    TunnelCongestion,

    /// <summary>Decapsulated faster than the worker forwards.</summary>
    TunnelQueueFull,

    /// <summary>To a tunnel whose underlay has no route to the remote end, or whose next hop does not answer, or too many packets wait for its answer.</summary>
    TunnelUnreachable,

    /// <summary>To a tunnel whose underlay port is gone.</summary>
    TunnelDown,

    /// <summary>To a tunnel with <c>remote=flow</c> by a flow that set no destination.</summary>
    TunnelNoDestination,

    /// <summary>To an <c>ipip:</c> tunnel, which carries nothing but IPv4.</summary>
    TunnelNotIpv4,

    /// <summary>A controller sends packets faster than a worker takes them, or their actions fill the memory there is for them.</summary>
    PacketOutQueueFull,

    // At the egress port's device.

    /// <summary>The egress port has no link: no carrier, no far end, or its interface is down or gone.</summary>
    LinkDown,

    // By other devices, which tell how many and not which.

    /// <summary>Arrived and lost before the switch had it: the device's ring was full, or there was no free frame.</summary>
    ReceiveRingFull,

    /// <summary>Arrived damaged, cut short or longer than the switch carries.</summary>
    ReceiveError,

    /// <summary>Taken by the device to send and dropped afterwards: a queue below was full, or had no far end.</summary>
    DeviceDropped,

    /// <summary>Taken by the device to send and refused, for another reason than its link or its MTU.</summary>
    DeviceRefused,

    /// <summary>How many reasons there are; none itself.</summary>
    Count,
}
