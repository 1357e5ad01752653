namespace Softswitch.Datapath.Ports;

/// <summary>OpenFlow 1.0 port numbers: enum ofp_port (§5.2.1). Physical ports run from 1 to <see cref="Max"/>.</summary>
public static class PortNumber
{
    /// <summary>OFPP_MAX: ports above are reserved.</summary>
    public const ushort Max = 0xff00;

    /// <summary>OFPP_IN_PORT: back out of the port the packet came in on; the only way to do so.</summary>
    public const ushort InPort = 0xfff8;

    /// <summary>OFPP_TABLE: packet-out only, through the flow table.</summary>
    public const ushort Table = 0xfff9;

    /// <summary>OFPP_NORMAL: as a learning bridge would.</summary>
    public const ushort Normal = 0xfffa;

    /// <summary>OFPP_FLOOD: every port but the ingress and those with <see cref="PortConfig.NoFlood"/>.</summary>
    public const ushort Flood = 0xfffb;

    /// <summary>OFPP_ALL: every port but the ingress.</summary>
    public const ushort All = 0xfffc;

    /// <summary>OFPP_CONTROLLER: as a packet-in.</summary>
    public const ushort Controller = 0xfffd;

    /// <summary>OFPP_LOCAL: the switch's own networking stack.</summary>
    public const ushort Local = 0xfffe;

    /// <summary>OFPP_NONE: no port.</summary>
    public const ushort None = 0xffff;

    /// <summary>Whether it is a number a port can have, LOCAL aside.</summary>
    public static bool IsPhysical(ushort number) => number is > 0 and <= Max;

    /// <summary>The lowest number a port can have for which that holds; null for none.</summary>
    internal static ushort? Lowest(Predicate<ushort> holds)
    {
        for (int number = 1; number <= Max; number++)
        {
            if (holds((ushort)number))
            {
                return (ushort)number;
            }
        }
        return null;
    }
}
