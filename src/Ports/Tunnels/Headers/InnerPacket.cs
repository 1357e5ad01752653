using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Softswitch.Datapath.Headers;

namespace Softswitch.Ports.Tunnels.Headers;

/// <summary>What a tunnel must know of the frame it is about to wrap.</summary>
internal unsafe struct InnerPacket
{
    private const ulong Spread = 0x9e37_79b9_7f4a_7c15; // 2^64 / golden ratio: the product's upper bits depend on all of the factor's

    /// <summary>The IP header's type of service or traffic class; 0 if there is none.</summary>
    public byte Tos;

    /// <summary>Whether it is IPv4 behind at most one tag, its header whole.</summary>
    public bool IsIpv4;

    /// <summary>Offset of the IPv4 header; valid with <see cref="IsIpv4"/>.</summary>
    public int Network;

    /// <summary>The same for all packets of a flow; its upper bits are the good ones.</summary>
    public ulong Hash;

    /// <param name="data">An Ethernet frame.</param>
    /// <param name="length">At least 14; nothing behind it is read.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read(byte* data, int length, out InnerPacket inner)
    {
        inner = default;
        ushort type = *(ushort*)(data + 12);
        int network = 14;
        if (type == VlanRaw && length >= 18)
        {
            type = *(ushort*)(data + 16);
            network = 18;
        }
        byte* ip = data + network;
        if (type == Ipv4Raw && length >= network + 20 && (*ip & 0xf0) == 0x40)
        {
            inner.IsIpv4 = true;
            inner.Tos = ip[1];
            inner.Network = network;
            ulong key = *(ulong*)(ip + 12) ^ ((ulong)ip[9] << 56);
            // Ports only where every packet of the flow has them: not in fragments.
            bool hasPorts = *ip == 0x45 && (*(ushort*)(ip + 6) & FragmentBits) == 0 && ip[9] is IpProtocol.Tcp or IpProtocol.Udp && length >= network + 24;
            inner.Hash = ((key * Spread) ^ (hasPorts ? *(uint*)(ip + 20) : 0)) * Spread;
            return;
        }
        // One number, and no address taken: so the caller keeps all this in registers.
        inner.Hash = ReadOther(data, length, type, network);
        inner.Tos = (byte)inner.Hash;
    }

    /// <summary>The hash, its lowest byte the traffic class, which is 0 for what is not IP.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong ReadOther(byte* data, int length, ushort type, int network)
    {
        byte* ip = data + network;
        if (type == Ipv6Raw && length >= network + 40)
        {
            ulong key = *(ulong*)(ip + 8) ^ (*(ulong*)(ip + 16) * 3) ^ (*(ulong*)(ip + 24) * 5) ^ (*(ulong*)(ip + 32) * 7) ^ ip[6];
            bool hasPorts = ip[6] is IpProtocol.Tcp or IpProtocol.Udp && length >= network + 44;
            ulong hash = ((key * Spread) ^ (hasPorts ? *(uint*)(ip + 40) : 0)) * Spread;
            return (hash & ~0xffUL) | (byte)(BinaryPrimitives.ReverseEndianness(*(ushort*)ip) >> 4);
        }
        return (((*(ulong*)data * Spread) ^ *(uint*)(data + 8)) * Spread) & ~0xffUL; // both addresses
    }

    private static ushort VlanRaw => Be16.FromHost(EtherType.Vlan).Raw;

    private static ushort Ipv4Raw => Be16.FromHost(EtherType.Ipv4).Raw;

    private static ushort Ipv6Raw => Be16.FromHost(EtherType.Ipv6).Raw;

    /// <summary>More Fragments and the offset.</summary>
    private static ushort FragmentBits => Be16.FromHost(0x3fff).Raw;
}
