using System.Net;
using System.Runtime.InteropServices;
using Softswitch.Datapath.Headers;

namespace Softswitch.Ports.Linux.Netlink;

/// <summary>Asks the kernel about links, addresses, routes and neighbours (rtnetlink(7)), in the network namespace of the thread that opened it.</summary>
/// <remarks>Threads: any, one at a time under a lock of its own. Each request waits for the kernel's answer, which comes at once.</remarks>
internal sealed unsafe class NetlinkSocket : IDisposable
{
    // What the kernel hands out at once in a dump: NLMSG_GOODSIZE, at most 32 KiB.
    private const int BufferSize = 32 * 1024;

    private const int SOL_NETLINK = 270;
    private const int NETLINK_GET_STRICT_CHK = 12;

    private readonly Lock _lock = new();
    private readonly byte[] _buffer = new byte[BufferSize];
    private int _socket;
    private uint _sequence;

    private NetlinkSocket(int socket) => _socket = socket;

    /// <summary>Takes one message of an answer; the body is valid during the call.</summary>
    internal delegate void MessageTaker(ushort type, ReadOnlySpan<byte> body);

    /// <exception cref="SystemCallException">The system has no netlink or no descriptor left.</exception>
    public static NetlinkSocket Open() => new(OpenDescriptor(groups: 0));

    /// <summary>All links of the namespace, in the kernel's order.</summary>
    public IReadOnlyList<Link> ListLinks()
    {
        var links = new List<Link>();
        Exchange(new NetlinkRequest(Rtnetlink.RTM_GETLINK, Rtnetlink.NLM_F_REQUEST | Rtnetlink.NLM_F_DUMP).Link(), "RTM_GETLINK", AddTo(links));
        return links;
    }

    /// <summary>The link of this name; null if there is none.</summary>
    public Link? FindLink(string name)
    {
        var links = new List<Link>();
        NetlinkRequest request = new NetlinkRequest(Rtnetlink.RTM_GETLINK, Rtnetlink.NLM_F_REQUEST | Rtnetlink.NLM_F_ACK)
            .Link().Attribute(Rtnetlink.IFLA_IFNAME, name);
        int error = TryExchange(request, AddTo(links));
        return error switch
        {
            0 => links.Count == 0 ? null : links[0],
            Errno.ENODEV => null,
            _ => throw new SystemCallException($"RTM_GETLINK {name}", error),
        };
    }

    /// <summary>Packets the link dropped instead of sending them, since it was made; null if it is gone or does not say.</summary>
    public long? ReadTransmitDropped(int index)
    {
        long? dropped = null;
        NetlinkRequest request = new NetlinkRequest(Rtnetlink.RTM_GETLINK, Rtnetlink.NLM_F_REQUEST | Rtnetlink.NLM_F_ACK).Link(index);
        TryExchange(request, (type, body) => dropped = type == Rtnetlink.RTM_NEWLINK ? NetlinkReader.ReadTransmitDropped(body) : dropped);
        return dropped;
    }

    /// <summary>Packets that the link's queueing discipline dropped, since it was put there, modulo 2^32; null if there is none or the link is gone.</summary>
    public long? ReadQueueDropped(int index)
    {
        long? dropped = null;
        // The answer is a notification (qdisc_notify), which goes to whoever asked only as an echo.
        NetlinkRequest request = new NetlinkRequest(Rtnetlink.RTM_GETQDISC, Rtnetlink.NLM_F_REQUEST | Rtnetlink.NLM_F_ACK | Rtnetlink.NLM_F_ECHO).RootQueue(index);
        TryExchange(request, (type, body) => dropped = type == Rtnetlink.RTM_NEWQDISC ? NetlinkReader.ReadQueueDropped(body) : dropped);
        return dropped;
    }

    /// <summary>All IPv4 addresses of the namespace.</summary>
    public IReadOnlyList<InterfaceAddress> ListIpv4Addresses()
    {
        var addresses = new List<InterfaceAddress>();
        NetlinkRequest request = new NetlinkRequest(Rtnetlink.RTM_GETADDR, Rtnetlink.NLM_F_REQUEST | Rtnetlink.NLM_F_DUMP).Ipv4Address(0, 0);
        Exchange(request, "RTM_GETADDR", (type, body) =>
        {
            if (type == Rtnetlink.RTM_NEWADDR && NetlinkReader.ReadAddress(body) is { } address)
            {
                addresses.Add(address);
            }
        });
        return addresses;
    }

    /// <summary>The link of this index; null if there is none.</summary>
    public Link? FindLink(int index)
    {
        var links = new List<Link>();
        TryExchange(new NetlinkRequest(Rtnetlink.RTM_GETLINK, Rtnetlink.NLM_F_REQUEST | Rtnetlink.NLM_F_ACK).Link(index), AddTo(links));
        return links.Count == 0 ? null : links[0];
    }

    /// <summary>Addresses of a link, of IPv4 and IPv6, but for those that are good on their link only.</summary>
    public IReadOnlyList<IPAddress> FindAddresses(int link)
    {
        var addresses = new List<IPAddress>();
        int strict = 1; // the kernel then looks at the link alone, and before Linux 4.20 at all
        _ = Libc.setsockopt(_socket, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &strict, sizeof(int));
        foreach (int family in (ReadOnlySpan<int>)[Libc.AF_INET, Rtnetlink.AF_INET6])
        {
            const ushort flags = Rtnetlink.NLM_F_REQUEST | Rtnetlink.NLM_F_DUMP;
            NetlinkRequest request = new NetlinkRequest(Rtnetlink.RTM_GETADDR, flags).Address(family, link);
            TryExchange(request, (type, body) =>
            {
                if (type == Rtnetlink.RTM_NEWADDR && NetlinkReader.ReadWideAddress(body, out int its) is { } address && its == link)
                {
                    addresses.Add(address);
                }
            });
        }
        return addresses;
    }

    /// <summary>The way packets to an IPv4 address go; null if there is none.</summary>
    public Route? FindRoute(Be32 destination)
    {
        Route? route = null;
        NetlinkRequest request = new NetlinkRequest(Rtnetlink.RTM_GETROUTE, Rtnetlink.NLM_F_REQUEST | Rtnetlink.NLM_F_ACK).RouteTo(destination);
        int error = TryExchange(request, (type, body) => route = type == Rtnetlink.RTM_NEWROUTE ? NetlinkReader.ReadRoute(body) : route);
        return error == 0 ? route : null;
    }

    /// <summary>What the kernel knows of an IPv4 neighbour; null if nothing.</summary>
    internal Neighbour? FindNeighbour(int link, Be32 address)
    {
        Neighbour? neighbour = null;
        NetlinkRequest request = new NetlinkRequest(Rtnetlink.RTM_GETNEIGH, Rtnetlink.NLM_F_REQUEST | Rtnetlink.NLM_F_ACK).Neighbour(link, address);
        int error = TryExchange(request, (type, body) => neighbour = type == Rtnetlink.RTM_NEWNEIGH ? NetlinkReader.ReadNeighbour(body) : neighbour);
        return error == 0 ? neighbour : null;
    }

    /// <summary>Has the kernel resolve an IPv4 neighbour, or confirm it, as if it had a packet for it. What comes of that is announced.</summary>
    /// <returns>False if it refuses: its table is full, or rights are missing.</returns>
    internal bool UseNeighbour(int link, Be32 address) => TryExchange(
        new NetlinkRequest(Rtnetlink.RTM_NEWNEIGH, Rtnetlink.NLM_F_REQUEST | Rtnetlink.NLM_F_ACK | Rtnetlink.NLM_F_CREATE).Neighbour(link, address, Rtnetlink.NTF_USE),
        take: null) == 0;

    /// <summary>Keeps the kernel from giving a link an IPv6 address of its own, and so from talking on it before anyone asked.</summary>
    /// <exception cref="SystemCallException">It refuses.</exception>
    public void SetNoIpv6Address(string name)
    {
        int index = FindLink(name)?.Index ?? throw new SystemCallException($"interface {name}", Errno.ENODEV);
        NetlinkRequest request = new NetlinkRequest(Rtnetlink.RTM_NEWLINK, Rtnetlink.NLM_F_REQUEST | Rtnetlink.NLM_F_ACK).Link(index);
        int families = request.Begin(Rtnetlink.IFLA_AF_SPEC);
        int family = request.Begin(Rtnetlink.AF_INET6);
        request.Attribute(Rtnetlink.IFLA_INET6_ADDR_GEN_MODE, [Rtnetlink.IN6_ADDR_GEN_MODE_NONE]);
        request.End(family);
        request.End(families);
        int error = TryExchange(request, take: null);
        if (error is not (0 or Errno.EAFNOSUPPORT)) // a kernel without IPv6 is silent already
        {
            throw new SystemCallException($"RTM_NEWLINK {name} addr_gen_mode none", error);
        }
    }

    /// <summary>Has a link send at once, without a queueing discipline.</summary>
    /// <exception cref="SystemCallException">It refuses.</exception>
    internal void SetNoQueue(int link)
    {
        const ushort flags = Rtnetlink.NLM_F_REQUEST | Rtnetlink.NLM_F_ACK | Rtnetlink.NLM_F_CREATE | Rtnetlink.NLM_F_REPLACE;
        Exchange(new NetlinkRequest(Rtnetlink.RTM_NEWQDISC, flags).RootQueue(link).Attribute(Rtnetlink.TCA_KIND, "noqueue"), "RTM_NEWQDISC noqueue");
    }

    public void Dispose()
    {
        lock (_lock)
        {
            if (_socket >= 0)
            {
                _ = Libc.close(_socket);
                _socket = -1;
            }
        }
    }

    /// <summary>A netlink socket that receives the multicast groups given as bits.</summary>
    internal static int OpenDescriptor(uint groups)
    {
        int socket = Libc.socket(Libc.AF_NETLINK, Libc.SOCK_RAW | Libc.SOCK_CLOEXEC, Rtnetlink.NETLINK_ROUTE);
        if (socket < 0)
        {
            throw SystemCallException.Last("socket(AF_NETLINK)");
        }
        // struct sockaddr_nl: family 2, pad 2, port 4 (0: the kernel chooses), groups 4.
        uint* address = stackalloc uint[3] { Libc.AF_NETLINK, 0, groups };
        if (Libc.bind(socket, address, 3 * sizeof(uint)) < 0)
        {
            SystemCallException failure = SystemCallException.Last("bind(AF_NETLINK)");
            _ = Libc.close(socket);
            throw failure;
        }
        return socket;
    }

    private static MessageTaker AddTo(List<Link> links) => (type, body) =>
    {
        if (type == Rtnetlink.RTM_NEWLINK && NetlinkReader.ReadLink(body) is { } link)
        {
            links.Add(link);
        }
    };

    /// <summary>Sends a request and takes what the kernel answers.</summary>
    /// <exception cref="SystemCallException">It refuses.</exception>
    internal void Exchange(NetlinkRequest request, string what, MessageTaker? take = null)
    {
        int error = TryExchange(request, take);
        if (error != 0)
        {
            throw new SystemCallException(what, error);
        }
    }

    /// <summary>Sends a request and reads until its acknowledgement or the end of its dump.</summary>
    /// <returns>0 or the error number the kernel answered.</returns>
    internal int TryExchange(NetlinkRequest request, MessageTaker? take)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_socket < 0, this);
            ReadOnlySpan<byte> bytes = request.Complete(++_sequence);
            fixed (byte* pinned = bytes)
            {
                if (Libc.send(_socket, pinned, (nuint)bytes.Length, 0) < 0)
                {
                    throw SystemCallException.Last("send(AF_NETLINK)");
                }
            }
            while (true)
            {
                ReadOnlySpan<byte> rest = Receive();
                while (NetlinkReader.TryNextMessage(ref rest, out ushort type, out uint sequence, out ReadOnlySpan<byte> body))
                {
                    if (sequence != _sequence)
                    {
                        continue;
                    }
                    if (type is Rtnetlink.NLMSG_ERROR or Rtnetlink.NLMSG_DONE)
                    {
                        return body.Length >= 4 ? -MemoryMarshal.Read<int>(body) : 0;
                    }
                    take?.Invoke(type, body);
                }
            }
        }
    }

    private ReadOnlySpan<byte> Receive()
    {
        fixed (byte* pinned = _buffer)
        {
            nint received;
            do
            {
                received = Libc.recv(_socket, pinned, BufferSize, 0);
            }
            while (received < 0 && Errno.Last == Errno.EINTR);
            return received < 0 ? throw SystemCallException.Last("recv(AF_NETLINK)") : _buffer.AsSpan(0, (int)received);
        }
    }
}
