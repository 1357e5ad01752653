namespace Softswitch.Datapath.Ports;

/// <summary>What a port reports of itself: enum ofp_port_state (OpenFlow 1.0.0 §5.2.1).</summary>
[Flags]
public enum PortState : uint
{
    /// <summary>Link up, no spanning tree or listening.</summary>
    None = 0,

    /// <summary>OFPPS_LINK_DOWN: no carrier.</summary>
    LinkDown = 1 << 0,

    /// <summary>OFPPS_STP_LISTEN: 0 in the two-bit spanning tree field.</summary>
    StpListen = 0 << 8,

    /// <summary>OFPPS_STP_LEARN: learns addresses, does not forward.</summary>
    StpLearn = 1 << 8,

    /// <summary>OFPPS_STP_FORWARD.</summary>
    StpForward = 2 << 8,

    /// <summary>OFPPS_STP_BLOCK.</summary>
    StpBlock = 3 << 8,

    /// <summary>The field of the four above.</summary>
    StpMask = 3 << 8,
}
