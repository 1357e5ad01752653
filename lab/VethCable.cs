using Softswitch.Datapath.Headers;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Netlink;
using Softswitch.Ports.Linux.Processes;

namespace Softswitch.Lab;

/// <summary>A pair of veths between two namespaces, which may be the same one.</summary>
internal static class VethCable
{
    /// <summary>Lays it, both ends up and silent. When this returns packets pass: what either end sends before is lost.</summary>
    /// <param name="farAddress">Ethernet address of the far end; null for one the kernel makes up.</param>
    /// <param name="queues">Of each end, to receive and to send by; null for as many as the kernel gives.</param>
    /// <exception cref="SystemCallException">The kernel refuses.</exception>
    /// <exception cref="Softswitch.Ports.PortException">It does not come up.</exception>
    public static void Lay(
        NetworkNamespace near, string nearName, NetworkNamespace far, string farName, MacAddress? farAddress = null, int? queues = null)
    {
        using NetlinkSocket here = near.Run(NetlinkSocket.Open);
        using NetlinkSocket there = far.Run(NetlinkSocket.Open);
        here.CreateVethPair(nearName, farName, far, farAddress, queues);
        here.SetNoIpv6Address(nearName);
        there.SetNoIpv6Address(farName);
        here.SetUp(nearName);
        there.SetUp(farName);
        here.AwaitUp(nearName);
        there.AwaitUp(farName);
    }
}
