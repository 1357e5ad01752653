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
    private const string UnderlayAddress = "address";

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
            (string? bridge, string? address, string? above) = Find(netlink, index);
            if (bridge != null)
            {
                lines.Add($"it is a port of {bridge}, which {(isTaken ? none : "forwards its packets as well")}");
            }
            if (!spec.Options.ContainsKey(UnderlayAddress) && address != null)
            {
                lines.Add($"it has the address {address}: the host {(isTaken ? none : "takes its packets as well, and answers")}");
            }
            if (above != null && isTaken)
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
            return Find(netlink, device.Index) switch
            {
                ({ } bridge, _, _) => $"it is a port of {bridge}",
                (_, { } address, _) => $"it has the address {address}",
                (_, _, { } above) => $"{above} is on it",
                _ => null,
            };
        }
        catch (SystemCallException e)
        {
            return $"who uses it is not known ({e.Message})";
        }
    }

    private static (string? Bridge, string? Address, string? Above) Find(NetlinkSocket netlink, int index)
    {
        IReadOnlyList<Link> links = netlink.ListLinks();
        int master = links.FirstOrDefault(link => link.Index == index)?.Master ?? 0;
        string? NameOf(Func<Link, bool> isWanted) => links.FirstOrDefault(isWanted)?.Name;
        return (NameOf(link => link.Index == master), netlink.FindAddresses(index) is [var first, ..] ? $"{first}" : null, NameOf(link => link.Below == index));
    }
}
