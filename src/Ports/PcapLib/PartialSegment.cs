using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Ports.AfXdp;

namespace Softswitch.Ports.PcapLib;

/// <summary>Recognises what a local stack left to the device and libpcap does not tell: partial checksums, uncut TCP segments.</summary>
/// <remarks>
/// A packet above the MTU is no frame of the wire: a sender on veth or TAP left it to the device to cut, or the kernel merged what a
/// card received (GRO). Either leaves the checksum partial, by which <see cref="PartialChecksumDetector"/> knows it. The size of the pieces is
/// lost; TCP is a stream and takes any, so they become as long as the MTU allows. The pieces of UDP (USO, GRO) are datagrams: without
/// their size they cannot be made.
/// </remarks>
internal static class PartialSegment
{
    private const int TcpChecksumOffset = 16;
    private const int TcpDataOffset = 12;
    private const int TcpFlags = 13;
    private const byte TcpCwr = 0x80; // RFC 3168 §6.1

    /// <summary>Marks what is unfinished. Whatever bytes come, nothing outside of the packet is read.</summary>
    /// <param name="mtu">Bytes of the longest IP packet that the interface receives as one frame.</param>
    /// <returns>False for a packet above the MTU that cannot be cut.</returns>
    public static bool TryMark(ref Packet packet, FrameCache frames, int mtu)
    {
        PartialChecksumDetector.Mark(ref packet, frames);
        if (!LinkHeader.TryFindNetwork(packet.Bytes, out int network, out bool isIpv4) || packet.Length - network <= mtu)
        {
            return true;
        }
        ref OffloadState offload = ref frames.Offload(packet);
        if (!packet.HasOffload || offload.ChecksumOffset != TcpChecksumOffset)
        {
            return false;
        }
        // Marked: the TCP header is in the packet up to its checksum.
        ReadOnlySpan<byte> tcp = packet.Bytes[offload.ChecksumStart..];
        int headers = offload.ChecksumStart + ((tcp[TcpDataOffset] >> 4) * 4);
        int segmentSize = mtu - (headers - network);
        if (segmentSize <= 0 || headers >= packet.Length)
        {
            return false;
        }
        offload.Segmentation = isIpv4 ? SegmentationKind.TcpV4 : SegmentationKind.TcpV6;
        offload.Ecn = (tcp[TcpFlags] & TcpCwr) != 0;
        offload.HeaderLength = (ushort)headers;
        offload.SegmentSize = (ushort)segmentSize;
        packet.Flags |= PacketFlags.NeedsSegmentation;
        return true;
    }
}
