using System.Buffers.Binary;
using Softswitch.Datapath.Headers;

namespace Softswitch.NetFpga.Tests.Codec;

/// <summary>The key that a card takes from a frame, byte by byte as the card's documents list them; nothing shared with the codec.</summary>
internal static class CardKeyOracle
{
    public static byte[] Parse(CardLayout layout, ReadOnlySpan<byte> frame, int sourceNumber)
    {
        byte[] key = new byte[32];
        key[27] = (byte)sourceNumber;
        frame[..6].CopyTo(key.AsSpan(15));
        key.AsSpan(15, 6).Reverse();
        frame[6..12].CopyTo(key.AsSpan(21));
        key.AsSpan(21, 6).Reverse();
        ushort vlan = 0xffff;
        int offset = 12;
        if (BinaryPrimitives.ReadUInt16BigEndian(frame[12..]) == EtherType.Vlan)
        {
            vlan = (ushort)(BinaryPrimitives.ReadUInt16BigEndian(frame[14..]) & 0xefff);
            offset = 16;
        }
        BinaryPrimitives.WriteUInt16LittleEndian(key.AsSpan(layout == CardLayout.V10 ? 29 : 28), vlan);
        ushort type = BinaryPrimitives.ReadUInt16BigEndian(frame[offset..]);
        BinaryPrimitives.WriteUInt16LittleEndian(key.AsSpan(13), type);
        ReadOnlySpan<byte> body = frame[(offset + 2)..];
        if (type == EtherType.Ipv4)
        {
            ParseIpv4(layout, body, key);
        }
        else if (type == EtherType.Arp && layout == CardLayout.V10)
        {
            key[4] = body[7];
            PutAddress(body[14..], key.AsSpan(9));
            PutAddress(body[24..], key.AsSpan(5));
        }
        return key;
    }

    /// <summary>Whether a row with these words takes a frame with this key.</summary>
    public static bool Hits(byte[] key, in KeyWords value, in KeyWords mask)
    {
        for (int word = 0; word < 8; word++)
        {
            if (((BinaryPrimitives.ReadUInt32LittleEndian(key.AsSpan(4 * word)) ^ value[word]) & ~mask[word]) != 0)
            {
                return false;
            }
        }
        return true;
    }

    private static void ParseIpv4(CardLayout layout, ReadOnlySpan<byte> ip, byte[] key)
    {
        if (layout == CardLayout.V10)
        {
            key[28] = (byte)(ip[1] & 0xfc);
        }
        key[4] = ip[9];
        PutAddress(ip[12..], key.AsSpan(9));
        PutAddress(ip[16..], key.AsSpan(5));
        ReadOnlySpan<byte> transport = ip[((ip[0] & 15) * 4)..];
        switch (ip[9])
        {
            case IpProtocol.Tcp or IpProtocol.Udp:
                (key[3], key[2], key[1], key[0]) = (transport[0], transport[1], transport[2], transport[3]);
                break;
            case IpProtocol.Icmp:
                (key[2], key[0]) = (transport[0], transport[1]);
                break;
        }
    }

    private static void PutAddress(ReadOnlySpan<byte> address, Span<byte> key) =>
        (key[3], key[2], key[1], key[0]) = (address[0], address[1], address[2], address[3]);
}
