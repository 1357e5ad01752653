namespace Softswitch.Datapath.Packets;

/// <summary>What a packet still owes the wire. Ports that do not take offloads never see either flag on transmit.</summary>
[Flags]
public enum PacketFlags : ushort
{
    None = 0,

    /// <summary>The transport checksum field holds the folded pseudo-header sum; the rest is to be added from <see cref="OffloadState.ChecksumStart"/>.</summary>
    NeedsChecksum = 1,

    /// <summary>A segment larger than the MTU, to be cut into frames of <see cref="OffloadState.SegmentSize"/> payload bytes. Implies <see cref="NeedsChecksum"/>.</summary>
    NeedsSegmentation = 2,

    /// <summary>Either of the two: <see cref="FrameCache.Offload"/> is meaningful.</summary>
    OffloadMask = NeedsChecksum | NeedsSegmentation,
}
