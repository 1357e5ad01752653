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

/// <summary>ndm_state of linux/neighbour.h.</summary>
[Flags]
internal enum NeighbourStates : ushort
{
    None = 0,
    Incomplete = 0x01,
    Reachable = 0x02,
    Stale = 0x04,
    Delay = 0x08,
    Probe = 0x10,
    Failed = 0x20,
    NoArp = 0x40,
    Permanent = 0x80,

    /// <summary>NUD_VALID of include/net/neighbour.h.</summary>
    Valid = Reachable | Stale | Delay | Probe | NoArp | Permanent,
}
