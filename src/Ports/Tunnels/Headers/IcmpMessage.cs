using System.Buffers.Binary;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;

namespace Softswitch.Ports.Tunnels.Headers;

/// <summary>The two ICMP messages an underlay and its tunnels send (RFC 792, RFC 1191).</summary>
internal static class IcmpMessage
{
    public const byte EchoReply = 0;
    public const byte Unreachable = 3;
    public const byte FragmentationNeeded = 4;
    public const byte Echo = 8;

    private const int HeaderLength = 8;
    private const int Ipv4Length = 20;
    private const byte Ttl = 64;

    // RFC 1812 §4.3.2.3: as much of the packet as fits in 576 bytes.
    private const int LongestError = 576;

    /// <summary>Makes the reply of a whole echo request, in place: addresses swapped, data kept.</summary>
    /// <param name="frame">Ethernet frame without padding.</param>
    /// <param name="network">Offset of the IPv4 header.</param>
    /// <returns>False if it is no echo request, or a damaged one.</returns>
    public static bool TryAnswerEcho(Span<byte> frame, int network)
    {
        Span<byte> ip = frame[network..];
        int headerLength = (ip[0] & 0x0f) * 4;
        Span<byte> icmp = ip[headerLength..];
        if (icmp.Length < HeaderLength || icmp[0] != Echo || icmp[1] != 0 || InternetChecksum.Compute(icmp) != 0)
        {
            return false;
        }
        SwapEthernet(frame, frame);
        Be32 source = new(BitConverter.ToUInt32(ip[12..]));
        ip[16..20].CopyTo(ip[12..]);
        BitConverter.TryWriteBytes(ip[16..], source.Raw);
        ip[8] = Ttl;
        WriteChecksum(ip[..headerLength], at: 10);
        icmp[0] = EchoReply;
        WriteChecksum(icmp, at: 2);
        return true;
    }

    /// <summary>Writes "fragmentation needed and DF set" to the sender of a packet, from where the packet was going.</summary>
    /// <param name="frame">The packet that was too long, behind its Ethernet header and perhaps a tag.</param>
    /// <param name="network">Offset of its IPv4 header.</param>
    /// <param name="mtu">What would have fitted.</param>
    /// <returns>False where no error may be sent: about an error, a later fragment, to or from a group (RFC 1122 §3.2.2), or without a free frame.</returns>
    public static bool TryWriteFragmentationNeeded(ReadOnlySpan<byte> frame, int network, int mtu, FrameCache frames, out Packet answer)
    {
        answer = default;
        ReadOnlySpan<byte> ip = frame[network..];
        int headerLength = (ip[0] & 0x0f) * 4;
        int total = Math.Min(BinaryPrimitives.ReadUInt16BigEndian(ip[2..]), ip.Length);
        bool isLaterFragment = (BinaryPrimitives.ReadUInt16BigEndian(ip[6..]) & 0x1fff) != 0;
        bool isError = ip[9] == IpProtocol.Icmp && total > headerLength && ip[headerLength] is not (Echo or EchoReply);
        if (headerLength < Ipv4Length || total < headerLength || isLaterFragment || isError
            || !Ipv4Text.IsUnicast(Address(ip[12..])) || !Ipv4Text.IsUnicast(Address(ip[16..])) || (frame[0] & 1) != 0)
        {
            return false;
        }
        int quoted = Math.Min(total, LongestError - Ipv4Length - HeaderLength);
        int length = network + Ipv4Length + HeaderLength + quoted;
        if (!frames.TryRent(length, out answer))
        {
            return false;
        }
        answer.Length = length;
        Span<byte> bytes = answer.Bytes;
        frame[..network].CopyTo(bytes); // with the tag, if there is one
        SwapEthernet(frame, bytes);
        Span<byte> own = bytes[network..];
        own[..(Ipv4Length + HeaderLength)].Clear();
        own[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(own[2..], (ushort)(length - network));
        own[8] = Ttl;
        own[9] = IpProtocol.Icmp;
        ip[16..20].CopyTo(own[12..]);
        ip[12..16].CopyTo(own[16..]);
        WriteChecksum(own[..Ipv4Length], at: 10);
        Span<byte> icmp = own[Ipv4Length..];
        icmp[0] = Unreachable;
        icmp[1] = FragmentationNeeded;
        BinaryPrimitives.WriteUInt16BigEndian(icmp[6..], (ushort)Math.Min(mtu, ushort.MaxValue)); // RFC 1191 §4
        ip[..quoted].CopyTo(icmp[HeaderLength..]);
        WriteChecksum(icmp, at: 2);
        return true;
    }

    private static Be32 Address(ReadOnlySpan<byte> bytes) => Be32.FromHost(BinaryPrimitives.ReadUInt32BigEndian(bytes));

    private static void SwapEthernet(ReadOnlySpan<byte> from, Span<byte> to)
    {
        MacAddress destination = new(from);
        MacAddress source = new(from[6..]);
        source.CopyTo(to);
        destination.CopyTo(to[6..]);
    }

    private static void WriteChecksum(Span<byte> data, int at)
    {
        data.Slice(at, 2).Clear();
        BitConverter.TryWriteBytes(data[at..], InternetChecksum.Compute(data)); // raw: in memory's order
    }
}
