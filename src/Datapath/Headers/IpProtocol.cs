namespace Softswitch.Datapath.Headers;

/// <summary>IP protocol numbers that the datapath looks at, or that matches name.</summary>
internal static class IpProtocol
{
    public const byte Icmp = 1;
    public const byte IpInIp = 4;
    public const byte Tcp = 6;
    public const byte Udp = 17;
    public const byte Gre = 47;
    public const byte IcmpV6 = 58;
    public const byte Sctp = 132;

    /// <summary>The NetFPGA capsulator's; the number is unassigned.</summary>
    public const byte Capsulator = 245;
}
