using Softswitch.Datapath.Headers;

namespace Softswitch.Ports.Linux.Netlink;

/// <summary>IFF_ flags (netdevice(7)).</summary>
[Flags]
internal enum LinkFlags : uint
{
    None = 0,

    /// <summary>IFF_UP: administratively up.</summary>
    Up = 0x1,
    Broadcast = 0x2,
    Loopback = 0x8,
    PointToPoint = 0x10,

    /// <summary>IFF_RUNNING: up, with carrier.</summary>
    Running = 0x40,
    NoArp = 0x80,
    Promiscuous = 0x100,
    AllMulticast = 0x200,
    Multicast = 0x1000,
    LowerUp = 0x10000,
}

/// <summary>IF_OPER_ states (RFC 2863, linux/if.h).</summary>
internal enum OperationalState : byte
{
    Unknown = 0,
    NotPresent = 1,
    Down = 2,
    LowerLayerDown = 3,
    Testing = 4,
    Dormant = 5,
    Up = 6,
}

/// <summary>A network interface as the kernel described it.</summary>
/// <param name="Index">Its identity within the namespace; names may change.</param>
/// <param name="Mtu">Bytes of layer-3 payload.</param>
/// <param name="Master">The index of the bridge, bond or the like that it is a port of; 0 for none.</param>
/// <param name="Below">The index of the interface that it stands on, as a VLAN's device does; 0 for none. The other end of a veth is not below it.</param>
internal sealed record Link(
    int Index,
    string Name,
    LinkFlags Flags,
    int Mtu,
    MacAddress HardwareAddress,
    OperationalState State,
    bool Carrier,
    int Master = 0,
    int Below = 0);
