namespace Softswitch.Datapath.Packets;

/// <summary>What a packet still owes the wire. Ports that do not take offloads never see any of the flags on transmit; none sees <see cref="MayFragment"/>.</summary>
[Flags]
internal enum PacketFlags : ushort
{
    None = 0,

    /// <summary>The transport checksum field holds the folded pseudo-header sum; the rest is to be added from <see cref="OffloadState.ChecksumStart"/>.</summary>
    NeedsChecksum = 1,

    /// <summary>A segment larger than the MTU, to be cut into frames of <see cref="OffloadState.SegmentSize"/> payload bytes. Implies <see cref="NeedsChecksum"/>.</summary>
    NeedsSegmentation = 2,

    /// <summary>An IPv4 packet that may be cut into fragments for a port whose MTU it exceeds: the switch reassembled it, or was handed it for one it had.</summary>
    MayFragment = 4,

    /// <summary>A flow chose the tunnel's key or remote end: <see cref="FrameCache.Tunnel"/> is meaningful. Ports that are no tunnel pay no heed.</summary>
    HasTunnel = 8,

    /// <summary>Is being traced: owes nothing, but goes where nothing is done for a whole batch at once.</summary>
    Traced = 16,

    /// <summary>Either of the first two: <see cref="FrameCache.Offload"/> is meaningful.</summary>
    OffloadMask = NeedsChecksum | NeedsSegmentation,
}
