namespace Softswitch.Datapath.Ports;

/// <summary>What a controller may set on a port: enum ofp_port_config (OpenFlow 1.0.0 §5.2.1).</summary>
[Flags]
public enum PortConfig : uint
{
    /// <summary>Nothing set: it receives, forwards and floods.</summary>
    None = 0,

    /// <summary>OFPPC_PORT_DOWN: administratively down.</summary>
    PortDown = 1 << 0,

    /// <summary>OFPPC_NO_STP: the port takes no part in spanning tree.</summary>
    NoStp = 1 << 1,

    /// <summary>OFPPC_NO_RECV: drop everything received but 802.1D frames.</summary>
    NoReceive = 1 << 2,

    /// <summary>OFPPC_NO_RECV_STP: drop received 802.1D frames.</summary>
    NoReceiveStp = 1 << 3,

    /// <summary>OFPPC_NO_FLOOD: left out of FLOOD.</summary>
    NoFlood = 1 << 4,

    /// <summary>OFPPC_NO_FWD: drop what is forwarded to it.</summary>
    NoForward = 1 << 5,

    /// <summary>OFPPC_NO_PACKET_IN: no packet-in for table misses on it.</summary>
    NoPacketIn = 1 << 6,

    /// <summary>Every bit there is.</summary>
    All = (1 << 7) - 1,
}
