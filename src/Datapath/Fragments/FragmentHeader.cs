using System.Buffers.Binary;
using Softswitch.Datapath.Headers;

namespace Softswitch.Datapath.Fragments;

/// <summary>What the IPv4 header of a fragment says (RFC 791 §3.1), as far as one header can be believed by itself. Host byte order.</summary>
/// <param name="Network">Offset of the IP header in the packet.</param>
/// <param name="HeaderLength">Bytes of the IP header.</param>
/// <param name="Offset">First payload byte, counted from the datagram's.</param>
/// <param name="Length">Payload bytes.</param>
/// <param name="More">More Fragments.</param>
/// <param name="Ecn">The two ECN bits of the type of service (RFC 3168 §5).</param>
internal readonly record struct FragmentHeader(int Network, int HeaderLength, int Offset, int Length, bool More, ushort Identification, byte Ecn)
{
    public const int MinHeaderLength = 20;

    /// <summary>The longest IPv4 packet.</summary>
    public const int MaxTotalLength = 65535;

    public const ushort DontFragment = 0x4000;
    public const ushort MoreFragments = 0x2000;
    public const ushort OffsetMask = 0x1fff;

    /// <summary>Offsets count units of eight bytes, so every fragment but the last is a multiple of them long.</summary>
    public const int Unit = 8;

    public int End => Offset + Length;

    /// <param name="packet">From the Ethernet header on; may be longer than the IP packet.</param>
    /// <param name="network">Offset of the IP header.</param>
    /// <returns>False for what no sender following RFC 791 makes: a wrong checksum, no payload, an odd length before the last
    /// fragment, an end beyond the longest packet ("ping of death").</returns>
    public static bool TryRead(ReadOnlySpan<byte> packet, int network, out FragmentHeader header)
    {
        header = default;
        ReadOnlySpan<byte> ip = packet[network..];
        if (ip.Length < MinHeaderLength)
        {
            return false;
        }
        int headerLength = (ip[0] & 0x0f) * 4;
        int total = BinaryPrimitives.ReadUInt16BigEndian(ip[2..]);
        if (headerLength < MinHeaderLength || headerLength >= total || total > ip.Length || InternetChecksum.Compute(ip[..headerLength]) != 0)
        {
            return false;
        }
        ushort fragment = BinaryPrimitives.ReadUInt16BigEndian(ip[6..]);
        int offset = (fragment & OffsetMask) * Unit;
        int length = total - headerLength;
        bool more = (fragment & MoreFragments) != 0;
        if ((more && length % Unit != 0) || headerLength + offset + length > MaxTotalLength)
        {
            return false;
        }
        header = new FragmentHeader(network, headerLength, offset, length, more, BinaryPrimitives.ReadUInt16BigEndian(ip[4..]), (byte)(ip[1] & 3));
        return true;
    }
}
