using Softswitch.NetFpga.Registers;
using Softswitch.Testing;

namespace Softswitch.NetFpga.Tests.Emulator;

/// <summary>The card's key once more, field by field by the bit numbers in docs/netfpga-hardware.md, and one big number.</summary>
internal static class NaiveKey
{
    public static uint[] Read(CardLayout layout, int source, byte[] frame)
    {
        bool isNew = layout == CardLayout.V10;
        var bytes = new Queue<byte>(frame);
        ulong dlDst = Take(bytes, 6);
        ulong dlSrc = Take(bytes, 6);
        ulong type = Take(bytes, 2);
        ulong vlan = 0xffff;
        if (type == 0x8100 && bytes.Count >= 4)
        {
            vlan = Take(bytes, 2) & 0xefff;
            type = Take(bytes, 2);
        }
        UInt128 low = 0;
        UInt128 high = 0;
        void Put(int bit, ulong value)
        {
            low |= bit < 128 ? (UInt128)value << bit : 0;
            high |= bit >= 128 ? (UInt128)value << (bit - 128) : bit == 0 ? 0 : (UInt128)value >> (128 - bit);
        }
        ulong first = Take(bytes, 1);
        bool isBad = type == 0x0800 && (first & 15) < 5;
        if (isBad)
        {
            Put(isNew ? 232 : 224, 0xffff);
            return ToWords(low, high);
        }
        Put(isNew ? 232 : 224, vlan);
        Put(216, (ulong)source);
        Put(168, dlSrc);
        Put(120, dlDst);
        Put(104, type);
        if (type == 0x0800)
        {
            ulong tos = Take(bytes, 1);
            Take(bytes, 7);
            ulong protocol = Take(bytes, 1);
            Take(bytes, 2);
            Put(224, isNew ? tos & 0xfc : 0);
            Put(32, protocol);
            Put(72, Take(bytes, 4));
            Put(40, Take(bytes, 4));
            Take(bytes, (int)((first & 15) - 5) * 4);
            int size = protocol is 6 or 17 ? 2 : protocol == 1 ? 1 : 0;
            Put(16, Take(bytes, size));
            Put(0, Take(bytes, size));
        }
        else if (type == 0x0806 && isNew)
        {
            Take(bytes, 6);
            Put(32, Take(bytes, 1));
            Take(bytes, 6);
            Put(72, Take(bytes, 4));
            Take(bytes, 6);
            Put(40, Take(bytes, 4));
        }
        return ToWords(low, high);
    }

    /// <summary>Whether a row with these words takes a frame with this key.</summary>
    public static bool Hits(uint[] key, in KeyWords value, in KeyWords mask)
    {
        for (int word = 0; word < key.Length; word++)
        {
            if (((key[word] ^ value[word]) & ~mask[word]) != 0)
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>Frames of all kinds, some of them cut short.</summary>
    public static byte[] RandomFrame(Random random)
    {
        uint src = (uint)random.NextInt64(1L << 32);
        uint dst = (uint)random.NextInt64(1L << 32);
        ushort a = (ushort)random.Next(65536);
        ushort b = (ushort)random.Next(65536);
        ushort? vlan = random.Next(2) == 0 ? null : (ushort)random.Next(65536);
        byte tos = (byte)random.Next(256);
        int options = 4 * random.Next(4);
        ushort fragment = random.Next(4) == 0 ? (ushort)random.Next(0x4000) : (ushort)0;
        byte[] frame = random.Next(7) switch
        {
            0 => TestPacket.Tcp(src, dst, a, b, random.Next(40), vlan, tos, options, fragment),
            1 => TestPacket.Udp(src, dst, a, b, random.Next(40), vlan, tos, options, fragment),
            2 => TestPacket.Icmp((byte)a, (byte)b, src, dst),
            3 => TestPacket.Arp(a, src, dst),
            4 => TestPacket.Ipv4((byte)random.Next(256), new byte[random.Next(30)], src, dst, vlan, tos, options),
            5 => TestPacket.Ethernet(a, new byte[46], vlan: vlan),
            _ => TestPacket.Ethernet(0x8100, [1, 2, 3, 4, 5, 6], vlan: vlan ?? 5),
        };
        if (random.Next(10) == 0 && frame.Length > 19)
        {
            int network = vlan == null ? 14 : 18;
            frame[network] = (byte)((frame[network] & 0xf0) | random.Next(16));
        }
        return random.Next(5) == 0 ? frame[..random.Next(14, frame.Length)] : frame;
    }

    private static ulong Take(Queue<byte> bytes, int count)
    {
        ulong value = 0;
        for (int i = 0; i < count; i++)
        {
            value = (value << 8) | (bytes.TryDequeue(out byte next) ? next : 0u);
        }
        return value;
    }

    private static uint[] ToWords(UInt128 low, UInt128 high) =>
        [.. Enumerable.Range(0, 8).Select(word => (uint)((word < 4 ? low >> (32 * word) : high >> (32 * (word - 4))) & uint.MaxValue))];
}
