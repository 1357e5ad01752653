using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Softswitch.Hosting.Configuration;
using Softswitch.Ports.Linux.Netlink;
using Softswitch.Ports.Specs;

namespace Softswitch.Hosting.Ports;

/// <summary>A datapath id for a switch that was given none: the same after a restart, another one on another machine.</summary>
internal static class DatapathIdentity
{
    // The bit that says an Ethernet address was not given out by IEEE (IEEE 802-2014 §8.2.2).
    private const ulong LocallyAdministered = 0x0200_0000_0000;
    private const ulong Multicast = 0x0100_0000_0000;
    private const ulong AddressBits = 0xffff_ffff_ffff;

    /// <summary>The address of the first port that is an interface of this machine (OpenFlow 1.0.0 §5.3.1: the lower 48 bits are
    /// meant for it); made from the host's name and the ports where there is none.</summary>
    /// <param name="name">What tells the switch from others of its process, which may have no ports yet; null for one that is alone.</param>
    /// <param name="warn">Told when the interface is not there whose address it would have been. Then it is made as if there were none at all: the second
    /// interface's address would be a third identity.</param>
    public static ulong Choose(IReadOnlyList<PortOption> ports, string? name, Action<string> warn)
    {
        using NetlinkSocket netlink = NetlinkSocket.Open();
        foreach (PortOption port in ports.Where(port => port.Spec.Kind is PortKind.Interface or PortKind.Packet or PortKind.Xdp or PortKind.PcapLib or PortKind.NetFpga))
        {
            if (netlink.FindLink(port.Spec.Target) is not { } link)
            {
                warn($"datapath id: made from the host's name and the ports, as {port.Spec.Target} is not there; with it, it is that one's address (--datapath-id settles it)");
                break;
            }
            if (link.HardwareAddress.Value != 0)
            {
                return link.HardwareAddress.Value;
            }
        }
        string identity = $"{Environment.MachineName}\n{string.Join('\n', ports.Select(port => port.Spec))}{(name == null ? string.Empty : $"\n{name}")}";
        ulong hash = BinaryPrimitives.ReadUInt64BigEndian(SHA256.HashData(Encoding.UTF8.GetBytes(identity)));
        return (hash & AddressBits & ~Multicast) | LocallyAdministered;
    }
}
