using System.Buffers.Binary;
using Softswitch.Datapath.Headers;

namespace Softswitch.Testing;

/// <summary>Frames for tests: every field has a default, a test names those that matter. Checksums are computed the textbook way.</summary>
internal static class TestPacket
{
    public const ulong DefaultSource = 0x0200_0000_0001;
    public const ulong DefaultDestination = 0x0200_0000_0002;

    public static byte[] Tcp(
        uint src = 0x0a000001, uint dst = 0x0a000002, ushort srcPort = 1000, ushort dstPort = 80, int payload = 20, ushort? vlan = null,
        byte tos = 0, int options = 0, ushort fragment = 0, ulong dlSrc = DefaultSource, ulong dlDst = DefaultDestination)
    {
        byte[] tcp = new byte[20 + payload];
        Ports(tcp, srcPort, dstPort);
        tcp[12] = 5 << 4;
        tcp[13] = 0x10;
        FillPayload(tcp, 20);
        return Ipv4(IpProtocol.Tcp, tcp, src, dst, vlan, tos, options, fragment, dlSrc, dlDst, checksumOffset: 16);
    }

    public static byte[] Udp(
        uint src = 0x0a000001, uint dst = 0x0a000002, ushort srcPort = 1000, ushort dstPort = 53, int payload = 20, ushort? vlan = null,
        byte tos = 0, int options = 0, ushort fragment = 0, bool checksum = true, ulong dlSrc = DefaultSource, ulong dlDst = DefaultDestination)
    {
        byte[] udp = new byte[8 + payload];
        Ports(udp, srcPort, dstPort);
        BinaryPrimitives.WriteUInt16BigEndian(udp.AsSpan(4), (ushort)udp.Length);
        FillPayload(udp, 8);
        return Ipv4(IpProtocol.Udp, udp, src, dst, vlan, tos, options, fragment, dlSrc, dlDst, checksum ? 6 : -1);
    }

    public static byte[] Icmp(byte type = 8, byte code = 0, uint src = 0x0a000001, uint dst = 0x0a000002, int payload = 56)
    {
        byte[] icmp = new byte[8 + payload];
        icmp[0] = type;
        icmp[1] = code;
        FillPayload(icmp, 8);
        BinaryPrimitives.WriteUInt16BigEndian(icmp.AsSpan(2), TextbookChecksum(icmp));
        return Ipv4(IpProtocol.Icmp, icmp, src, dst);
    }

    public static byte[] Arp(ushort opcode = 1, uint sender = 0x0a000001, uint target = 0x0a000002, ulong dlSrc = DefaultSource, ulong dlDst = 0xffff_ffff_ffff)
    {
        byte[] arp = new byte[46];
        BinaryPrimitives.WriteUInt16BigEndian(arp, 1);
        BinaryPrimitives.WriteUInt16BigEndian(arp.AsSpan(2), EtherType.Ipv4);
        arp[4] = 6;
        arp[5] = 4;
        BinaryPrimitives.WriteUInt16BigEndian(arp.AsSpan(6), opcode);
        new MacAddress(dlSrc).CopyTo(arp.AsSpan(8));
        BinaryPrimitives.WriteUInt32BigEndian(arp.AsSpan(14), sender);
        BinaryPrimitives.WriteUInt32BigEndian(arp.AsSpan(24), target);
        return Ethernet(EtherType.Arp, arp, dlSrc, dlDst);
    }

    /// <summary>An Ethernet II frame, or an 802.3 one if <paramref name="type"/> is a length.</summary>
    public static byte[] Ethernet(
        ushort type, ReadOnlySpan<byte> payload, ulong dlSrc = DefaultSource, ulong dlDst = DefaultDestination, ushort? vlan = null)
    {
        int header = vlan == null ? 14 : 18;
        byte[] frame = new byte[header + payload.Length];
        new MacAddress(dlDst).CopyTo(frame);
        new MacAddress(dlSrc).CopyTo(frame.AsSpan(6));
        if (vlan is ushort tci)
        {
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), EtherType.Vlan);
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(14), tci);
        }
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(header - 2), type);
        payload.CopyTo(frame.AsSpan(header));
        return frame;
    }

    public static byte[] Ipv4(
        byte protocol, ReadOnlySpan<byte> transport, uint src = 0x0a000001, uint dst = 0x0a000002, ushort? vlan = null, byte tos = 0,
        int options = 0, ushort fragment = 0, ulong dlSrc = DefaultSource, ulong dlDst = DefaultDestination, int checksumOffset = -1)
    {
        int header = 20 + options;
        byte[] ip = new byte[header + transport.Length];
        ip[0] = (byte)(0x40 | (header / 4));
        ip[1] = tos;
        BinaryPrimitives.WriteUInt16BigEndian(ip.AsSpan(2), (ushort)ip.Length);
        BinaryPrimitives.WriteUInt16BigEndian(ip.AsSpan(4), 0x1234);
        BinaryPrimitives.WriteUInt16BigEndian(ip.AsSpan(6), fragment);
        ip[8] = 64;
        ip[9] = protocol;
        BinaryPrimitives.WriteUInt32BigEndian(ip.AsSpan(12), src);
        BinaryPrimitives.WriteUInt32BigEndian(ip.AsSpan(16), dst);
        ip.AsSpan(20, options).Fill(1); // no operation
        BinaryPrimitives.WriteUInt16BigEndian(ip.AsSpan(10), TextbookChecksum(ip.AsSpan(0, header)));
        transport.CopyTo(ip.AsSpan(header));
        if (checksumOffset >= 0)
        {
            ushort checksum = TransportChecksum(ip);
            // RFC 768: a computed 0 is sent as all ones.
            BinaryPrimitives.WriteUInt16BigEndian(
                ip.AsSpan(header + checksumOffset), protocol == IpProtocol.Udp && checksum == 0 ? (ushort)0xffff : checksum);
        }
        return Ethernet(EtherType.Ipv4, ip, dlSrc, dlDst, vlan);
    }

    /// <summary>What a local stack hands to a device that finishes checksums: the folded sum of the pseudo-header, by the textbook.</summary>
    /// <param name="network">Where the IPv4 header begins.</param>
    /// <param name="checksumOffset">Where the checksum stands in the transport header.</param>
    public static byte[] Unfinish(byte[] frame, int network, int checksumOffset)
    {
        byte[] unfinished = [.. frame];
        int header = (frame[network] & 0xf) * 4;
        byte[] pseudo = [.. frame.AsSpan(network + 12, 8), 0, frame[network + 9], 0, 0];
        BinaryPrimitives.WriteUInt16BigEndian(pseudo.AsSpan(10), (ushort)(BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(network + 2)) - header));
        BinaryPrimitives.WriteUInt16BigEndian(unfinished.AsSpan(network + header + checksumOffset), (ushort)~TextbookChecksum(pseudo));
        return unfinished;
    }

    /// <summary>RFC 1071, one 16-bit word after the other.</summary>
    public static ushort TextbookChecksum(ReadOnlySpan<byte> data, uint sum = 0)
    {
        for (int i = 0; i < data.Length; i++)
        {
            sum += (i & 1) == 0 ? (uint)data[i] << 8 : data[i];
            sum = (sum & 0xffff) + (sum >> 16);
        }
        return (ushort)~sum;
    }

    /// <summary>The transport checksum over pseudo-header and payload of an IPv4 packet; 0 if the packet holds its right one (RFC 793, RFC 768).</summary>
    public static ushort TransportChecksum(ReadOnlySpan<byte> ip)
    {
        int header = (ip[0] & 0x0f) * 4;
        int length = BinaryPrimitives.ReadUInt16BigEndian(ip[2..]) - header;
        byte[] pseudo = new byte[12 + length];
        ip.Slice(12, 8).CopyTo(pseudo);
        pseudo[9] = ip[9];
        BinaryPrimitives.WriteUInt16BigEndian(pseudo.AsSpan(10), (ushort)length);
        ip.Slice(header, length).CopyTo(pseudo.AsSpan(12));
        return TextbookChecksum(pseudo);
    }

    private static void Ports(byte[] transport, ushort source, ushort destination)
    {
        BinaryPrimitives.WriteUInt16BigEndian(transport, source);
        BinaryPrimitives.WriteUInt16BigEndian(transport.AsSpan(2), destination);
    }

    private static void FillPayload(byte[] packet, int from)
    {
        for (int i = from; i < packet.Length; i++)
        {
            packet[i] = (byte)(i * 7);
        }
    }
}
