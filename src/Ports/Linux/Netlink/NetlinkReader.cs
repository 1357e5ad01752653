using System.Net;
using System.Runtime.InteropServices;
using System.Text;
using Softswitch.Datapath.Headers;

namespace Softswitch.Ports.Linux.Netlink;

/// <summary>Takes apart what the kernel wrote: messages of a datagram, then the attributes of a message.</summary>
internal static class NetlinkReader
{
    /// <summary>Splits the first message off <paramref name="rest"/>.</summary>
    /// <returns>False at the end, or where the lengths do not add up.</returns>
    public static bool TryNextMessage(ref ReadOnlySpan<byte> rest, out ushort type, out uint sequence, out ReadOnlySpan<byte> body)
    {
        type = 0;
        sequence = 0;
        body = default;
        if (rest.Length < Rtnetlink.HeaderSize)
        {
            return false;
        }
        int length = MemoryMarshal.Read<int>(rest);
        if (length < Rtnetlink.HeaderSize || length > rest.Length)
        {
            return false;
        }
        type = MemoryMarshal.Read<ushort>(rest[4..]);
        sequence = MemoryMarshal.Read<uint>(rest[8..]);
        body = rest[Rtnetlink.HeaderSize..length];
        rest = rest[Math.Min(rest.Length, Rtnetlink.Align(length))..];
        return true;
    }

    /// <summary>The link that the body of an RTM_NEWLINK or RTM_DELLINK describes; null if it is cut short.</summary>
    public static Link? ReadLink(ReadOnlySpan<byte> body)
    {
        if (body.Length < Rtnetlink.LinkSize)
        {
            return null;
        }
        var flags = (LinkFlags)MemoryMarshal.Read<uint>(body[8..]);
        var link = new Link(
            MemoryMarshal.Read<int>(body[4..]), string.Empty, flags, 0, default, OperationalState.Unknown, (flags & LinkFlags.LowerUp) != 0);
        bool standsOnIt = true;
        ReadOnlySpan<byte> rest = body[Rtnetlink.LinkSize..];
        while (TryNextAttribute(ref rest, out ushort type, out ReadOnlySpan<byte> value))
        {
            standsOnIt &= type switch
            {
                Rtnetlink.IFLA_LINK_NETNSID => false, // an index of another namespace
                Rtnetlink.IFLA_LINKINFO => !FindAttribute(value, Rtnetlink.IFLA_INFO_KIND, out ReadOnlySpan<byte> kind) || !kind.StartsWith("veth"u8),
                _ => true,
            };
            link = type switch
            {
                Rtnetlink.IFLA_IFNAME => link with { Name = Encoding.UTF8.GetString(value).TrimEnd('\0') },
                Rtnetlink.IFLA_MTU when value.Length >= 4 => link with { Mtu = MemoryMarshal.Read<int>(value) },
                Rtnetlink.IFLA_ADDRESS when value.Length >= MacAddress.Size => link with { HardwareAddress = new MacAddress(value) },
                Rtnetlink.IFLA_OPERSTATE when value.Length >= 1 => link with { State = (OperationalState)value[0] },
                Rtnetlink.IFLA_MASTER when value.Length >= 4 => link with { Master = MemoryMarshal.Read<int>(value) },
                Rtnetlink.IFLA_LINK when value.Length >= 4 => link with { Below = MemoryMarshal.Read<int>(value) },
                Rtnetlink.IFLA_CARRIER when value.Length >= 1 => link with { Carrier = value[0] != 0 },
                _ => link,
            };
        }
        return standsOnIt ? link : link with { Below = 0 };
    }

    /// <summary>tx_dropped of the link that the body of an RTM_NEWLINK describes; null if it is not there.</summary>
    public static long? ReadTransmitDropped(ReadOnlySpan<byte> body)
    {
        const int offset = 7 * sizeof(ulong); // struct rtnl_link_stats64: packets, bytes and errors, received and sent, then dropped, received and sent
        ReadOnlySpan<byte> rest = body[Math.Min(body.Length, Rtnetlink.LinkSize)..];
        return FindAttribute(rest, Rtnetlink.IFLA_STATS64, out ReadOnlySpan<byte> value) && value.Length >= offset + sizeof(ulong)
            ? MemoryMarshal.Read<long>(value[offset..]) : null;
    }

    /// <summary>Drops of the queueing discipline that the body of an RTM_NEWQDISC describes; null if they are not there.</summary>
    public static long? ReadQueueDropped(ReadOnlySpan<byte> body)
    {
        const int offset = 2 * sizeof(uint); // struct gnet_stats_queue: qlen, backlog, drops
        ReadOnlySpan<byte> rest = body[Math.Min(body.Length, Rtnetlink.QueueSize)..];
        return FindAttribute(rest, Rtnetlink.TCA_STATS2, out ReadOnlySpan<byte> statistics)
            && FindAttribute(statistics, Rtnetlink.TCA_STATS_QUEUE, out ReadOnlySpan<byte> queue) && queue.Length >= offset + sizeof(uint)
            ? MemoryMarshal.Read<uint>(queue[offset..]) : null;
    }

    /// <summary>The IPv4 address that the body of an RTM_NEWADDR describes; null if it is another family's or cut short.</summary>
    public static InterfaceAddress? ReadAddress(ReadOnlySpan<byte> body)
    {
        if (body.Length < Rtnetlink.AddressSize || body[0] != Libc.AF_INET)
        {
            return null;
        }
        InterfaceAddress? address = null;
        ReadOnlySpan<byte> rest = body[Rtnetlink.AddressSize..];
        while (TryNextAttribute(ref rest, out ushort type, out ReadOnlySpan<byte> value))
        {
            if (type == Rtnetlink.IFA_LOCAL && value.Length == sizeof(uint))
            {
                address = new InterfaceAddress(MemoryMarshal.Read<int>(body[4..]), MemoryMarshal.Read<Be32>(value));
            }
        }
        return address;
    }

    /// <summary>The address of any family that the body of an RTM_NEWADDR describes; null for one that is good on its link only.</summary>
    public static IPAddress? ReadWideAddress(ReadOnlySpan<byte> body, out int link)
    {
        link = body.Length < Rtnetlink.AddressSize ? 0 : MemoryMarshal.Read<int>(body[4..]);
        bool isWide = link != 0 && body[3] < Rtnetlink.RT_SCOPE_LINK;
        ReadOnlySpan<byte> rest = body[Math.Min(body.Length, Rtnetlink.AddressSize)..];
        return isWide
            && (FindAttribute(rest, Rtnetlink.IFA_LOCAL, out ReadOnlySpan<byte> value) || FindAttribute(rest, Rtnetlink.IFA_ADDRESS, out value))
            && value.Length is 4 or 16 ? new IPAddress(value) : null;
    }

    /// <summary>The IPv4 route that the body of an RTM_NEWROUTE describes; null if it leads to no link, to a gateway of another family, or is cut short.</summary>
    public static Route? ReadRoute(ReadOnlySpan<byte> body)
    {
        if (body.Length < Rtnetlink.RouteSize)
        {
            return null;
        }
        int? link = null;
        Be32? gateway = null;
        ReadOnlySpan<byte> rest = body[Rtnetlink.RouteSize..];
        while (TryNextAttribute(ref rest, out ushort type, out ReadOnlySpan<byte> value))
        {
            if (type == Rtnetlink.RTA_OIF && value.Length == sizeof(int))
            {
                link = MemoryMarshal.Read<int>(value);
            }
            else if (type == Rtnetlink.RTA_GATEWAY && value.Length == sizeof(uint))
            {
                gateway = MemoryMarshal.Read<Be32>(value);
            }
            else if (type == Rtnetlink.RTA_VIA)
            {
                return null;
            }
        }
        return link is { } index ? new Route(index, gateway) : null;
    }

    /// <summary>The IPv4 neighbour that the body of an RTM_NEWNEIGH or RTM_DELNEIGH describes; null if it is another family's or cut short.</summary>
    public static Neighbour? ReadNeighbour(ReadOnlySpan<byte> body)
    {
        if (body.Length < Rtnetlink.NeighbourSize || body[0] != Libc.AF_INET)
        {
            return null;
        }
        Be32? address = null;
        MacAddress? hardware = null;
        ReadOnlySpan<byte> rest = body[Rtnetlink.NeighbourSize..];
        while (TryNextAttribute(ref rest, out ushort type, out ReadOnlySpan<byte> value))
        {
            if (type == Rtnetlink.NDA_DST && value.Length == sizeof(uint))
            {
                address = MemoryMarshal.Read<Be32>(value);
            }
            else if (type == Rtnetlink.NDA_LLADDR && value.Length == MacAddress.Size)
            {
                hardware = new MacAddress(value);
            }
        }
        var state = (NeighbourStates)MemoryMarshal.Read<ushort>(body[8..]);
        return address is { } known ? new Neighbour(MemoryMarshal.Read<int>(body[4..]), known, hardware, state) : null;
    }

    private static bool FindAttribute(ReadOnlySpan<byte> rest, ushort wanted, out ReadOnlySpan<byte> value)
    {
        while (TryNextAttribute(ref rest, out ushort type, out value))
        {
            if (type == wanted)
            {
                return true;
            }
        }
        return false;
    }

    private static bool TryNextAttribute(scoped ref ReadOnlySpan<byte> rest, out ushort type, out ReadOnlySpan<byte> value)
    {
        type = 0;
        value = default;
        if (rest.Length < Rtnetlink.AttributeSize)
        {
            return false;
        }
        int length = MemoryMarshal.Read<ushort>(rest);
        if (length < Rtnetlink.AttributeSize || length > rest.Length)
        {
            return false;
        }
        type = (ushort)(MemoryMarshal.Read<ushort>(rest[2..]) & Rtnetlink.TypeMask);
        value = rest[Rtnetlink.AttributeSize..length];
        rest = rest[Math.Min(rest.Length, Rtnetlink.Align(length))..];
        return true;
    }
}

/// <summary>An IPv4 address and the link it belongs to.</summary>
internal readonly record struct InterfaceAddress(int LinkIndex, Be32 Address);

/// <summary>Which way packets to some IPv4 address go.</summary>
/// <param name="LinkIndex">The link they leave by.</param>
/// <param name="Gateway">The next hop; null if the destination itself is on the link.</param>
internal readonly record struct Route(int LinkIndex, Be32? Gateway);
