using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;

namespace Softswitch.Ports.AfXdp;

/// <summary>Recognises a transport checksum that a local stack left to the device, which XDP does not tell.</summary>
/// <remarks>
/// Over veth and TAP a sender's TCP and UDP come with CHECKSUM_PARTIAL: the field holds the folded sum of the pseudo-header. A packet whose
/// field has that value is marked as unfinished. One finished packet in 65,535 has it by chance, and no harm is done: finishing adds the rest to
/// the field, and as the field is the right checksum already, the result is the same value. Only damage would be hidden, and memory is no wire.
/// Not recognised: SCTP, packets inside of tunnels, fragments, IPv6 behind extension headers.
/// </remarks>
internal static class PartialChecksum
{
    private const int Ipv4MinHeaderLength = 20;
    private const int Ipv6HeaderLength = 40;
    private const int TcpChecksumOffset = 16;
    private const int UdpChecksumOffset = 6;

    /// <summary>Marks the packet if its checksum is unfinished. Whatever bytes come, nothing outside of the packet is read.</summary>
    public static void Mark(ref Packet packet, FrameCache frames)
    {
        ReadOnlySpan<byte> bytes = packet.Bytes;
        if (!LinkHeader.TryFindNetwork(bytes, out int network, out bool isIpv4) || bytes.Length < network + Ipv4MinHeaderLength)
        {
            return;
        }
        if (isIpv4)
        {
            MarkIpv4(ref packet, frames, network);
        }
        else
        {
            MarkIpv6(ref packet, frames, network);
        }
    }

    private static void MarkIpv4(ref Packet packet, FrameCache frames, int network)
    {
        const ushort moreFragmentsAndOffset = 0x3fff;
        ReadOnlySpan<byte> header = packet.Bytes[network..];
        int headerLength = (header[0] & 0xf) * 4;
        int length = BinaryPrimitives.ReadUInt16BigEndian(header[2..]) - headerLength;
        if (header[0] >> 4 == 4
            && headerLength >= Ipv4MinHeaderLength
            && (BinaryPrimitives.ReadUInt16BigEndian(header[6..]) & moreFragmentsAndOffset) == 0)
        {
            MarkTransport(ref packet, frames, header[9], header.Slice(12, 8), network + headerLength, length);
        }
    }

    private static void MarkIpv6(ref Packet packet, FrameCache frames, int network)
    {
        ReadOnlySpan<byte> header = packet.Bytes[network..];
        if (header.Length >= Ipv6HeaderLength && header[0] >> 4 == 6)
        {
            int length = BinaryPrimitives.ReadUInt16BigEndian(header[4..]);
            MarkTransport(ref packet, frames, header[6], header.Slice(8, 32), network + Ipv6HeaderLength, length);
        }
    }

    private static void MarkTransport(ref Packet packet, FrameCache frames, byte protocol, ReadOnlySpan<byte> addresses, int start, int length)
    {
        int offset = protocol == IpProtocol.Tcp ? TcpChecksumOffset : UdpChecksumOffset;
        // Bytes behind the datagram would be summed with it: an Ethernet frame is padded only behind packets that short.
        bool fits = length >= offset + sizeof(ushort) && start + length == packet.Length;
        if (protocol is not (IpProtocol.Tcp or IpProtocol.Udp) || !fits)
        {
            return;
        }
        ushort found = MemoryMarshal.Read<ushort>(packet.Bytes[(start + offset)..]);
        ushort partial = InternetChecksum.Fold(InternetChecksum.AddPseudoHeader(addresses, protocol, length));
        // Zero has two forms in one's complement; in UDP the first means that there is no checksum.
        bool isZero = partial == ushort.MaxValue && found == 0 && protocol == IpProtocol.Tcp;
        if (found == partial || isZero)
        {
            frames.Offload(packet) = new OffloadState { ChecksumStart = (ushort)start, ChecksumOffset = (ushort)offset };
            packet.Flags |= PacketFlags.NeedsChecksum;
        }
    }
}
