using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;

namespace Softswitch.Datapath.Fragments;

/// <summary>How a fragment fits into a datagram.</summary>
internal enum FragmentFit
{
    /// <summary>Covers only what was missing.</summary>
    New,

    /// <summary>Equal in place and content to one that is there.</summary>
    Duplicate,

    /// <summary>Overlaps another, or says something else of the datagram's end.</summary>
    Contradiction,
}

/// <summary>A datagram some of whose fragments have come, assembled in place in a large frame.</summary>
/// <remarks>
/// <code>
/// frame: | offload | headroom ... | headers of the first fragment | payload, each fragment at its offset ... |
///                                                                 ^ Frame.Data
/// </code>
/// Headers are put in front of the payload when the fragment with offset 0 comes: only it has all IP options (RFC 791 §3.1).
/// </remarks>
internal unsafe struct PartialDatagram
{
    /// <summary>Room in front of the payload: Ethernet header, tag, longest IP header, rounded up.</summary>
    public const int HeaderRoom = 128;

    /// <summary>Link header and tag, addresses, protocol, ingress port; identification as tp_src. No two datagrams share it (RFC 791 §3.2).</summary>
    public FlowKey Key;

    /// <summary>Where the payload goes; no frame if the datagram was refused: later fragments of it are refused too.</summary>
    public Packet Frame;

    /// <summary>The account of the ingress that received its fragments.</summary>
    public PacketAccount* Account;

    /// <summary>Worker clock at the first fragment's arrival, in milliseconds.</summary>
    public uint Since;

    /// <summary>Fragments placed so far.</summary>
    public int Fragments;

    /// <summary>Neighbours by age and next in the same bucket; 0 for none.</summary>
    public int Older;
    public int Newer;
    public int NextInBucket;

    private UnitMap _have;
    private UnitMap _starts;
    private int _received;
    private int _end;
    private int _total;
    private int _headers;
    private byte _network;
    private byte _ecnSeen;

    public readonly bool IsRefused => Frame.Data == null;

    public readonly bool IsComplete => _total != 0 && _received == _total && _headers != 0;

    /// <summary>Starts over in a fresh large frame.</summary>
    public void Begin(in FlowKey key, PacketAccount* account, Packet frame, uint now)
    {
        this = default;
        Key = key;
        Account = account;
        Since = now;
        frame.MoveStart(HeaderRoom);
        Frame = frame;
    }

    /// <summary>Copies a fragment to its place, if it has one.</summary>
    public FragmentFit Place(ReadOnlySpan<byte> packet, in FragmentHeader fragment)
    {
        bool endContradicts = fragment.More
            ? _total != 0 && fragment.End >= _total
            : _total != 0 ? fragment.End != _total : fragment.End <= _end;
        if (endContradicts)
        {
            return FragmentFit.Contradiction;
        }
        ReadOnlySpan<byte> payload = packet.Slice(fragment.Network + fragment.HeaderLength, fragment.Length);
        Span<byte> place = new(Frame.Data + fragment.Offset, fragment.Length); // ends below 64 KiB: FragmentHeader saw to it
        int first = fragment.Offset / FragmentHeader.Unit;
        int last = (fragment.End + FragmentHeader.Unit - 1) / FragmentHeader.Unit;
        if (_have.AnyInRange(first, last))
        {
            bool same = HasSameBounds(first, last) && payload.SequenceEqual(place);
            return same ? FragmentFit.Duplicate : FragmentFit.Contradiction;
        }
        payload.CopyTo(place);
        _have.SetRange(first, last);
        _starts.Set(first);
        _received += fragment.Length;
        _end = Math.Max(_end, fragment.End);
        _total = fragment.More ? _total : fragment.End;
        _ecnSeen |= (byte)(1 << fragment.Ecn);
        Fragments++;
        if (fragment.Offset == 0)
        {
            _network = (byte)fragment.Network;
            _headers = fragment.Network + fragment.HeaderLength;
            packet[.._headers].CopyTo(new Span<byte>(Frame.Data - _headers, _headers)); // at most HeaderRoom
        }
        return FragmentFit.New;
    }

    /// <summary>Writes the header of the whole. The frame is the packet's then.</summary>
    /// <returns>False if the fragments do not make a packet: too long, or of contradictory ECN.</returns>
    public readonly bool TryFinish(out Packet datagram)
    {
        datagram = Frame;
        datagram.Length = _total;
        datagram.MoveStart(-_headers);
        datagram.Flags = PacketFlags.MayFragment;
        int totalLength = _headers - _network + _total;
        if (totalLength > FragmentHeader.MaxTotalLength || !TryMergeEcn(datagram.Bytes[_network..]))
        {
            return false;
        }
        Span<byte> ip = datagram.Bytes[_network.._headers];
        BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)totalLength);
        ushort flags = BinaryPrimitives.ReadUInt16BigEndian(ip[6..]);
        BinaryPrimitives.WriteUInt16BigEndian(ip[6..], (ushort)(flags & ~(FragmentHeader.MoreFragments | FragmentHeader.OffsetMask)));
        Unsafe.WriteUnaligned(ref ip[10], (ushort)0);
        Unsafe.WriteUnaligned(ref ip[10], InternetChecksum.Compute(ip));
        return true;
    }

    /// <summary>Whether a fragment from <paramref name="first"/> up to before <paramref name="last"/> is there.</summary>
    private readonly bool HasSameBounds(int first, int last) =>
        _have.AllInRange(first, last) && _starts[first] && !_starts.AnyInRange(first + 1, last)
        && (last == UnitMap.Units || !_have[last] || _starts[last]);

    /// <summary>RFC 3168 §5.3: congestion met by one fragment was met by the whole; "not capable" and "met" cannot be of one sender.</summary>
    private readonly bool TryMergeEcn(Span<byte> ip)
    {
        const int notCapable = 1 << 0;
        const int experienced = 1 << 3;
        if ((_ecnSeen & experienced) == 0)
        {
            return true;
        }
        ip[1] |= 3;
        return (_ecnSeen & notCapable) == 0;
    }
}
