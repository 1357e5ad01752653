using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Softswitch.Datapath.Headers;

namespace Softswitch.Lab.Measures;

/// <summary>The frames of I/O measurements: UDP over IPv4, flows told apart by tp_src, with what the sink needs in the first bytes of the payload.</summary>
/// <remarks>
/// <code>
/// 34       42      44                52           60
/// | tp_src | epoch | sequence number | time stamp |
/// </code>
/// Epoch, sequence number and time stamp (CLOCK_MONOTONIC, nanoseconds) stand as in this machine's memory: they do not leave it. The flow is the sequence
/// number modulo the number of flows. The UDP checksum is 0, none, as IPv4 allows.
/// </remarks>
internal static class MeasuredFrame
{
    public const int MinLength = 60;
    public const int MaxLength = 1514;
    public const int MaxFlows = 1 << 16;

    internal const int SourcePortOffset = 34;
    internal const int EpochOffset = 42;
    internal const int SequenceOffset = 44;
    internal const int StampOffset = 52;

    /// <summary>Of all frames.</summary>
    internal static readonly MacAddress Destination = new(0x0200_0000_0002);

    private const int IpOffset = 14;
    private const int IpLength = 20;
    private const int UdpOffset = IpOffset + IpLength;

    /// <summary>A frame without epoch, sequence number and time stamp.</summary>
    internal static byte[] Template(int length)
    {
        byte[] frame = new byte[length];
        Destination.CopyTo(frame);
        new MacAddress(0x0200_0000_0001).CopyTo(frame.AsSpan(MacAddress.Size));
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), EtherType.Ipv4);
        Span<byte> ip = frame.AsSpan(IpOffset, IpLength);
        ip[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)(length - IpOffset));
        ip[8] = 64; // time to live
        ip[9] = 17; // UDP
        BinaryPrimitives.WriteUInt32BigEndian(ip[12..], 0xc612_0001); // 198.18.0.1: RFC 2544's addresses for benchmarks
        BinaryPrimitives.WriteUInt32BigEndian(ip[16..], 0xc613_0001);
        MemoryMarshal.Write(ip[10..], InternetChecksum.Compute(ip));
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(UdpOffset + 2), 7); // echo, as in RFC 2544 appendix C
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(UdpOffset + 4), (ushort)(length - UdpOffset));
        return frame;
    }
}
