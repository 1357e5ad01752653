namespace Softswitch.Datapath.Ports;

/// <summary>Link speeds, media and negotiation: enum ofp_port_features (OpenFlow 1.0.0 §5.2.1).</summary>
[Flags]
public enum PortFeatures : uint
{
    /// <summary>Nothing known.</summary>
    None = 0,

    /// <summary>10 Mbit/s, half duplex.</summary>
    Speed10MbHalf = 1 << 0,

    /// <summary>10 Mbit/s, full duplex.</summary>
    Speed10MbFull = 1 << 1,

    /// <summary>100 Mbit/s, half duplex.</summary>
    Speed100MbHalf = 1 << 2,

    /// <summary>100 Mbit/s, full duplex.</summary>
    Speed100MbFull = 1 << 3,

    /// <summary>1 Gbit/s, half duplex.</summary>
    Speed1GbHalf = 1 << 4,

    /// <summary>1 Gbit/s, full duplex.</summary>
    Speed1GbFull = 1 << 5,

    /// <summary>10 Gbit/s, full duplex.</summary>
    Speed10GbFull = 1 << 6,

    /// <summary>Copper medium.</summary>
    Copper = 1 << 7,

    /// <summary>Fiber medium.</summary>
    Fiber = 1 << 8,

    /// <summary>Speed is negotiated.</summary>
    AutoNegotiation = 1 << 9,

    /// <summary>Pause frames.</summary>
    Pause = 1 << 10,

    /// <summary>Pause frames in one direction.</summary>
    PauseAsymmetric = 1 << 11,
}
