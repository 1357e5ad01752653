namespace Softswitch.Datapath.Headers;

/// <summary>IPv4 protocol numbers the datapath looks at.</summary>
internal static class IpProtocol
{
    public const byte Icmp = 1;
    public const byte IpInIp = 4;
    public const byte Tcp = 6;
    public const byte Udp = 17;
    public const byte Gre = 47;

    /// <summary>The NetFPGA capsulator's; the number is unassigned.</summary>
    public const byte Capsulator = 245;
}
