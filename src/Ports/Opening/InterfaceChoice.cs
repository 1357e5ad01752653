using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.AfPacket;
using Softswitch.Ports.AfXdp;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Interfaces;
using Softswitch.Ports.Linux.Netlink;

namespace Softswitch.Ports.Opening;

/// <summary>The backend for an interface given by its name alone.</summary>
/// <remarks>
/// <para>
/// A card by AF_XDP, with its program in the driver, which saves it the kernel's stack. An interface with software behind it is opened by
/// AF_PACKET: local stacks and virtual machines send segments of 64 KiB, which pass whole there and would be cut to the MTU for AF_XDP. A card with an
/// address is opened by AF_PACKET, too: AF_XDP would take its packets from the host, and may cut the host off. If AF_XDP refuses an interface for any
/// reason, AF_PACKET opens it.
/// </para>
/// <para>The generic hook is not tried: it costs more than AF_PACKET and carries less.</para>
/// </remarks>
internal static class InterfaceChoice
{
    // These look like cards on a bus, but a hypervisor is behind them, which passes whole segments on.
    private static readonly string[] ParavirtualDrivers = ["virtio_net", "vmxnet3", "hv_netvsc", "vif"];

    /// <summary>Whether AF_XDP is to be tried.</summary>
    /// <param name="device">The interface.</param>
    /// <param name="reason">Why not, for the port's line; empty if it is.</param>
    public static bool IsForXdp(LinuxInterface device, out string reason)
    {
        string driver = EthtoolDevice.ReadDriver(device, out bool isHardware);
        reason = isHardware && !ParavirtualDrivers.Contains(driver) ? string.Empty
            : $"no card behind {(driver.Length > 0 ? driver : "it")}, and segments pass whole";
        return reason.Length == 0;
    }

    /// <summary>The same of an interface of the calling thread's network namespace.</summary>
    /// <exception cref="PortException">There is no such interface.</exception>
    public static bool IsForXdp(string port, string name, out string reason)
    {
        using LinuxInterface device = LinuxInterface.Open(port, name);
        return IsForXdp(device, out reason);
    }

    /// <summary>Opens an interface of the calling thread's network namespace.</summary>
    /// <exception cref="PortException">Neither backend takes it.</exception>
    public static IPortDevice Open(string port, string name, FramePool pool, AfXdpOptions options, AfPacketOptions rings) =>
        IsForXdp(port, name, out string reason) ? OpenXdpOrPacket(port, name, pool, options, rings) : AfPacketPort.Open(port, name, rings, reason);

    /// <summary>By AF_XDP in native mode; where that is refused, or would cut the host off, by AF_PACKET with the reason.</summary>
    public static IPortDevice OpenXdpOrPacket(string port, string name, FramePool pool, AfXdpOptions options, AfPacketOptions rings) =>
        TryOpenXdp(port, name, pool, options, out string reason) ?? AfPacketPort.Open(port, name, rings, reason);

    /// <summary>By AF_XDP in native mode.</summary>
    /// <param name="reason">Why not, where it is refused or would cut the host off.</param>
    /// <returns>Null if it is not.</returns>
    /// <exception cref="PortException">The interface cannot be had, by whatever backend.</exception>
    public static IPortDevice? TryOpenXdp(string port, string name, FramePool pool, AfXdpOptions options, out string reason)
    {
        reason = string.Empty;
        if (HasAddress(port, name))
        {
            reason = "no AF_XDP: it has an address, and AF_XDP leaves the host none of its packets";
            return null;
        }
        try
        {
            return AfXdpPort.Open(port, name, pool, options with { Mode = XdpMode.Native });
        }
        catch (PortException e) when (e.InnerException is PortException refusal) // the others are about the interface, not about AF_XDP
        {
            reason = $"no AF_XDP: {refusal.Message.Replace($"{port}: ", string.Empty, StringComparison.Ordinal)}";
            return null;
        }
    }

    private static bool HasAddress(string port, string name)
    {
        using LinuxInterface device = LinuxInterface.Open(port, name);
        try
        {
            using NetlinkSocket netlink = NetlinkSocket.Open();
            return netlink.ListIpv4Addresses().Any(address => address.LinkIndex == device.Index);
        }
        catch (SystemCallException e)
        {
            throw new PortException($"{port}: {e.Message}", e);
        }
    }
}
