using System.Runtime.InteropServices;

namespace Softswitch.Datapath.Packets;

/// <summary>The segmentation kinds of struct virtio_net_hdr (linux/virtio_net.h), by the kernel's values.</summary>
internal enum SegmentationKind : byte
{
    None = 0,
    TcpV4 = 1,
    Udp = 3,
    TcpV6 = 4,
    UdpL4 = 5,
}

/// <summary>Unfinished transport work of one packet, kept at the start of its frame and valid while its flags say so.</summary>
/// <remarks>
/// The fields carry the meaning of struct virtio_net_hdr: all offsets count from the first byte of the Ethernet header.
/// Host byte order.
/// </remarks>
[StructLayout(LayoutKind.Sequential, Pack = 2, Size = Size)]
internal struct OffloadState
{
    public const int Size = 12;

    public SegmentationKind Segmentation;

    /// <summary>VIRTIO_NET_HDR_GSO_ECN was set: only the first segment may carry CWR.</summary>
    public bool Ecn;

    /// <summary>Bytes of all headers up to and including the transport header; a hint, to be checked.</summary>
    public ushort HeaderLength;

    /// <summary>Payload bytes of each segment to be cut.</summary>
    public ushort SegmentSize;

    /// <summary>Where the checksum begins.</summary>
    public ushort ChecksumStart;

    /// <summary>Where the checksum field lies, counted from <see cref="ChecksumStart"/>.</summary>
    public ushort ChecksumOffset;
}
