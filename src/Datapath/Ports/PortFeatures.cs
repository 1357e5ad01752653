namespace Softswitch.Datapath.Ports;

/// <summary>Link speeds, media and negotiation: enum ofp_port_features (OpenFlow 1.0.0 §5.2.1).</summary>
[Flags]
public enum PortFeatures : uint
{
    None = 0,
    Speed10MbHalf = 1 << 0,
    Speed10MbFull = 1 << 1,
    Speed100MbHalf = 1 << 2,
    Speed100MbFull = 1 << 3,
    Speed1GbHalf = 1 << 4,
    Speed1GbFull = 1 << 5,
    Speed10GbFull = 1 << 6,
    Copper = 1 << 7,
    Fiber = 1 << 8,
    AutoNegotiation = 1 << 9,
    Pause = 1 << 10,
    PauseAsymmetric = 1 << 11,
}
