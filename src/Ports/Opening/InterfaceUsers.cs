using Softswitch.Datapath.Ports;
using Softswitch.Ports.AfXdp;
using Softswitch.Ports.KernelOffload;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Interfaces;
using Softswitch.Ports.Linux.Netlink;
using Softswitch.Ports.Specs;

namespace Softswitch.Ports.Opening;

/// <summary>Finds other users of a port's interface. With AF_PACKET they get its packets as well; with AF_XDP, and where flows are in the kernel, they get none.</summary>
internal static class InterfaceUsers
{
    /// <summary>In the calling thread's network namespace.</summary>
    /// <returns>Warnings, a line each. Nothing of a TAP device, whose far end is the host, nor of an underlay's address.</returns>
    public static IReadOnlyList<string> Describe(PortSpec spec, IPortDevice device)
    {
        if (spec.Kind is not (PortKind.Interface or PortKind.Packet or PortKind.Xdp or PortKind.PcapLib)
            || device.Interface is not { InterfaceIndex: > 0 and int index })
        {
            return [];
        }
        List<string> lines = [];
        try
        {
            using NetlinkSocket netlink = NetlinkSocket.Open();
            bool isTaken = device is AfXdpPort or KernelOffloadPort;
            string none = $"gets none of its packets any more ({(device is AfXdpPort ? "AF_XDP" : "its flows are in the kernel; offload=off leaves them to both")})";
            if (FindBridge(netlink, index) is string bridge)
            {
                lines.Add($"it is a port of {bridge}, which {(isTaken ? none : "forwards its packets as well")}");
            }
            if (!spec.Options.ContainsKey(PortSpec.AddressKey) && FindAddress(netlink, index) is string address)
            {
                lines.Add($"it has the address {address}: the host {(isTaken ? none : "takes its packets as well, and answers")}");
            }
            if (isTaken && FindAbove(netlink, index) is string above)
            {
                lines.Add($"{above} is on it, and {none}");
            }
        }
        catch (SystemCallException)
        {
            // a system that does not say
        }
        return lines;
    }

    /// <summary>Who else has the interface, such as <c>it has the address 10.0.0.1</c>; null if nobody has.</summary>
    /// <exception cref="PortException">There is no such interface.</exception>
    public static string? Find(string port, string name)
    {
        using LinuxInterface device = LinuxInterface.Open(port, name);
        try
        {
            using NetlinkSocket netlink = NetlinkSocket.Open();
            return FindBridge(netlink, device.Index) is string bridge ? $"it is a port of {bridge}"
                : FindAddress(netlink, device.Index) is string address ? $"it has the address {address}"
                : FindAbove(netlink, device.Index) is string above ? $"{above} is on it"
                : null;
        }
        catch (SystemCallException e)
        {
            return $"who uses it is not known ({e.Message})";
        }
    }

    private static string? FindBridge(NetlinkSocket netlink, int index) =>
        netlink.FindLink(index) is { Master: > 0 and int master } ? netlink.FindLink(master)?.Name : null;

    private static string? FindAddress(NetlinkSocket netlink, int index) => netlink.FindAddresses(index) is [var first, ..] ? $"{first}" : null;

    private static string? FindAbove(NetlinkSocket netlink, int index) => netlink.ListLinks().FirstOrDefault(link => link.Below == index)?.Name;
}
