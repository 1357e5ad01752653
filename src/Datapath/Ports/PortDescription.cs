using Softswitch.Datapath.Headers;

namespace Softswitch.Datapath.Ports;

/// <summary>A port as controllers see it: struct ofp_phy_port (OpenFlow 1.0.0 §5.2.1).</summary>
public readonly record struct PortDescription(
    ushort Number,
    MacAddress HardwareAddress,
    string Name,
    PortConfig Config,
    PortState State,
    PortFeatures Current,
    PortFeatures Advertised,
    PortFeatures Supported,
    PortFeatures Peer);
