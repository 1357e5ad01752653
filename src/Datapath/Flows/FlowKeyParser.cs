using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Softswitch.Datapath.Headers;

namespace Softswitch.Datapath.Flows;

/// <summary>Headers to flow keys, as OpenFlow 1.0.0 §3.4 (figure 4) lays down.</summary>
/// <remarks>
/// Never reads outside the packet, whatever its lengths claim: a header that is cut short or contradicts itself leaves its
/// fields 0. dl_type below 0x600 is a length: an 802.2 SNAP header with OUI 0 gives the type, anything else is 0x05ff. One
/// 802.1Q tag is looked through; behind a second one nothing is parsed. IPv4 fragments, the first included, have ports 0
/// (§3.4: "nonzero fragment offset or More Fragments bit set").
/// </remarks>
internal static unsafe class FlowKeyParser
{
    /// <summary>Shorter packets have no Ethernet header.</summary>
    public const int MinLength = EthernetSize;

    private const int EthernetSize = 14;
    private const int TagSize = 4;
    private const int SnapSize = 8;
    private const int ArpSize = 28;
    private const int Ipv4MinSize = 20;
    private const int TcpMinSize = 20;
    private const int UdpSize = 8;
    private const int IcmpMinSize = 4;

    // Bytes of the longest load of the fast path: 16 from offset 22, plus what shows an 8-byte UDP header whole.
    private const int FastMinLength = EthernetSize + Ipv4MinSize + UdpSize;

    private const byte DscpMask = 0xfc;

    /// <summary>Parses one packet, for callers that have time.</summary>
    public static void Parse(ReadOnlySpan<byte> packet, ushort inPort, out FlowKey key, out HeaderOffsets layout)
    {
        fixed (byte* data = packet)
        fixed (FlowKey* k = &key)
        fixed (HeaderOffsets* l = &layout)
        {
            Parse(data, packet.Length, inPort, k, l);
        }
    }

    /// <summary>Parses one packet of <paramref name="length"/> bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Parse(byte* data, int length, ushort inPort, FlowKey* key, HeaderOffsets* layout)
    {
        // Fast path: untagged IPv4 without options, not a fragment, TCP or UDP with a whole header.
        if (length >= FastMinLength)
        {
            uint type = Unsafe.ReadUnaligned<uint>(data + 12); // to the end of the TOS byte
            ulong network = Unsafe.ReadUnaligned<ulong>(data + 16); // from the total length to the protocol
            if ((type & 0x00ff_ffff) == (Swap(EtherType.Ipv4) | (0x45u << 16)) && (network & ((ulong)Swap(0x3fff) << 32)) == 0)
            {
                uint protocol = (uint)(network >> 56);
                int total = Swap((ushort)network);
                bool tcp = protocol == IpProtocol.Tcp;
                int needed = Ipv4MinSize + (tcp ? TcpMinSize : UdpSize);
                if ((tcp || protocol == IpProtocol.Udp) && total >= needed && total <= length - EthernetSize)
                {
                    CopyFields(data, type >> 24, protocol, inPort, key);
                    *(uint*)layout = (uint)(HeaderFlags.Ipv4 | (tcp ? HeaderFlags.Tcp : HeaderFlags.Udp))
                        | (EthernetSize << 8) | ((EthernetSize + Ipv4MinSize) << 16);
                    return;
                }
            }
        }
        ParseGeneral(data, length, inPort, key, layout);
    }

    /// <summary>The fields of the fast path's packet, which stand in the key as they do in the frame; those that do not are given.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void CopyFields(byte* data, uint tos, uint protocol, ushort inPort, FlowKey* key)
    {
        if (Avx512Vbmi.VL.IsSupported)
        {
            // All from two loads at once. Bytes 14 to 17 are vlan and in_port; 18 and 19 come from 15 and 23, the others from 26 to 37.
            Vector256<byte> from = Vector256.Create(
                (byte)0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 0, 0, 0, 0, 15, 23, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59);
            Vector256<byte> kept = Vector256.Create(
                ulong.MaxValue, 0x0000_ffff_ffff_ffff, 0xffff_ffff_ff00_0000 | ((ulong)DscpMask << 16), ulong.MaxValue).AsByte();
            Vector256<byte> fields = Avx512Vbmi.VL.PermuteVar32x8x2(Vector256.Load(data), from, Vector256.Load(data + 10));
            ((fields & kept) | Vector256.Create(0, 0, (ulong)inPort, 0).AsByte()).Store((byte*)key);
            return;
        }
        Vector128<byte> link = Vector128.Load(data).AsUInt16().WithElement(7, (ushort)0).AsByte();
        uint patch = inPort | ((tos & DscpMask) << 16) | (protocol << 24);
        Vector128<byte> rest = Vector128.Load(data + 22).AsUInt32().WithElement(0, patch).AsByte();
        link.Store((byte*)key);
        rest.Store((byte*)key + 16);
    }

    /// <summary>The whole definition, one header after the other; the fast path must agree with it.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static void ParseGeneral(byte* data, int length, ushort inPort, FlowKey* key, HeaderOffsets* layout)
    {
        *key = default;
        *layout = default;
        key->InPort = inPort;
        if (length < EthernetSize)
        {
            return;
        }
        ReadOnlySpan<byte> packet = new(data, length);
        key->DlDst = new MacAddress(packet);
        key->DlSrc = new MacAddress(packet[6..]);
        int offset = ParseLinkType(packet, ref *key, ref *layout);
        switch (key->DlType.Host)
        {
            case EtherType.Ipv4:
                ParseIpv4(packet, offset, ref *key, ref *layout);
                break;
            case EtherType.Arp:
                ParseArp(packet[offset..], ref *key);
                break;
        }
    }

    /// <summary>Tag, type or length, LLC and SNAP. Returns where the payload begins.</summary>
    private static int ParseLinkType(ReadOnlySpan<byte> packet, ref FlowKey key, ref HeaderOffsets layout)
    {
        int offset = EthernetSize;
        ushort type = BinaryPrimitives.ReadUInt16BigEndian(packet[12..]);
        if (type == EtherType.Vlan && packet.Length >= EthernetSize + TagSize)
        {
            ushort tci = BinaryPrimitives.ReadUInt16BigEndian(packet[14..]);
            key.Vlan = Be16.FromHost((ushort)(tci | FlowKey.VlanPresent));
            layout.Flags |= HeaderFlags.Tagged;
            type = BinaryPrimitives.ReadUInt16BigEndian(packet[16..]);
            offset += TagSize;
        }
        if (type < EtherType.FirstType)
        {
            ReadOnlySpan<byte> llc = packet[offset..];
            // 802.2: DSAP and SSAP 0xaa, unnumbered information 0x03, then OUI 0 and the type.
            if (llc.Length >= SnapSize && llc[0] == 0xaa && llc[1] == 0xaa && llc[2] == 0x03 && (llc[3] | llc[4] | llc[5]) == 0)
            {
                type = BinaryPrimitives.ReadUInt16BigEndian(llc[6..]);
                offset += SnapSize;
            }
            else
            {
                type = EtherType.NotEthernetII;
            }
        }
        key.DlType = Be16.FromHost(type);
        return offset;
    }

    private static void ParseArp(ReadOnlySpan<byte> arp, ref FlowKey key)
    {
        if (arp.Length < ArpSize || BinaryPrimitives.ReadUInt16BigEndian(arp) != 1
            || BinaryPrimitives.ReadUInt16BigEndian(arp[2..]) != EtherType.Ipv4 || arp[4] != MacAddress.Size || arp[5] != 4)
        {
            return;
        }
        key.NwProto = arp[7]; // §3.4 table 3: only the lower 8 bits of the opcode
        key.NwSrc = new Be32(Unsafe.ReadUnaligned<uint>(in arp[14]));
        key.NwDst = new Be32(Unsafe.ReadUnaligned<uint>(in arp[24]));
    }

    private static void ParseIpv4(ReadOnlySpan<byte> packet, int offset, ref FlowKey key, ref HeaderOffsets layout)
    {
        ReadOnlySpan<byte> ip = packet[offset..];
        if (ip.Length < Ipv4MinSize || ip[0] >> 4 != 4)
        {
            return;
        }
        int headerSize = (ip[0] & 0x0f) * 4;
        int total = BinaryPrimitives.ReadUInt16BigEndian(ip[2..]);
        if (headerSize < Ipv4MinSize || total < headerSize || total > ip.Length)
        {
            return;
        }
        layout.Flags |= HeaderFlags.Ipv4;
        layout.NetworkOffset = (byte)offset;
        key.NwTos = (byte)(ip[1] & DscpMask);
        key.NwProto = ip[9];
        key.NwSrc = new Be32(Unsafe.ReadUnaligned<uint>(in ip[12]));
        key.NwDst = new Be32(Unsafe.ReadUnaligned<uint>(in ip[16]));
        ushort fragment = BinaryPrimitives.ReadUInt16BigEndian(ip[6..]);
        if ((fragment & 0x3fff) != 0) // more fragments, or an offset
        {
            layout.Flags |= HeaderFlags.Fragment;
        }
        if ((fragment & 0x1fff) == 0) // bounded by the IP length: padding is not payload
        {
            ParseTransport(ip[headerSize..total], offset + headerSize, ref key, ref layout);
        }
    }

    private static void ParseTransport(ReadOnlySpan<byte> transport, int offset, ref FlowKey key, ref HeaderOffsets layout)
    {
        HeaderFlags kind = (key.NwProto, transport.Length) switch
        {
            (IpProtocol.Tcp, >= TcpMinSize) => HeaderFlags.Tcp,
            (IpProtocol.Udp, >= UdpSize) => HeaderFlags.Udp,
            _ => HeaderFlags.None,
        };
        bool isFragment = (layout.Flags & HeaderFlags.Fragment) != 0;
        if (kind != HeaderFlags.None)
        {
            layout.Flags |= kind;
            layout.TransportOffset = (byte)offset;
            if (!isFragment)
            {
                key.TpSrc = new Be16(Unsafe.ReadUnaligned<ushort>(in transport[0]));
                key.TpDst = new Be16(Unsafe.ReadUnaligned<ushort>(in transport[2]));
            }
        }
        else if (key.NwProto == IpProtocol.Icmp && transport.Length >= IcmpMinSize && !isFragment)
        {
            key.TpSrc = Be16.FromHost(transport[0]);
            key.TpDst = Be16.FromHost(transport[1]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ushort Swap(ushort value) => BinaryPrimitives.ReverseEndianness(value);
}
