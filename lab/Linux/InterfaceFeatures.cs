using Softswitch.Ports;
using Softswitch.Ports.Linux.Interfaces;

namespace Softswitch.Lab.Linux;

/// <summary>Offloads of an interface of the calling thread's network namespace, as <c>ethtool -K</c> sets them (linux/ethtool.h).</summary>
internal static class InterfaceFeatures
{
    private const uint ETHTOOL_STXCSUM = 0x17;
    private const uint ETHTOOL_SGRO = 0x2c;

    /// <summary>Generic receive offload. A veth receives by NAPI while it is on, as a card does, and can then be sent XDP frames.</summary>
    /// <exception cref="PortException">There is no such interface, or it refuses.</exception>
    public static void SetReceiveOffload(string name, bool on) => Set(name, ETHTOOL_SGRO, "gro", on);

    /// <summary>Checksums left to the device, and with them segments: off, a local stack sends finished packets of the MTU.</summary>
    /// <exception cref="PortException">There is no such interface, or it refuses.</exception>
    public static void SetTransmitOffload(string name, bool on) => Set(name, ETHTOOL_STXCSUM, "tx", on);

    private static void Set(string name, uint command, string feature, bool on)
    {
        using LinuxInterface device = LinuxInterface.Open(name, name);
        if (!EthtoolDevice.TrySet(device, command, on ? 1u : 0))
        {
            throw PortException.FromErrno(name, $"ethtool -K {name} {feature} {(on ? "on" : "off")}");
        }
    }
}
