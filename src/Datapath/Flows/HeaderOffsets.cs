using System.Runtime.InteropServices;

namespace Softswitch.Datapath.Flows;

/// <summary>What the parser found in a packet.</summary>
[Flags]
internal enum HeaderFlags : byte
{
    None = 0,

    /// <summary>An 802.1Q tag follows the addresses.</summary>
    Tagged = 1,

    /// <summary>A whole and consistent IPv4 header stands at <see cref="HeaderOffsets.NetworkOffset"/>.</summary>
    Ipv4 = 2,

    /// <summary>A whole TCP header stands at <see cref="HeaderOffsets.TransportOffset"/>.</summary>
    Tcp = 4,

    /// <summary>A whole UDP header stands at <see cref="HeaderOffsets.TransportOffset"/>.</summary>
    Udp = 8,

    /// <summary>The IPv4 packet is a fragment, first or later.</summary>
    Fragment = 16,
}

/// <summary>Where a packet's headers are, so that rewriting need not look again. Offsets in bytes from the Ethernet header.</summary>
[StructLayout(LayoutKind.Sequential, Size = 4)]
internal struct HeaderOffsets
{
    public HeaderFlags Flags;

    /// <summary>Start of the network header, valid with <see cref="HeaderFlags.Ipv4"/>.</summary>
    public byte NetworkOffset;

    /// <summary>Start of the transport header, valid with <see cref="HeaderFlags.Tcp"/> or <see cref="HeaderFlags.Udp"/>; at most 14 + 4 + 8 + 60.</summary>
    public byte TransportOffset;
}
