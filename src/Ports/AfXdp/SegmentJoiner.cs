using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;

namespace Softswitch.Ports.AfXdp;

/// <summary>Joins TCP packets that the kernel cut from one segment of a local stack to that segment again, as they come.</summary>
/// <remarks>
/// <para>
/// A veth whose other end has a program in native mode is given no segments: the kernel cuts them just before (validate_xmit_skb). The pieces come
/// one behind the other, their checksums partial. Joined, they cost one look-up, one sending and one passage through the receiver's stack.
/// </para>
/// <para>
/// It joins packets only if <see cref="GsoSegmenter"/> would cut the result into the same packets again: next in sequence and in IPv4's identification, headers
/// otherwise equal, every payload but the last as long as the first, PSH and FIN on the last only. Packets with finished checksums are left alone: to join them
/// they would have to be verified. Nothing waits for a packet that is not there yet.
/// </para>
/// <para>Threads: the worker's.</para>
/// </remarks>
internal sealed unsafe class SegmentJoiner
{
    private const int Ipv6HeaderLength = 40;
    private const int TcpMinHeaderLength = 20;
    private const int TcpChecksumOffset = 16;

    // RFC 793 §3.1, RFC 3168 §6.1.
    private const byte TcpFin = 0x01;
    private const byte TcpPush = 0x08;
    private const byte TcpAck = 0x10;
    private const byte TcpEce = 0x40;

    private bool _isOpen; // the last packet of the batch may be gone on with
    private bool _isIpv4;
    private int _network;
    private int _transport;
    private int _segmentSize;
    private int _joined;
    private uint _sequence; // of the next
    private ushort _identification; // of the next
    private byte _endFlags;
    private ushort _fullChecksum; // of packets as long as the first

    /// <summary>Bytes of all headers of what <see cref="TryAppend"/> accepted last.</summary>
    public int HeaderLength { get; private set; }

    /// <summary>A packet of its own, about to be added to the batch. Finds out whether its checksum is partial, and whether others can follow it.</summary>
    public void Begin(ref Packet packet, PacketBatch batch, FrameCache frames)
    {
        End(batch, frames);
        PartialChecksumDetector.Mark(ref packet, frames);
        if ((packet.Flags & PacketFlags.NeedsChecksum) != 0 && frames.Offload(packet).ChecksumOffset == TcpChecksumOffset)
        {
            TryOpen(packet.Bytes, frames.Offload(packet).ChecksumStart);
        }
    }

    /// <summary>Whether a packet goes on where the last of the batch ends. If so, that one is longer by its payload, which the caller has to copy.</summary>
    /// <param name="start">Its beginning, with all headers or not.</param>
    /// <param name="length">Bytes of all of it.</param>
    /// <param name="payload">Where it goes.</param>
    public bool TryAppend(ReadOnlySpan<byte> start, long length, PacketBatch batch, FrameCache frames, out byte* payload)
    {
        payload = null;
        int added = (int)Math.Min(length - HeaderLength, int.MaxValue);
        if (!_isOpen || added <= 0 || added > _segmentSize || start.Length < HeaderLength)
        {
            return false;
        }
        ref Packet whole = ref batch.Packets[^1];
        byte flags = start[_transport + 13];
        if (whole.Length - _network + added > ushort.MaxValue
            || !IsNext(start, HeaderLength + added, whole.Bytes, flags)
            || ReadChecksum(start) != (added == _segmentSize ? _fullChecksum : PartialChecksum(start, added))
            || !TryMakeRoom(ref whole, frames))
        {
            return false;
        }
        payload = whole.Data + whole.Length;
        whole.Length += added;
        _joined++;
        _sequence += (uint)added;
        _identification++;
        _endFlags = (byte)(flags & (TcpFin | TcpPush));
        _isOpen = _endFlags == 0 && added == _segmentSize;
        if (!_isOpen)
        {
            Finish(ref whole, frames);
        }
        return true;
    }

    /// <summary>Nothing follows the last packet of the batch.</summary>
    public void End(PacketBatch batch, FrameCache frames)
    {
        if (_isOpen)
        {
            _isOpen = false;
            Finish(ref batch.Packets[^1], frames);
        }
    }

    private void TryOpen(ReadOnlySpan<byte> first, int transport)
    {
        _joined = 0;
        if (first.Length < transport + TcpMinHeaderLength || !LinkHeader.TryFindNetwork(first, out _network, out _isIpv4))
        {
            return;
        }
        ReadOnlySpan<byte> tcp = first[transport..];
        int length = (tcp[12] >> 4) * 4;
        _transport = transport;
        HeaderLength = transport + length;
        _segmentSize = first.Length - HeaderLength;
        _sequence = BinaryPrimitives.ReadUInt32BigEndian(tcp[4..]) + (uint)_segmentSize;
        _identification = _isIpv4 ? (ushort)(BinaryPrimitives.ReadUInt16BigEndian(first[(_network + 4)..]) + 1) : (ushort)0;
        _fullChecksum = ReadChecksum(first);
        _endFlags = 0;
        _isOpen = length >= TcpMinHeaderLength && _segmentSize > 0 && (tcp[13] & ~TcpEce) == TcpAck;
    }

    /// <summary>Whether a packet's headers, all of which are there, are those of the next piece.</summary>
    private bool IsNext(ReadOnlySpan<byte> next, int length, ReadOnlySpan<byte> whole, byte flags)
    {
        int network = _network;
        int tcp = _transport;
        // The lengths differ in the last piece, IPv4's identification and checksum in every one: the rest is the same.
        bool isSame = _isIpv4
            ? ReadNumber(next, network + 2) == length - network
                && ReadNumber(next, network + 4) == _identification
                && IsSame(next, whole, 0, network + 2) && IsSame(next, whole, network + 6, network + 10) && IsSame(next, whole, network + 12, tcp + 4)
            : ReadNumber(next, network + 4) == length - network - Ipv6HeaderLength
                && IsSame(next, whole, 0, network + 4) && IsSame(next, whole, network + 6, tcp + 4);
        return isSame
            && BinaryPrimitives.ReadUInt32BigEndian(next[(tcp + 4)..]) == _sequence
            && (flags & ~(TcpFin | TcpPush)) == whole[tcp + 13]
            && IsSame(next, whole, tcp + 8, tcp + 13)
            && IsSame(next, whole, tcp + 14, tcp + TcpChecksumOffset)
            && IsSame(next, whole, tcp + TcpChecksumOffset + 2, HeaderLength);
    }

    private static int ReadNumber(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt16BigEndian(bytes[offset..]);

    private static bool IsSame(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, int from, int to) => a[from..to].SequenceEqual(b[from..to]);

    private static bool TryMakeRoom(ref Packet whole, FrameCache frames)
    {
        if (frames.Pool.IsLarge(whole.Data))
        {
            return true;
        }
        if (!frames.TryRentLarge(out Packet large))
        {
            return false;
        }
        large.Length = whole.Length;
        large.Flags = whole.Flags;
        Unsafe.CopyBlockUnaligned(large.Data, whole.Data, (uint)whole.Length);
        frames.Offload(large) = frames.Offload(whole);
        frames.Release(whole);
        whole = large;
        return true;
    }

    /// <summary>Marks the joined packet as a segment to be cut.</summary>
    private void Finish(ref Packet whole, FrameCache frames)
    {
        if (_joined == 0)
        {
            return;
        }
        Span<byte> bytes = whole.Bytes;
        Span<byte> network = bytes[_network..];
        if (_isIpv4)
        {
            BinaryPrimitives.WriteUInt16BigEndian(network[2..], (ushort)network.Length);
            Unsafe.WriteUnaligned(ref network[10], (ushort)0);
            Unsafe.WriteUnaligned(ref network[10], InternetChecksum.Compute(network[..(_transport - _network)]));
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(network[4..], (ushort)(network.Length - Ipv6HeaderLength));
        }
        bytes[_transport + 13] |= _endFlags;
        Unsafe.WriteUnaligned(ref bytes[_transport + TcpChecksumOffset], PartialChecksum(bytes, bytes.Length - HeaderLength));
        frames.Offload(whole) = new OffloadState
        {
            Segmentation = _isIpv4 ? SegmentationKind.TcpV4 : SegmentationKind.TcpV6,
            HeaderLength = (ushort)HeaderLength,
            SegmentSize = (ushort)_segmentSize,
            ChecksumStart = (ushort)_transport,
            ChecksumOffset = TcpChecksumOffset,
        };
        whole.Flags |= PacketFlags.NeedsSegmentation;
    }

    private ushort ReadChecksum(ReadOnlySpan<byte> packet) => Unsafe.ReadUnaligned<ushort>(in packet[_transport + TcpChecksumOffset]);

    /// <summary>The partial checksum that a stack writes for a packet with so much payload.</summary>
    private ushort PartialChecksum(ReadOnlySpan<byte> packet, int payload)
    {
        ReadOnlySpan<byte> addresses = _isIpv4 ? packet.Slice(_network + 12, 8) : packet.Slice(_network + 8, 2 * 16);
        return InternetChecksum.Fold(InternetChecksum.AddPseudoHeader(addresses, IpProtocol.Tcp, HeaderLength - _transport + payload));
    }
}
