using Softswitch.Datapath.Headers;

namespace Softswitch.Ports.Linux.Netlink;

/// <summary>An entry of the kernel's table of IPv4 neighbours.</summary>
/// <param name="LinkIndex">The link it is on.</param>
/// <param name="HardwareAddress">Null while it is not known.</param>
internal readonly record struct Neighbour(int LinkIndex, Be32 Address, MacAddress? HardwareAddress, NeighbourStates State)
{
    /// <summary>Whether the kernel would send to it now.</summary>
    public bool IsUsable => HardwareAddress != null && (State & NeighbourStates.Valid) != 0;
}
