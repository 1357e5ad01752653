using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Softswitch.Datapath.Headers;

namespace Softswitch.Datapath.Packets;

/// <summary>Cuts a segment larger than the MTU into the frames its sender would have sent: TCP over IPv4 and IPv6, and UDP (USO).</summary>
/// <remarks>
/// <code>
/// if (!GsoSegmenter.TryBegin(segment, frames, out GsoSegmenter segmenter)) { damaged }
/// while (segmenter.TryNext(out Packet frame)) { transmit frame }
/// lost += segmenter.Remaining;          // the pool ran dry
/// frames.Release(segment);
/// </code>
/// Each frame gets a copy of all headers, with its own lengths, IPv4 identification (counted up), sequence number, flags and
/// finished checksums, as net/ipv4/tcp_offload.c and udp_offload.c do it. Frames are rented from the cache as they are cut; the
/// segment is only read. UDP fragmentation offload (VIRTIO_NET_HDR_GSO_UDP) is refused: the kernel makes none since Linux 4.14,
/// and no port asks for it.
/// Nothing is trusted: the headers are walked, and every offset is checked against the length before a byte is read.
/// </remarks>
internal ref struct GsoSegmenter
{
    /// <summary>Frames that a segment may be cut into: with 64 bytes of payload in each, a segment of 64 KiB.</summary>
    public const int MaxFrames = 1024;

    // TCP_MIN_GSO_SIZE of Linux, include/net/tcp.h: what the least MSS, 48 bytes, leaves beside the longest options.
    private const int LeastTcpSegment = 8;

    private const int Ipv6HeaderLength = 40;
    private const int UdpHeaderLength = 8;

    // RFC 793 §3.1, RFC 3168 §6.1.
    private const byte TcpFin = 0x01;
    private const byte TcpPush = 0x08;
    private const byte TcpCwr = 0x80;

    private readonly ReadOnlySpan<byte> _source;
    private readonly FrameCache _frames;
    private readonly int _network;
    private readonly int _transport;
    private readonly int _headers;
    private readonly int _segmentSize;
    private readonly bool _isIpv4;
    private readonly bool _isTcp;
    private int _offset;
    private int _index;

    private GsoSegmenter(ReadOnlySpan<byte> source, FrameCache frames, GsoLayout layout, int segmentSize)
    {
        _source = source;
        _frames = frames;
        _network = layout.Network;
        _transport = layout.Transport;
        _headers = layout.Headers;
        _isIpv4 = layout.IsIpv4;
        _isTcp = layout.IsTcp;
        _segmentSize = segmentSize;
        _offset = layout.Headers;
    }

    /// <summary>Frames not cut yet.</summary>
    public readonly int Remaining => _segmentSize == 0 ? 0 : (_source.Length - _offset + _segmentSize - 1) / _segmentSize;

    /// <summary>Bytes of the longest frame to come, from the Ethernet header on: what an MTU is compared with.</summary>
    public readonly int FrameLength => Math.Min(_headers + _segmentSize, _source.Length);

    /// <summary>Whether no sender's stack makes such a segment: more frames than <see cref="MaxFrames"/>, or smaller ones than Linux allows.</summary>
    public readonly bool IsTiny => Remaining > MaxFrames || (_isTcp && _segmentSize < LeastTcpSegment);

    /// <summary>How many frames a segment may become at the most, by its length alone.</summary>
    public static int MostFrames(in Packet segment, FrameCache frames) =>
        Math.Min(MaxFrames, segment.Length / Math.Max((int)frames.Offload(segment).SegmentSize, 1));

    /// <param name="segment">A packet with <see cref="PacketFlags.NeedsSegmentation"/>; it stays the caller's and must not change until the last frame.</param>
    /// <param name="frames">Where its offload state lies and where frames come from.</param>
    /// <param name="segmenter">The first call of <see cref="TryNext"/> gives the first frame.</param>
    /// <returns>False when headers and offload state do not describe a segment that can be cut.</returns>
    public static bool TryBegin(in Packet segment, FrameCache frames, out GsoSegmenter segmenter)
    {
        segmenter = default;
        if ((segment.Flags & PacketFlags.NeedsSegmentation) == 0)
        {
            return false;
        }
        OffloadState offload = frames.Offload(segment);
        ReadOnlySpan<byte> source = segment.Bytes;
        if (!GsoLayout.TryFind(source, offload, out GsoLayout layout)
            || offload.SegmentSize == 0
            || layout.Headers >= source.Length
            || layout.Headers + offload.SegmentSize > FramePool.LargeFrameCapacity)
        {
            return false;
        }
        segmenter = new GsoSegmenter(source, frames, layout, offload.SegmentSize);
        return true;
    }

    /// <summary>Cuts the next frame, finished in every respect.</summary>
    /// <returns>False at the end, with <see cref="Remaining"/> 0, or when no frame is free; a later call tries again.</returns>
    public bool TryNext(out Packet frame)
    {
        int payload = Math.Min(_segmentSize, _source.Length - _offset);
        if (payload <= 0 || !_frames.TryRent(_headers + payload, out frame))
        {
            frame = default;
            return false;
        }
        frame.Length = _headers + payload;
        Span<byte> bytes = frame.Bytes;
        _source[.._headers].CopyTo(bytes);
        _source.Slice(_offset, payload).CopyTo(bytes[_headers..]);
        WriteNetworkHeader(bytes[_network..]);
        if (_isTcp)
        {
            WriteTcpHeader(bytes[_transport..], isLast: _offset + payload == _source.Length);
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(bytes[(_transport + 4)..], (ushort)(UdpHeaderLength + payload));
        }
        WriteChecksum(bytes);
        _offset += payload;
        _index++;
        return true;
    }

    private readonly void WriteNetworkHeader(Span<byte> network)
    {
        if (!_isIpv4)
        {
            BinaryPrimitives.WriteUInt16BigEndian(network[4..], (ushort)(network.Length - Ipv6HeaderLength));
            return;
        }
        BinaryPrimitives.WriteUInt16BigEndian(network[2..], (ushort)network.Length);
        ushort identification = BinaryPrimitives.ReadUInt16BigEndian(network[4..]);
        BinaryPrimitives.WriteUInt16BigEndian(network[4..], (ushort)(identification + _index));
        Unsafe.WriteUnaligned(ref network[10], (ushort)0);
        Unsafe.WriteUnaligned(ref network[10], InternetChecksum.Compute(network[..(_transport - _network)]));
    }

    private readonly void WriteTcpHeader(Span<byte> tcp, bool isLast)
    {
        uint sequence = BinaryPrimitives.ReadUInt32BigEndian(tcp[4..]);
        BinaryPrimitives.WriteUInt32BigEndian(tcp[4..], sequence + (uint)(_offset - _headers));
        // What ends the data ends it once, with the last byte; what answers ECN answers once, with the first frame.
        byte cleared = (byte)((isLast ? 0 : TcpFin | TcpPush) | (_index == 0 ? 0 : TcpCwr));
        tcp[13] &= (byte)~cleared;
    }

    private readonly void WriteChecksum(Span<byte> bytes)
    {
        int field = _transport + (_isTcp ? 16 : 6);
        ReadOnlySpan<byte> addresses = _isIpv4 ? bytes.Slice(_network + 12, 8) : bytes.Slice(_network + 8, 32);
        byte protocol = _isTcp ? IpProtocol.Tcp : IpProtocol.Udp;
        Unsafe.WriteUnaligned(ref bytes[field], (ushort)0);
        ulong sum = InternetChecksum.AddPseudoHeader(addresses, protocol, bytes.Length - _transport);
        sum = InternetChecksum.Add(bytes[_transport..], sum);
        Unsafe.WriteUnaligned(ref bytes[field], _isTcp ? InternetChecksum.Finish(sum) : InternetChecksum.FinishUdp(sum));
    }
}
