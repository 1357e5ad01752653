using System.Buffers.Binary;
using Xunit;

namespace Softswitch.Testing;

/// <summary>Outer headers written and read the slow way, one field after the other: the oracle of encapsulation.</summary>
internal static class ReferenceTunnel
{
    public const byte Udp = 17;
    public const byte Gre = 47;
    public const byte Ipip = 4;
    public const byte Capsulator = 245;

    /// <summary>An outer packet as a peer would send it: Ethernet, IPv4 without options, payload.</summary>
    public static byte[] Outer(
        byte protocol, byte[] payload, uint from = TunnelHost.PeerAddress, uint to = TunnelHost.LocalAddress, ulong dlDst = 0x0200_0000_00a1, byte tos = 0, ushort fragment = 0, int options = 0) =>
        TestPacket.Ipv4(protocol, payload, src: from, dst: to, dlSrc: 0x0200_0000_00b2, dlDst: dlDst, tos: tos, fragment: fragment, options: options);

    public static byte[] Vxlan(uint vni, byte[] inner, ushort port = 4789, bool checksum = false, uint from = TunnelHost.PeerAddress, uint to = TunnelHost.LocalAddress)
    {
        byte[] payload = new byte[16 + inner.Length];
        BinaryPrimitives.WriteUInt16BigEndian(payload, 50000);
        BinaryPrimitives.WriteUInt16BigEndian(payload.AsSpan(2), port);
        BinaryPrimitives.WriteUInt16BigEndian(payload.AsSpan(4), (ushort)payload.Length);
        payload[8] = 0x08;
        BinaryPrimitives.WriteUInt32BigEndian(payload.AsSpan(12), vni << 8);
        inner.CopyTo(payload.AsSpan(16));
        if (checksum)
        {
            byte[] pseudo = new byte[12 + payload.Length];
            BinaryPrimitives.WriteUInt32BigEndian(pseudo, from);
            BinaryPrimitives.WriteUInt32BigEndian(pseudo.AsSpan(4), to);
            pseudo[9] = Udp;
            BinaryPrimitives.WriteUInt16BigEndian(pseudo.AsSpan(10), (ushort)payload.Length);
            payload.CopyTo(pseudo.AsSpan(12));
            ushort sum = TestPacket.TextbookChecksum(pseudo);
            BinaryPrimitives.WriteUInt16BigEndian(payload.AsSpan(6), sum == 0 ? (ushort)0xffff : sum);
        }
        return payload;
    }

    public static byte[] GreHeader(byte[] inner, uint? key = null, bool checksum = false, uint? sequence = null)
    {
        List<byte> header = [(byte)((checksum ? 0x80 : 0) | (key != null ? 0x20 : 0) | (sequence != null ? 0x10 : 0)), 0, 0x65, 0x58];
        header.AddRange(checksum ? new byte[4] : []);
        foreach (uint? word in (uint?[])[key, sequence])
        {
            if (word is { } number)
            {
                header.AddRange([(byte)(number >> 24), (byte)(number >> 16), (byte)(number >> 8), (byte)number]);
            }
        }
        byte[] payload = [.. header, .. inner];
        if (checksum)
        {
            BinaryPrimitives.WriteUInt16BigEndian(payload.AsSpan(4), TestPacket.TextbookChecksum(payload));
        }
        return payload;
    }

    public static byte[] Tagged(uint tag, byte[] inner) => [(byte)(tag >> 24), (byte)(tag >> 16), (byte)(tag >> 8), (byte)tag, .. inner];

    /// <summary>Reads an outer packet that is to be without fault, and returns what the IPv4 header carries.</summary>
    public static byte[] Open(byte[] frame, byte protocol, uint from = TunnelHost.LocalAddress, uint to = TunnelHost.PeerAddress, ulong mac = 0x0200_0000_00b2)
    {
        Assert.Equal(mac, BinaryPrimitives.ReadUInt64BigEndian(frame) >> 16);
        Assert.Equal(0x0800, BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(12)));
        Span<byte> ip = frame.AsSpan(14);
        Assert.Equal(0x45, ip[0]);
        Assert.Equal(ip.Length, BinaryPrimitives.ReadUInt16BigEndian(ip[2..]));
        Assert.Equal(protocol, ip[9]);
        Assert.Equal(0, TestPacket.TextbookChecksum(ip[..20]));
        Assert.Equal(from, BinaryPrimitives.ReadUInt32BigEndian(ip[12..]));
        Assert.Equal(to, BinaryPrimitives.ReadUInt32BigEndian(ip[16..]));
        return ip[20..].ToArray();
    }
}
