namespace Softswitch.Ports.Tunnels.Settings;

/// <summary>What becomes of a frame that is too long for the underlay once it is encapsulated.</summary>
internal enum OversizePolicy
{
    /// <summary>An inner IPv4 packet with Don't Fragment is answered with ICMP "fragmentation needed"; others are fragmented outside.</summary>
    Icmp,

    /// <summary>The outer packet is cut into fragments.</summary>
    Fragment,

    /// <summary>Dropped and counted.</summary>
    Drop,
}
