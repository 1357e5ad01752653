using System.Buffers.Binary;
using Softswitch.Datapath.Headers;

namespace Softswitch.Datapath.Packets;

/// <summary>Where the headers of a segment lie, found by walking them and held against what the offload state claims.</summary>
/// <remarks>Every read is preceded by the check of its bound: <see cref="TryFind"/> answers false for whatever bytes come.</remarks>
internal readonly struct GsoLayout
{
    private const int Ipv4MinHeaderLength = 20;
    private const int Ipv6HeaderLength = 40;
    private const int TcpMinHeaderLength = 20;
    private const int UdpHeaderLength = 8;

    // RFC 8200 §4: the extension headers a segment may carry in front of its transport header.
    private const byte HopByHopOptions = 0;
    private const byte DestinationOptions = 60;
    private const int MaxExtensionHeaders = 4;

    private GsoLayout(int network, int transport, int headers, bool isIpv4, bool isTcp)
    {
        Network = network;
        Transport = transport;
        Headers = headers;
        IsIpv4 = isIpv4;
        IsTcp = isTcp;
    }

    /// <summary>Offset of the IP header.</summary>
    public int Network { get; }

    /// <summary>Offset of the TCP or UDP header.</summary>
    public int Transport { get; }

    /// <summary>Bytes of all headers: offset of the payload.</summary>
    public int Headers { get; }

    public bool IsIpv4 { get; }

    public bool IsTcp { get; }

    public static bool TryFind(ReadOnlySpan<byte> packet, in OffloadState offload, out GsoLayout layout)
    {
        layout = default;
        bool isTcp = offload.Segmentation is SegmentationKind.TcpV4 or SegmentationKind.TcpV6;
        if ((!isTcp && offload.Segmentation != SegmentationKind.UdpL4) || !LinkHeader.TryFindNetwork(packet, out int network, out bool isIpv4))
        {
            return false;
        }
        if (isTcp && isIpv4 != (offload.Segmentation == SegmentationKind.TcpV4))
        {
            return false;
        }
        byte protocol = isTcp ? IpProtocol.Tcp : IpProtocol.Udp;
        int transport = isIpv4 ? FindAfterIpv4(packet, network, protocol) : FindAfterIpv6(packet, network, protocol);
        if (transport < 0 || transport != offload.ChecksumStart || packet.Length - transport < (isTcp ? TcpMinHeaderLength : UdpHeaderLength))
        {
            return false;
        }
        int length = isTcp ? (packet[transport + 12] >> 4) * 4 : UdpHeaderLength;
        if (length > packet.Length - transport || (isTcp && length < TcpMinHeaderLength))
        {
            return false;
        }
        layout = new GsoLayout(network, transport, transport + length, isIpv4, isTcp);
        return true;
    }

    /// <returns>Offset of the transport header; -1 if the header is damaged, of another protocol or of a fragment.</returns>
    private static int FindAfterIpv4(ReadOnlySpan<byte> packet, int network, byte protocol)
    {
        if (packet.Length - network < Ipv4MinHeaderLength || packet[network] >> 4 != 4)
        {
            return -1;
        }
        int length = (packet[network] & 0xf) * 4;
        ushort fragment = BinaryPrimitives.ReadUInt16BigEndian(packet[(network + 6)..]);
        const ushort moreFragmentsAndOffset = 0x3fff;
        bool fits = length >= Ipv4MinHeaderLength && length <= packet.Length - network;
        return fits && packet[network + 9] == protocol && (fragment & moreFragmentsAndOffset) == 0 ? network + length : -1;
    }

    /// <returns>Offset of the transport header; -1 as for IPv4, and behind a routing header, which changes the pseudo-header.</returns>
    private static int FindAfterIpv6(ReadOnlySpan<byte> packet, int network, byte protocol)
    {
        if (packet.Length - network < Ipv6HeaderLength || packet[network] >> 4 != 6)
        {
            return -1;
        }
        byte next = packet[network + 6];
        int at = network + Ipv6HeaderLength;
        for (int i = 0; i < MaxExtensionHeaders && next is HopByHopOptions or DestinationOptions; i++)
        {
            if (packet.Length - at < 2)
            {
                return -1;
            }
            next = packet[at];
            at += (packet[at + 1] + 1) * 8;
        }
        return next == protocol && at <= packet.Length ? at : -1;
    }
}
