using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;

namespace Softswitch.Datapath.Fragments;

/// <summary>Cuts an IPv4 packet into fragments for an MTU (RFC 791 §3.2, "An Example Fragmentation Procedure").</summary>
/// <remarks>
/// <code>
/// if (!Fragmenter.TryBegin(packet, frames, mtu, out Fragmenter fragmenter)) { Don't Fragment, or no IPv4 }
/// while (fragmenter.TryNext(out Packet fragment)) { transmit fragment }
/// lost += fragmenter.Remaining;      // the pool ran dry
/// frames.Release(packet);
/// </code>
/// Every fragment carries the link header; the first all IP options, the others those with the copied flag. A packet that is a
/// fragment itself is cut further. Nothing behind the IP packet's end is sent. The packet is only read.
/// </remarks>
internal ref struct Fragmenter
{
    private const byte EndOfOptions = 0;
    private const byte NoOperation = 1;
    private const byte CopiedFlag = 0x80;

    private readonly ReadOnlySpan<byte> _packet;
    private readonly FrameCache _frames;
    private readonly int _network;
    private readonly int _headerLength;
    private readonly int _laterHeaderLength;
    private readonly int _mtu;
    private readonly ushort _fragmentField;
    private int _offset;

    private Fragmenter(ReadOnlySpan<byte> packet, FrameCache frames, int network, int mtu)
    {
        _packet = packet;
        _frames = frames;
        _network = network;
        _mtu = mtu;
        ReadOnlySpan<byte> ip = packet[network..];
        _headerLength = (ip[0] & 0x0f) * 4;
        _fragmentField = BinaryPrimitives.ReadUInt16BigEndian(ip[6..]);
        Span<byte> scratch = stackalloc byte[40];
        _laterHeaderLength = FragmentHeader.MinHeaderLength + CopyOptions(ip[FragmentHeader.MinHeaderLength.._headerLength], scratch);
    }

    /// <summary>Fragments not cut yet.</summary>
    public readonly int Remaining
    {
        get
        {
            int count = 0;
            for (int offset = _offset; offset < PayloadLength; offset += PayloadAt(offset))
            {
                count++;
            }
            return count;
        }
    }

    private readonly int PayloadLength => _packet.Length - _network - _headerLength;

    /// <summary>Whether the packet's payload behind Ethernet header and tags is longer than the MTU.</summary>
    /// <param name="mtu">0 for no limit.</param>
    public static bool Exceeds(in Packet packet, int mtu) =>
        mtu != 0 && packet.Length > mtu && LinkHeader.TryFindNetwork(packet.Bytes, out int network, out bool isIpv4) && isIpv4
        && TryReadLengths(packet.Bytes[network..], out _, out int total) && total > mtu;

    /// <param name="packet">Stays the caller's; must not change until the last fragment.</param>
    /// <param name="mtu">Bytes an IP packet may have.</param>
    /// <returns>False when it must not be fragmented, or cannot: no IPv4, or an MTU that leaves no room for a unit of payload.</returns>
    public static bool TryBegin(in Packet packet, FrameCache frames, int mtu, out Fragmenter fragmenter)
    {
        fragmenter = default;
        ReadOnlySpan<byte> bytes = packet.Bytes;
        if (packet.HasOffload || !LinkHeader.TryFindNetwork(bytes, out int network, out bool isIpv4) || !isIpv4)
        {
            return false;
        }
        ReadOnlySpan<byte> ip = bytes[network..];
        if (!TryReadLengths(ip, out int headerLength, out int total) || headerLength + FragmentHeader.Unit > mtu)
        {
            return false;
        }
        ushort field = BinaryPrimitives.ReadUInt16BigEndian(ip[6..]);
        int end = ((field & FragmentHeader.OffsetMask) * FragmentHeader.Unit) + total;
        if ((field & FragmentHeader.DontFragment) != 0 || end > FragmentHeader.MaxTotalLength)
        {
            return false;
        }
        fragmenter = new Fragmenter(bytes[..(network + total)], frames, network, mtu);
        return true;
    }

    /// <summary>Cuts the next fragment.</summary>
    /// <returns>False at the end, with <see cref="Remaining"/> 0, or when no frame is free.</returns>
    public bool TryNext(out Packet fragment)
    {
        int length = _offset < PayloadLength ? PayloadAt(_offset) : 0;
        int headerLength = HeaderLengthAt(_offset);
        if (length == 0 || !_frames.TryRent(_network + headerLength + length, out fragment))
        {
            fragment = default;
            return false;
        }
        fragment.Length = _network + headerLength + length;
        Span<byte> bytes = fragment.Bytes;
        _packet[..(_network + FragmentHeader.MinHeaderLength)].CopyTo(bytes);
        _packet.Slice(_network + _headerLength + _offset, length).CopyTo(bytes[(_network + headerLength)..]);
        WriteHeader(bytes[_network..], headerLength, length);
        _offset += length;
        return true;
    }

    private static bool TryReadLengths(ReadOnlySpan<byte> ip, out int headerLength, out int total)
    {
        headerLength = 0;
        total = 0;
        if (ip.Length < FragmentHeader.MinHeaderLength || ip[0] >> 4 != 4)
        {
            return false;
        }
        headerLength = (ip[0] & 0x0f) * 4;
        total = BinaryPrimitives.ReadUInt16BigEndian(ip[2..]);
        return headerLength >= FragmentHeader.MinHeaderLength && headerLength <= total && total <= ip.Length;
    }

    private readonly int HeaderLengthAt(int offset) => offset == 0 ? _headerLength : _laterHeaderLength;

    /// <summary>Payload bytes of the fragment that begins at this offset: all that is left, or as many units as fit.</summary>
    private readonly int PayloadAt(int offset)
    {
        int room = _mtu - HeaderLengthAt(offset);
        int left = PayloadLength - offset;
        return left <= room ? left : room / FragmentHeader.Unit * FragmentHeader.Unit;
    }

    private readonly void WriteHeader(Span<byte> ip, int headerLength, int length)
    {
        ReadOnlySpan<byte> options = _packet[(_network + FragmentHeader.MinHeaderLength)..(_network + _headerLength)];
        if (_offset == 0)
        {
            options.CopyTo(ip[FragmentHeader.MinHeaderLength..]);
        }
        else
        {
            CopyOptions(options, ip[FragmentHeader.MinHeaderLength..headerLength]);
        }
        bool isLast = _offset + length == PayloadLength;
        int field = (_fragmentField & ~FragmentHeader.MoreFragments) + (_offset / FragmentHeader.Unit);
        field |= isLast ? _fragmentField & FragmentHeader.MoreFragments : FragmentHeader.MoreFragments;
        ip[0] = (byte)(0x40 | (headerLength / 4));
        BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)(headerLength + length));
        BinaryPrimitives.WriteUInt16BigEndian(ip[6..], (ushort)field);
        Unsafe.WriteUnaligned(ref ip[10], (ushort)0);
        Unsafe.WriteUnaligned(ref ip[10], InternetChecksum.Compute(ip[..headerLength]));
    }

    /// <summary>Copies the options that belong in every fragment (RFC 791 §3.1, "copied flag") and pads them; what is damaged ends the list.</summary>
    /// <returns>Bytes written, a multiple of four.</returns>
    private static int CopyOptions(ReadOnlySpan<byte> options, Span<byte> target)
    {
        int written = 0;
        for (int i = 0; i < options.Length && options[i] != EndOfOptions;)
        {
            int length = options[i] == NoOperation ? 1 : i + 1 < options.Length ? options[i + 1] : 0;
            if (length == 0 || i + length > options.Length || (options[i] != NoOperation && length < 2))
            {
                break;
            }
            if ((options[i] & CopiedFlag) != 0)
            {
                options.Slice(i, length).CopyTo(target[written..]);
                written += length;
            }
            i += length;
        }
        int padded = (written + 3) / 4 * 4;
        target[written..padded].Clear();
        return padded;
    }
}
