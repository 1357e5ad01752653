using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Softswitch.Datapath.Packets;

/// <summary>A handle to the packet in one frame: 16 bytes, passed by value, owned by exactly one place at a time.</summary>
/// <remarks>
/// <code>
///  0               8            12        14       16
/// | address of data | length     | flags   | spare  |
/// </code>
/// The handle does not own memory: a frame comes from <see cref="FrameCache.TryRent(out Packet)"/> and goes back through
/// <see cref="FrameCache.Release(in Packet)"/>. Copying the handle does not copy the packet; after it moved to a port, a batch or a
/// queue, the old copy must not be used.
/// </remarks>
[StructLayout(LayoutKind.Explicit, Size = 16)]
internal unsafe struct Packet
{
    /// <summary>Longest packet the switch carries: a 64 KiB segment with its Ethernet header and VLAN tags.</summary>
    public const int MaxLength = 65536 + 32;

    [FieldOffset(0)]
    private byte* _data;

    [FieldOffset(8)]
    private int _length;

    [FieldOffset(12)]
    private PacketFlags _flags;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Packet(byte* data, int length)
    {
        _data = data;
        _length = length;
        _flags = PacketFlags.None;
    }

    /// <summary>First byte of the Ethernet header.</summary>
    public readonly byte* Data => _data;

    /// <summary>Bytes from the Ethernet header to the end, without FCS.</summary>
    public int Length
    {
        readonly get => _length;
        set => _length = value;
    }

    public PacketFlags Flags
    {
        readonly get => _flags;
        set => _flags = value;
    }

    public readonly bool HasOffload => (_flags & PacketFlags.OffloadMask) != 0;

    /// <summary>The packet's bytes; valid while the caller owns the frame.</summary>
    public readonly Span<byte> Bytes => new(_data, _length);

    /// <summary>Copies a packet whose fields were written a moment ago: loaded as one register, they would have to reach the cache first.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void SetFieldByField(in Packet other)
    {
        _data = other._data;
        _length = other._length;
        _flags = other._flags;
    }

    /// <summary>Moves the start of the packet: negative values grow it into the headroom, positive ones shrink it.</summary>
    /// <remarks>The caller knows that the headroom suffices: frames leave ports with <see cref="FramePool.LeastHeadroom"/> or more.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void MoveStart(int bytes)
    {
        _data += bytes;
        _length -= bytes;
    }
}

/// <summary>What a packet still owes the wire. Ports that do not take offloads never see any of the flags on transmit; none sees <see cref="MayFragment"/>.</summary>
[Flags]
internal enum PacketFlags : ushort
{
    None = 0,

    /// <summary>The transport checksum field holds the folded pseudo-header sum; the rest is to be added from <see cref="OffloadState.ChecksumStart"/>.</summary>
    NeedsChecksum = 1,

    /// <summary>A segment larger than the MTU, to be cut into frames of <see cref="OffloadState.SegmentSize"/> payload bytes. Implies <see cref="NeedsChecksum"/>.</summary>
    NeedsSegmentation = 2,

    /// <summary>An IPv4 packet that may be cut into fragments for a port whose MTU it exceeds: the switch reassembled it, or was handed it for one it had.</summary>
    MayFragment = 4,

    /// <summary>A flow chose the tunnel's key or remote end: <see cref="FrameCache.Tunnel"/> is meaningful. Ports that are no tunnel pay no heed.</summary>
    HasTunnel = 8,

    /// <summary>Is being traced: owes nothing, but goes where nothing is done for a whole batch at once.</summary>
    Traced = 16,

    /// <summary>Either of the first two: <see cref="FrameCache.Offload"/> is meaningful.</summary>
    OffloadMask = NeedsChecksum | NeedsSegmentation,
}
