using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Softswitch.Datapath.Headers;
using Softswitch.Ports.Tunnels.Settings;

namespace Softswitch.Ports.Tunnels.Headers;

/// <summary>The headers a tunnel puts in front of its packets, built once for each remote end; per packet only what differs is written.</summary>
/// <remarks>
/// <code>
/// 0          14              34         42         50
/// | Ethernet | IPv4, 20      | UDP, 8   | VXLAN, 8 |          VXLAN
/// | Ethernet | IPv4, 20      | GRE, 4, [checksum 4], [key 4] | GRE, NVGRE
/// | Ethernet | IPv4, 20      |                               IP-in-IP
/// | Ethernet | IPv4, 20      | tag, 4   |                    capsulator
/// </code>
/// All are 34 to 50 bytes long, so two 32-byte stores, the second ending where the packet begins, write any of them. The checksum
/// of the IPv4 header is the sum over the built one, plus the words that differ.
/// </remarks>
[StructLayout(LayoutKind.Explicit, Size = 96)]
internal unsafe struct OuterHeader
{
    public const int EthernetLength = 14;
    public const int Ipv4Length = 20;
    public const int TransportOffset = EthernetLength + Ipv4Length;

    public const byte VxlanHasVni = 0x08;
    public const ushort GreChecksum = 0x8000;
    public const ushort GreKey = 0x2000;
    public const ushort TransparentEthernetBridging = 0x6558;

    private const int Capacity = 64;
    private const ushort DontFragment = 0x4000;

    [FieldOffset(0)]
    private fixed byte _bytes[Capacity];

    /// <summary>Bytes in front of what is carried, the Ethernet header included.</summary>
    [FieldOffset(64)]
    public int Length;

    // Raw sum of the IPv4 header with length, identification, type of service and checksum 0.
    [FieldOffset(68)]
    private uint _sum;

    /// <summary>The neighbours' generation for which <see cref="IsReachable"/> and the Ethernet addresses hold; 0 for none.</summary>
    [FieldOffset(72)]
    public int Generation;

    [FieldOffset(76)]
    public bool IsReachable;

    /// <summary>Bytes of the longest IP packet that passes all of the way, as far as is known; as looked up.</summary>
    [FieldOffset(78)]
    public ushort PathMtu;

    /// <summary>Where the packet goes first; meaningful once looked up.</summary>
    [FieldOffset(80)]
    public Be32 NextHop;

    /// <summary>Source and destination as they stand in the header.</summary>
    [FieldOffset(88)]
    public ulong Addresses;

    /// <summary>Where the key stands; 0 if the header has none.</summary>
    [FieldOffset(84)]
    private int _keyOffset;

    public readonly bool HasKey => _keyOffset != 0;

    public readonly Be32 Remote => new((uint)(Addresses >> 32));

    /// <summary>Builds all but the Ethernet addresses and the key.</summary>
    public void Build(TunnelOptions options, Be32 remote, bool hasKey)
    {
        this = default;
        Addresses = options.Local.Raw | ((ulong)remote.Raw << 32);
        Span<byte> bytes = MemoryMarshal.CreateSpan(ref _bytes[0], Capacity);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[12..], EtherType.Ipv4);
        Span<byte> ip = bytes.Slice(EthernetLength, Ipv4Length);
        ip[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(ip[6..], options.DontFragment ? DontFragment : (ushort)0);
        ip[8] = options.Ttl;
        ip[9] = options.Protocol;
        MemoryMarshal.Write(ip[12..], Addresses);
        _sum = InternetChecksum.Fold(InternetChecksum.Add(ip));
        Length = TransportOffset + BuildTransport(options, bytes[TransportOffset..], hasKey);
    }

    public void SetEthernet(MacAddress destination, MacAddress source)
    {
        Span<byte> bytes = MemoryMarshal.CreateSpan(ref _bytes[0], Capacity);
        destination.CopyTo(bytes);
        source.CopyTo(bytes[6..]);
    }

    /// <summary>Sets VNI, key or tag, in a header built with one.</summary>
    public void SetKey(TunnelKind kind, uint key)
    {
        if (_keyOffset != 0)
        {
            uint word = kind is TunnelKind.Vxlan or TunnelKind.Nvgre ? key << 8 : key;
            BinaryPrimitives.WriteUInt32BigEndian(MemoryMarshal.CreateSpan(ref _bytes[0], Capacity)[_keyOffset..], word);
        }
    }

    /// <summary>Writes the headers, with a right IPv4 checksum, in front of a packet.</summary>
    /// <param name="start">Where the packet begins; <see cref="Length"/> bytes in front of it are free.</param>
    /// <param name="totalLength">Of the outer IPv4 packet.</param>
    /// <param name="identification">In any byte order.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Write(byte* start, int totalLength, byte tos, ushort identification)
    {
        byte* head = start - Length;
        ref byte own = ref Unsafe.AsRef(in _bytes[0]);
        // The first store ends at 32 <= Length, the second at Length: both stay within header and packet frame.
        Vector256.LoadUnsafe(ref own).Store(head);
        Vector256.LoadUnsafe(ref own, (nuint)(Length - 32)).Store(start - 32);
        ushort length = Be16.FromHost((ushort)totalLength).Raw;
        head[15] = tos;
        *(ushort*)(head + 16) = length;
        *(ushort*)(head + 18) = identification;
        uint sum = _sum + length + identification + ((uint)tos << 8); // the second byte of its word in memory: little-endian
        sum = (sum & 0xffff) + (sum >> 16);
        sum += sum >> 16;
        *(ushort*)(head + 24) = (ushort)~sum;
    }

    private int BuildTransport(TunnelOptions options, Span<byte> bytes, bool hasKey)
    {
        switch (options.Kind)
        {
            case TunnelKind.Vxlan:
                BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], options.Port);
                bytes[8] = VxlanHasVni;
                _keyOffset = TransportOffset + 12;
                return 16;
            case TunnelKind.Gre or TunnelKind.Nvgre:
                int length = options.Checksum ? 8 : 4;
                BinaryPrimitives.WriteUInt16BigEndian(bytes, (ushort)((options.Checksum ? GreChecksum : 0) | (hasKey ? GreKey : 0)));
                BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], TransparentEthernetBridging);
                _keyOffset = hasKey ? TransportOffset + length : 0;
                return hasKey ? length + 4 : length;
            case TunnelKind.Capsulator:
                _keyOffset = TransportOffset;
                return 4;
            default:
                return 0;
        }
    }
}
