using Softswitch.Datapath.Packets;

namespace Softswitch.Hosting.Reports;

/// <summary>Every reason for which a packet ends, in words for people, and what to do about it.</summary>
internal static class DropTexts
{
    private static readonly Dictionary<DropReason, DropText> All = new()
    {
        [DropReason.Runt] = new("shorter than an Ethernet header", "look at what sends them; no switch could forward them"),
        [DropReason.IngressClosed] = new(
            "came in by a port that does not receive",
            "ofctl mod-port TARGET PORT receive, or up, if it is to"),
        [DropReason.Miss] = new(
            "no flow entry matched, and nobody was there to ask",
            "add a flow entry, connect a controller, or run with --fail-mode standalone"),
        [DropReason.Action] = new(
            "the flow entry has no output that leads anywhere",
            "nothing if it is meant to drop; else give it an output: ofctl dump-flows"),
        [DropReason.OutputToIngress] = new(
            "to be sent back by the port they came in on",
            "actions=in_port sends back; a port's own number never does (OpenFlow 1.0, 3.3)"),
        [DropReason.NoSuchPort] = new(
            "to a port that does not exist",
            "ofctl dump-flows shows which entry names it: correct the entry or add the port (softswitch port add)"),
        [DropReason.EgressClosed] = new(
            "to a port that is down or does not forward",
            "ofctl mod-port TARGET PORT up, or forward, if it is to"),
        [DropReason.TransmitQueueFull] = new(
            "the port's queue was full",
            "more came than the port sends: a faster port, a guarantee for what matters (--queue), or less traffic"),
        [DropReason.HandoverQueueFull] = new(
            "the queue to the worker that serves the port was full",
            "more workers or pinned ones (--workers, --cpus), so that its worker keeps up"),
        [DropReason.PacketInQueueFull] = new(
            "more packets for the controller at once than may wait",
            "a quarter of the frames may wait, two thirds of that from one port: more --frames, or flow entries for this traffic"),
        [DropReason.PacketInLimit] = new(
            "the limit on packets for the controller held them back",
            "raise --packet-in-rate if the controller can take more, or add flow entries for this traffic"),
        [DropReason.NoFrame] = new("no free packet memory", "more of it: --frames; copies, segments and fragments need some too"),
        [DropReason.BadOffload] = new(
            "their offload data contradicts the packet",
            "look at what sends them: a virtual machine or program writes a wrong virtio header"),
        [DropReason.TinySegments] = new(
            "segments to be cut into more or smaller frames than any sender makes",
            "look at what sends them: a virtual machine or program asks for them with a wrong segment size"),
        [DropReason.TooManyOutputs] = new(
            "their flow entry has more outputs than one packet may cost",
            "fewer outputs in one entry, or shorter packets: what had left by then is sent"),
        [DropReason.Bridge] = new(
            "as a learning bridge would: the receiver is where they came from, or bridges keep the address",
            "nothing: this is how NORMAL works (802.1D)"),
        [DropReason.SpanningTree] = new(
            "spanning tree does not let the port forward that they came in by",
            "nothing if there is a loop; else look at the tree: ofctl show"),
        [DropReason.BpduQueueFull] = new("too many 802.1D frames at once", "a neighbour floods them: look at what is on that port"),
        [DropReason.Fragment] = new("fragments, which are set to be dropped", "ofctl set-frags TARGET normal, or reassemble"),
        [DropReason.FragmentRefused] = new(
            "fragments that contradict each other",
            "look at what sends them: overlapping fragments are an attack or a fault"),
        [DropReason.FragmentDuplicate] = new("fragments that were there already", "something on the way sends packets twice"),
        [DropReason.ReassemblyTimeout] = new("the rest of the fragments' datagram did not come", "packets are lost before the switch"),
        [DropReason.ReassemblyFull] = new(
            "too many datagrams in fragments at once",
            "whoever sends them should send shorter packets; the oldest datagram gave way"),
        [DropReason.TooLong] = new(
            "longer than the port's MTU or a guest's buffers, and not to be cut",
            "the same MTU on all ports, or let the sender learn it"),
        [DropReason.TunnelKey] = new("from a tunnel's peer, with a key no tunnel has", "key= at both ends has to be the same"),
        [DropReason.TunnelPeer] = new(
            "encapsulated, from an address that is no tunnel's remote end",
            "remote= has to be the peer's address"),
        [DropReason.TunnelMalformed] = new("encapsulated, and damaged", "look at what sends them: lengths or headers are wrong"),
        [DropReason.TunnelChecksum] = new("encapsulated, with a wrong checksum", "something on the way damages packets"),
        [DropReason.TunnelLoop] = new(
            "a tunnel's own packets, on their way into it again",
            "the way to the remote end must not lead through the tunnel"),
        [DropReason.TunnelCongestion] = new(
            "marked for congestion on the way, which their sender would not understand",
            "the network between the tunnel's ends is full"),
        [DropReason.TunnelQueueFull] = new("unwrapped faster than they are forwarded", "more workers (--workers), or less traffic"),
        [DropReason.TunnelUnreachable] = new(
            "no way to the tunnel's remote end, or its next hop is silent",
            "ping the next hop; address=, route= and neighbours= of the port below"),
        [DropReason.TunnelDown] = new("the port that the tunnel travels by is gone", "add it again: softswitch port add"),
        [DropReason.TunnelNoDestination] = new(
            "to a tunnel with remote=flow, and the entry set no destination",
            "load the remote end into NXM_NX_TUN_IPV4_DST in the entry's actions"),
        [DropReason.TunnelNotIpv4] = new("to an ipip: tunnel, which carries IPv4 alone", "gre: or vxlan: carries everything"),
        [DropReason.PacketOutQueueFull] = new(
            "a controller's packets, faster than they are sent",
            "fewer packet-outs at once, or barriers between them"),
        [DropReason.LinkDown] = new(
            "to a port without a link",
            "look at the cable and the other end: ip link shows the carrier; a patch: or vhost-user: port waits for its far end"),
        [DropReason.ReceiveRingFull] = new(
            "lost before the switch had them: the interface's ring was full",
            "workers are busy: more of them or pinned ones (--workers, --cpus), or larger rings"),
        [DropReason.ReceiveError] = new("came in damaged, cut short or too long", "the cable, the other end's MTU, or the device"),
        [DropReason.DeviceDropped] = new(
            "dropped below the switch after they were sent: a queue there was full, or has no far end",
            "tc -s qdisc and ip -s link show where"),
        [DropReason.DeviceRefused] = new(
            "refused by the port's device",
            "the log says why where the device does; ip -s link shows the interface's own counters"),
    };

    public static DropText Of(DropReason reason) => All[reason];

    /// <param name="name">As in reports.</param>
    public static DropText Of(string name) =>
        Enum.TryParse(name, ignoreCase: true, out DropReason reason) && All.TryGetValue(reason, out DropText? text)
            ? text
            : new DropText(name, string.Empty);
}

/// <summary>A reason for people.</summary>
/// <param name="Words">What happened, behind a number of packets.</param>
/// <param name="Advice">What to do about it.</param>
internal sealed record DropText(string Words, string Advice);
