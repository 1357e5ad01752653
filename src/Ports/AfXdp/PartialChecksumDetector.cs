using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;

namespace Softswitch.Ports.AfXdp;

/// <summary>Recognises a transport checksum that a local stack left to the device, which XDP does not tell.</summary>
/// <remarks>
/// Over veth and TAP a sender's TCP and UDP come with CHECKSUM_PARTIAL: the field holds the folded sum of the pseudo-header. A packet whose
/// field has that value is marked as partial. One finished packet in 65,535 has it by chance, and no harm is done: finishing adds the rest to
/// the field, and as the field is the right checksum already, the result is the same value. Only damage would be hidden, and memory is no wire.
/// Not recognised: SCTP, fragments, IPv6 behind extension headers; and packets inside of tunnels, until a tunnel port of ours has taken them out.
/// </remarks>
internal static class PartialChecksumDetector
{
    private const int Ipv4MinHeaderLength = 20;
    private const int Ipv6HeaderLength = 40;
    private const int TcpChecksumOffset = 16;
    private const int UdpChecksumOffset = 6;

    /// <summary>Marks the packet if its checksum is partial. Whatever bytes come, nothing outside of the packet is read.</summary>
    public static void Mark(ref Packet packet, FrameCache frames)
    {
        if (TryFind(packet.Bytes, out int start, out int offset))
        {
            frames.Offload(packet) = new OffloadState { ChecksumStart = (ushort)start, ChecksumOffset = (ushort)offset };
            packet.Flags |= PacketFlags.NeedsChecksum;
        }
    }

    /// <summary>Finds a checksum that looks partial.</summary>
    /// <param name="frame">From the Ethernet header on, without padding.</param>
    /// <param name="start">Where the transport header begins.</param>
    /// <param name="offset">Where the field lies in it.</param>
    public static bool TryFind(ReadOnlySpan<byte> frame, out int start, out int offset)
    {
        start = 0;
        offset = 0;
        return LinkHeader.TryFindNetwork(frame, out int network, out bool isIpv4)
            && frame.Length >= network + Ipv4MinHeaderLength
            && (isIpv4 ? TryFindIpv4(frame, network, out start, out offset) : TryFindIpv6(frame, network, out start, out offset));
    }

    private static bool TryFindIpv4(ReadOnlySpan<byte> frame, int network, out int start, out int offset)
    {
        const ushort moreFragmentsAndOffset = 0x3fff;
        ReadOnlySpan<byte> header = frame[network..];
        int headerLength = (header[0] & 0xf) * 4;
        int length = BinaryPrimitives.ReadUInt16BigEndian(header[2..]) - headerLength;
        start = network + headerLength;
        offset = 0;
        return header[0] >> 4 == 4
            && headerLength >= Ipv4MinHeaderLength
            && (BinaryPrimitives.ReadUInt16BigEndian(header[6..]) & moreFragmentsAndOffset) == 0
            && IsPartial(frame, header[9], header.Slice(12, 8), start, length, out offset);
    }

    private static bool TryFindIpv6(ReadOnlySpan<byte> frame, int network, out int start, out int offset)
    {
        ReadOnlySpan<byte> header = frame[network..];
        start = network + Ipv6HeaderLength;
        offset = 0;
        return header.Length >= Ipv6HeaderLength
            && header[0] >> 4 == 6
            && IsPartial(frame, header[6], header.Slice(8, 32), start, BinaryPrimitives.ReadUInt16BigEndian(header[4..]), out offset);
    }

    private static bool IsPartial(ReadOnlySpan<byte> frame, byte protocol, ReadOnlySpan<byte> addresses, int start, int length, out int offset)
    {
        offset = protocol == IpProtocol.Tcp ? TcpChecksumOffset : UdpChecksumOffset;
        // Bytes behind the datagram would be summed with it: an Ethernet frame is padded only behind packets that short.
        bool fits = length >= offset + sizeof(ushort) && start + length == frame.Length;
        if (protocol is not (IpProtocol.Tcp or IpProtocol.Udp) || !fits)
        {
            return false;
        }
        ushort found = MemoryMarshal.Read<ushort>(frame[(start + offset)..]);
        ushort partial = InternetChecksum.Fold(InternetChecksum.AddPseudoHeader(addresses, protocol, length));
        // Zero has two forms in one's complement; in UDP the first means that there is no checksum.
        bool isZero = partial == ushort.MaxValue && found == 0 && protocol == IpProtocol.Tcp;
        return found == partial || isZero;
    }
}
