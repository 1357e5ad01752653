using System.Net;
using System.Runtime.InteropServices;
using Softswitch.Datapath.Headers;
using Softswitch.Ports.Linux.Processes;

namespace Softswitch.Ports.Linux.Netlink;

/// <summary>Asks the kernel about links, addresses and routes, and changes them (rtnetlink(7)), in the network namespace of the thread that opened it.</summary>
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
    private delegate void MessageTaker(ushort type, ReadOnlySpan<byte> body);

    /// <exception cref="SystemCallException">The system has no netlink or no descriptor left.</exception>
    public static NetlinkSocket Open() => new(OpenDescriptor(groups: 0));

    /// <summary>Makes a pair of virtual Ethernet interfaces (veth(4)), both down.</summary>
    /// <param name="name">The end in this namespace.</param>
    /// <param name="peerName">The other end.</param>
    /// <param name="peerNamespace">Where the other end goes; null for this namespace.</param>
    /// <param name="peerAddress">The other end's Ethernet address; null for one the kernel makes up.</param>
    /// <param name="queues">Of each end, to receive and to send by; null for as many as the kernel gives.</param>
    /// <exception cref="SystemCallException">The kernel refused: a name is taken, or the rights are missing.</exception>
    public void CreateVethPair(string name, string peerName, NetworkNamespace? peerNamespace = null, MacAddress? peerAddress = null, int? queues = null)
    {
        NetlinkRequest request = Create().Link().Attribute(Rtnetlink.IFLA_IFNAME, name);
        AddQueues();
        int information = request.Begin(Rtnetlink.IFLA_LINKINFO);
        request.Attribute(Rtnetlink.IFLA_INFO_KIND, "veth"u8);
        int data = request.Begin(Rtnetlink.IFLA_INFO_DATA);
        int peer = request.Begin(Rtnetlink.VETH_INFO_PEER);
        request.Link().Attribute(Rtnetlink.IFLA_IFNAME, peerName);
        AddQueues();
        if (peerNamespace != null)
        {
            request.Attribute(Rtnetlink.IFLA_NET_NS_FD, peerNamespace.Descriptor);
        }
        if (peerAddress is { } address)
        {
            request.Attribute(Rtnetlink.IFLA_ADDRESS, ToBytes(address));
        }
        request.End(peer);
        request.End(data);
        request.End(information);
        Exchange(request, $"RTM_NEWLINK veth {name}, {peerName}");

        void AddQueues()
        {
            if (queues is { } count)
            {
                request.Attribute(Rtnetlink.IFLA_NUM_TX_QUEUES, count).Attribute(Rtnetlink.IFLA_NUM_RX_QUEUES, count);
            }
        }
    }

    /// <summary>Sets a link administratively up or down.</summary>
    public void SetUp(string name, bool up = true) =>
        Exchange(Change().Link(IndexOf(name), up ? LinkFlags.Up : LinkFlags.None, LinkFlags.Up), $"RTM_NEWLINK {name} {(up ? "up" : "down")}");

    /// <summary>Keeps the kernel from giving the link an IPv6 address of its own, and so from talking on it before anyone asked.</summary>
    public void SetNoIpv6Address(string name)
    {
        NetlinkRequest request = Change().Link(IndexOf(name));
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

    public void SetHardwareAddress(string name, MacAddress address) =>
        Exchange(Change().Link(IndexOf(name)).Attribute(Rtnetlink.IFLA_ADDRESS, ToBytes(address)), $"RTM_NEWLINK {name} address {address}");

    /// <summary>Renames a link; before Linux 6.3 it must be down.</summary>
    public void SetName(string name, string newName) =>
        Exchange(Change().Link(IndexOf(name)).Attribute(Rtnetlink.IFLA_IFNAME, newName), $"RTM_NEWLINK {name} name {newName}");

    public void SetMtu(string name, int mtu) =>
        Exchange(Change().Link(IndexOf(name)).Attribute(Rtnetlink.IFLA_MTU, mtu), $"RTM_NEWLINK {name} mtu {mtu}");

    /// <summary>Has a link send no faster than a rate: its queueing discipline is a token bucket (tc-tbf(8)) from now on.</summary>
    /// <param name="bitsPerSecond">Up to 34 Gbit/s. Counts Ethernet frames without FCS.</param>
    /// <param name="burst">Bytes it may send at once, the longest frame at least.</param>
    /// <param name="limit">Bytes that wait; what is more is dropped.</param>
    /// <exception cref="SystemCallException">The kernel refused; ENOENT if it has no tbf.</exception>
    public void SetRate(string name, long bitsPerSecond, int burst, int limit)
    {
        Span<byte> bucket = stackalloc byte[Rtnetlink.TokenBucketSize];
        bucket.Clear();
        bucket[1] = Rtnetlink.TC_LINKLAYER_ETHERNET; // the kernel reckons by itself, without the table that older ones were sent
        MemoryMarshal.Write(bucket[8..], checked((uint)(bitsPerSecond / 8)));
        MemoryMarshal.Write(bucket[24..], limit);
        NetlinkRequest request = new NetlinkRequest(
                Rtnetlink.RTM_NEWQDISC, Rtnetlink.NLM_F_REQUEST | Rtnetlink.NLM_F_ACK | Rtnetlink.NLM_F_CREATE | Rtnetlink.NLM_F_REPLACE)
            .RootQueue(IndexOf(name)).Attribute(Rtnetlink.TCA_KIND, "tbf");
        int options = request.Begin(Rtnetlink.TCA_OPTIONS);
        request.Attribute(Rtnetlink.TCA_TBF_PARMS, bucket).Attribute(Rtnetlink.TCA_TBF_BURST, burst);
        request.End(options);
        Exchange(request, $"RTM_NEWQDISC {name} tbf");
    }

    /// <summary>Moves a link into another namespace; it arrives there down.</summary>
    public void MoveTo(string name, NetworkNamespace target)
    {
        ArgumentNullException.ThrowIfNull(target);
        Exchange(Change().Link(IndexOf(name)).Attribute(Rtnetlink.IFLA_NET_NS_FD, target.Descriptor), $"RTM_NEWLINK {name} netns");
    }

    /// <summary>Adds an IPv4 address to a link.</summary>
    /// <param name="name">The link.</param>
    /// <param name="address">10.0.0.1 is <c>Be32.FromHost(0x0a000001)</c>.</param>
    /// <param name="prefixLength">0 to 32.</param>
    public void AddAddress(string name, Be32 address, int prefixLength)
    {
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(new ReadOnlySpan<Be32>(in address));
        NetlinkRequest request = new NetlinkRequest(
                Rtnetlink.RTM_NEWADDR, Rtnetlink.NLM_F_REQUEST | Rtnetlink.NLM_F_ACK | Rtnetlink.NLM_F_CREATE | Rtnetlink.NLM_F_EXCL)
            .Ipv4Address(IndexOf(name), (byte)prefixLength)
            .Attribute(Rtnetlink.IFA_LOCAL, bytes)
            .Attribute(Rtnetlink.IFA_ADDRESS, bytes);
        Exchange(request, $"RTM_NEWADDR {name}");
    }

    /// <summary>Takes an IPv4 address off a link.</summary>
    public void DeleteAddress(string name, Be32 address, int prefixLength)
    {
        NetlinkRequest request = new NetlinkRequest(Rtnetlink.RTM_DELADDR, Rtnetlink.NLM_F_REQUEST | Rtnetlink.NLM_F_ACK)
            .Ipv4Address(IndexOf(name), (byte)prefixLength)
            .Attribute(Rtnetlink.IFA_LOCAL, MemoryMarshal.AsBytes(new ReadOnlySpan<Be32>(in address)));
        Exchange(request, $"RTM_DELADDR {name}");
    }

    /// <summary>Adds a route by way of a gateway to the main table.</summary>
    /// <param name="network">Its first address.</param>
    /// <param name="prefixLength">0 for the default route.</param>
    /// <exception cref="SystemCallException">There is one already, or the gateway is on no link that is up.</exception>
    public void AddRoute(Be32 network, int prefixLength, Be32 gateway) => Exchange(
        new NetlinkRequest(Rtnetlink.RTM_NEWROUTE, Rtnetlink.NLM_F_REQUEST | Rtnetlink.NLM_F_ACK | Rtnetlink.NLM_F_CREATE | Rtnetlink.NLM_F_EXCL)
            .RouteBy(network, (byte)prefixLength, gateway),
        $"RTM_NEWROUTE {Ipv4Text.Format(network)}/{prefixLength} via {Ipv4Text.Format(gateway)}");

    /// <summary>Lets IPv4 packets that come in by a link be forwarded, without redirects to better routers: what makes a namespace a router.</summary>
    /// <remarks>The link's own setting, not the namespace's: that would take a /proc that can be written.</remarks>
    public void SetForwarding(string name)
    {
        NetlinkRequest request = Change().Link(IndexOf(name));
        int families = request.Begin(Rtnetlink.IFLA_AF_SPEC);
        int family = request.Begin(Libc.AF_INET);
        int settings = request.Begin(Rtnetlink.IFLA_INET_CONF);
        request.Attribute(Rtnetlink.IPV4_DEVCONF_FORWARDING, 1);
        request.Attribute(Rtnetlink.IPV4_DEVCONF_SEND_REDIRECTS, 0);
        request.End(settings);
        request.End(family);
        request.End(families);
        Exchange(request, $"RTM_NEWLINK {name} forwarding");
    }

    /// <summary>Deletes a link; of a veth pair both ends go.</summary>
    public void Delete(string name) => Exchange(
        new NetlinkRequest(Rtnetlink.RTM_DELLINK, Rtnetlink.NLM_F_REQUEST | Rtnetlink.NLM_F_ACK).Link(IndexOf(name)), $"RTM_DELLINK {name}");

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

    private static NetlinkRequest Create() => new(
        Rtnetlink.RTM_NEWLINK, Rtnetlink.NLM_F_REQUEST | Rtnetlink.NLM_F_ACK | Rtnetlink.NLM_F_CREATE | Rtnetlink.NLM_F_EXCL);

    private static NetlinkRequest Change() => new(Rtnetlink.RTM_NEWLINK, Rtnetlink.NLM_F_REQUEST | Rtnetlink.NLM_F_ACK);

    private static byte[] ToBytes(MacAddress address)
    {
        byte[] bytes = new byte[MacAddress.Size];
        address.CopyTo(bytes);
        return bytes;
    }

    private static MessageTaker AddTo(List<Link> links) => (type, body) =>
    {
        if (type == Rtnetlink.RTM_NEWLINK && NetlinkReader.ReadLink(body) is { } link)
        {
            links.Add(link);
        }
    };

    private int IndexOf(string name) => FindLink(name)?.Index ?? throw new SystemCallException($"interface {name}", Errno.ENODEV);

    private void Exchange(NetlinkRequest request, string what, MessageTaker? take = null)
    {
        int error = TryExchange(request, take);
        if (error != 0)
        {
            throw new SystemCallException(what, error);
        }
    }

    /// <summary>Sends a request and reads until its acknowledgement or the end of its dump.</summary>
    /// <returns>0 or the error number the kernel answered.</returns>
    private int TryExchange(NetlinkRequest request, MessageTaker? take)
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
