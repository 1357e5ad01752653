using System.Runtime.InteropServices;
using Softswitch.Datapath.Packets;

namespace Softswitch.Datapath.Captures;

/// <summary>The head of a captured packet in a <see cref="CaptureRing"/>; its bytes follow, up to a multiple of 8.</summary>
/// <remarks>
/// <code>
///  0      4       5        6      8        12         16      24     28        32
/// | size | point | reason | port | length | captured | ticks | call | index   | bytes
/// </code>
/// If a packet does not fit before the ring's end, it starts at the ring's begin. A record of 8 bytes without a point gives the size of the unused rest.
/// </remarks>
[StructLayout(LayoutKind.Sequential, Size = Size)]
internal struct CaptureRecord
{
    public const int Size = 32;

    private const byte Egress = 0x80;

    /// <summary>Bytes to the next record.</summary>
    public int Step;

    /// <summary>Where it was captured; none where there is no packet.</summary>
    public CapturePoints Point;

    private byte _reason; // with the side of the port in the highest bit

    public ushort Port;

    /// <summary>Bytes of the packet.</summary>
    public int Length;

    /// <summary>Bytes of it that are here.</summary>
    public int Captured;

    /// <summary>Universal time in units of 100 ns: of the worker's pass, not of the packet.</summary>
    public long Ticks;

    /// <summary>Of packets given to a device: which time, and which one of them.</summary>
    public int Call;
    public int Index;

    /// <summary>Of dropped packets.</summary>
    public DropReason Reason
    {
        readonly get => (DropReason)(_reason & ~Egress);
        set => _reason = (byte)((_reason & Egress) | (int)value);
    }

    /// <summary>Whether the packet was on its way out of the port.</summary>
    public bool IsEgress
    {
        readonly get => (_reason & Egress) != 0;
        set => _reason = (byte)((_reason & ~Egress) | (value ? Egress : 0));
    }

    /// <summary>Takes over what is the same for several packets, without a look at what stands here: the reader has that in its cache.</summary>
    public void Take(in CaptureRecord other)
    {
        Point = other.Point;
        _reason = other._reason;
        Port = other.Port;
        Call = other.Call;
    }
}
