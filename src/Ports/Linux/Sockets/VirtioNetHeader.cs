using System.Runtime.InteropServices;
using Softswitch.Datapath.Packets;

namespace Softswitch.Ports.Linux.Sockets;

/// <summary>struct virtio_net_hdr (linux/virtio_net.h): what AF_PACKET and TAP put in front of a packet with a partial checksum or to be segmented.</summary>
/// <remarks>
/// <code>
///  0       1          2         4          6            8             10
/// | flags | gso_type | hdr_len | gso_size | csum_start | csum_offset |
/// </code>
/// In the machine's byte order: AF_PACKET and TAP speak the legacy format. Offsets count from the Ethernet header.
/// </remarks>
[StructLayout(LayoutKind.Sequential, Pack = 2, Size = Size)]
internal struct VirtioNetHeader
{
    public const int Size = 10;

    public const byte VIRTIO_NET_HDR_F_NEEDS_CSUM = 1;
    public const byte VIRTIO_NET_HDR_GSO_ECN = 0x80;

    private const int EthernetHeaderLength = 14;

    public byte Flags;
    public byte GsoType;
    public ushort HeaderLength;
    public ushort SegmentSize;
    public ushort ChecksumStart;
    public ushort ChecksumOffset;

    /// <summary>Whether the packet behind it is finished and needs nothing.</summary>
    public readonly bool IsPlain => (Flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) == 0 && GsoType == 0;

    /// <summary>Notes unfinished work on a received packet.</summary>
    /// <param name="packet">The packet, its length set; its flags are set here.</param>
    /// <param name="frames">Where its offload state lies.</param>
    /// <param name="inserted">Bytes put into the packet in front of the network header since the kernel wrote the offsets: a VLAN tag's 4, or 0.</param>
    /// <returns>False when the header does not describe this packet; the packet is then damaged and must not be forwarded.</returns>
    public readonly bool TryDescribe(ref Packet packet, FrameCache frames, int inserted)
    {
        bool segmented = GsoType != 0;
        int start = ChecksumStart + inserted;
        // A segment whose checksum is finished cannot be cut without knowing where its transport header is: the
        // kernel hands over none such, so nothing is lost by refusing it.
        if ((Flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) == 0
            || start < EthernetHeaderLength
            || start + ChecksumOffset + sizeof(ushort) > packet.Length
            || start > ushort.MaxValue)
        {
            return false;
        }
        var kind = (SegmentationKind)(GsoType & ~VIRTIO_NET_HDR_GSO_ECN);
        if (segmented && (SegmentSize == 0 || kind is not (SegmentationKind.TcpV4 or SegmentationKind.TcpV6 or SegmentationKind.UdpL4)))
        {
            return false;
        }
        frames.Offload(packet) = new OffloadState
        {
            Segmentation = kind,
            Ecn = (GsoType & VIRTIO_NET_HDR_GSO_ECN) != 0,
            HeaderLength = (ushort)Math.Min(HeaderLength + inserted, ushort.MaxValue),
            SegmentSize = SegmentSize,
            ChecksumStart = (ushort)start,
            ChecksumOffset = ChecksumOffset,
        };
        packet.Flags |= segmented ? PacketFlags.NeedsChecksum | PacketFlags.NeedsSegmentation : PacketFlags.NeedsChecksum;
        return true;
    }

    /// <summary>The header for a packet about to be sent.</summary>
    /// <returns>False when the packet's offload state points outside of it.</returns>
    public static bool TryFor(in Packet packet, FrameCache frames, out VirtioNetHeader header)
    {
        header = default;
        if (!packet.HasOffload)
        {
            return true;
        }
        ref OffloadState offload = ref frames.Offload(packet);
        int checksumEnd = offload.ChecksumStart + offload.ChecksumOffset + sizeof(ushort);
        if (offload.ChecksumStart < EthernetHeaderLength || checksumEnd > packet.Length)
        {
            return false;
        }
        header.Flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
        header.ChecksumStart = offload.ChecksumStart;
        header.ChecksumOffset = offload.ChecksumOffset;
        if ((packet.Flags & PacketFlags.NeedsSegmentation) == 0)
        {
            header.HeaderLength = (ushort)checksumEnd;
            return true;
        }
        int transport = TransportHeaderLength(packet, offload);
        int headers = offload.ChecksumStart + transport;
        if (transport == 0 || headers > packet.Length || offload.SegmentSize == 0)
        {
            return false;
        }
        header.GsoType = (byte)((byte)offload.Segmentation | (offload.Ecn ? VIRTIO_NET_HDR_GSO_ECN : 0));
        header.SegmentSize = offload.SegmentSize;
        header.HeaderLength = (ushort)headers;
        return true;
    }

    /// <summary>Bytes of the transport header by its own word; 0 when it makes no sense.</summary>
    private static int TransportHeaderLength(in Packet packet, in OffloadState offload)
    {
        const int dataOffset = 12; // TCP's data offset, in words in the upper four bits (RFC 793 §3.1)
        switch (offload.Segmentation)
        {
            case SegmentationKind.UdpL4:
                return 8;
            case SegmentationKind.TcpV4 or SegmentationKind.TcpV6 when offload.ChecksumStart + dataOffset < packet.Length:
                int length = (packet.Bytes[offload.ChecksumStart + dataOffset] >> 4) * 4;
                return length >= 20 ? length : 0;
            default:
                return 0;
        }
    }
}
