using System.Runtime.InteropServices;
using Softswitch.Datapath.Ports;

namespace Softswitch.Ports.Linux.Interfaces;

/// <summary>struct ethtool_cmd of ETHTOOL_GSET: the older question, whose 32 bits hold all that struct ofp_phy_port can say.</summary>
[StructLayout(LayoutKind.Explicit, Size = 44)]
internal struct EthtoolSettings
{
    public const uint ETHTOOL_GSET = 1;

    private const byte PORT_TP = 0;
    private const byte PORT_FIBRE = 3;

    [FieldOffset(0)]
    public uint Command;

    [FieldOffset(4)]
    public uint Supported;

    [FieldOffset(8)]
    public uint Advertising;

    [FieldOffset(12)]
    public ushort SpeedLow;

    [FieldOffset(14)]
    public byte Duplex;

    [FieldOffset(15)]
    public byte Port;

    [FieldOffset(18)]
    public byte AutoNegotiation;

    [FieldOffset(28)]
    public ushort SpeedHigh;

    [FieldOffset(32)]
    public uint PeerAdvertising;

    public readonly PortFeatures Current
    {
        get
        {
            bool full = Duplex == 1;
            PortFeatures speed = (((uint)SpeedHigh << 16) | SpeedLow) switch
            {
                10 => full ? PortFeatures.Speed10MbFull : PortFeatures.Speed10MbHalf,
                100 => full ? PortFeatures.Speed100MbFull : PortFeatures.Speed100MbHalf,
                1000 => full ? PortFeatures.Speed1GbFull : PortFeatures.Speed1GbHalf,
                // OpenFlow 1.0 ends at 10 Gbit/s; what is faster is at least that. -1 is SPEED_UNKNOWN.
                >= 10_000 and < uint.MaxValue => PortFeatures.Speed10GbFull,
                _ => PortFeatures.None,
            };
            PortFeatures medium = Port switch
            {
                PORT_TP => PortFeatures.Copper,
                PORT_FIBRE => PortFeatures.Fiber,
                _ => PortFeatures.None,
            };
            return speed | medium | (AutoNegotiation != 0 ? PortFeatures.AutoNegotiation : PortFeatures.None);
        }
    }

    /// <summary>From SUPPORTED_* and ADVERTISED_* (linux/ethtool.h).</summary>
    public static PortFeatures ToFeatures(uint bits)
    {
        // Bits 0 to 5 are 10, 100 and 1000 Mbit/s, half and full: OpenFlow has them in the same order.
        var features = (PortFeatures)(bits & 0x3f);
        features |= (bits & (1 << 6)) != 0 ? PortFeatures.AutoNegotiation : PortFeatures.None;
        features |= (bits & (1 << 7)) != 0 ? PortFeatures.Copper : PortFeatures.None;
        features |= (bits & (1 << 10)) != 0 ? PortFeatures.Fiber : PortFeatures.None;
        features |= (bits & (1 << 12)) != 0 ? PortFeatures.Speed10GbFull : PortFeatures.None;
        features |= (bits & (1 << 13)) != 0 ? PortFeatures.Pause : PortFeatures.None;
        features |= (bits & (1 << 14)) != 0 ? PortFeatures.PauseAsymmetric : PortFeatures.None;
        return features;
    }
}
