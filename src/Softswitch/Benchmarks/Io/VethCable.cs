using Softswitch.Ports.Linux;

namespace Softswitch.Benchmarks.Io;

/// <summary>A pair of veths between two namespaces.</summary>
internal static class VethCable
{
    /// <summary>Lays it, both ends up and silent.</summary>
    /// <exception cref="SystemCallException">The kernel refuses.</exception>
    public static void Lay(NetworkNamespace near, string nearName, NetworkNamespace far, string farName)
    {
        using NetlinkSocket here = near.Run(NetlinkSocket.Open);
        using NetlinkSocket there = far.Run(NetlinkSocket.Open);
        here.CreateVethPair(nearName, farName, far);
        here.SetNoIpv6Address(nearName);
        there.SetNoIpv6Address(farName);
        here.SetUp(nearName);
        there.SetUp(farName);
    }
}
