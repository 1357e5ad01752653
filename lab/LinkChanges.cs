using System.Runtime.InteropServices;
using Softswitch.Datapath.Headers;
using Softswitch.Ports;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Netlink;
using Softswitch.Ports.Linux.Processes;

namespace Softswitch.Lab;

/// <summary>Changes links, addresses and routes (rtnetlink(7)): what the laboratory builds its networks by.</summary>
internal static class LinkChanges
{
    private const int LinkPatienceMilliseconds = 30_000;

    /// <summary>Makes a pair of virtual Ethernet interfaces (veth(4)), both down.</summary>
    /// <param name="name">The end in this namespace.</param>
    /// <param name="peerName">The other end.</param>
    /// <param name="peerNamespace">Where the other end goes; null for this namespace.</param>
    /// <param name="peerAddress">The other end's Ethernet address; null for one the kernel makes up.</param>
    /// <param name="queues">Of each end, to receive and to send by; null for as many as the kernel gives.</param>
    /// <exception cref="SystemCallException">The kernel refused: a name is taken, or the rights are missing.</exception>
    public static void CreateVethPair(
        this NetlinkSocket links, string name, string peerName,
        NetworkNamespace? peerNamespace = null, MacAddress? peerAddress = null, int? queues = null)
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
        links.Exchange(request, $"RTM_NEWLINK veth {name}, {peerName}");

        void AddQueues()
        {
            if (queues is { } count)
            {
                request.Attribute(Rtnetlink.IFLA_NUM_TX_QUEUES, count).Attribute(Rtnetlink.IFLA_NUM_RX_QUEUES, count);
            }
        }
    }

    /// <summary>Makes a bridge, which is down.</summary>
    public static void CreateBridge(this NetlinkSocket links, string name)
    {
        NetlinkRequest request = Create().Link().Attribute(Rtnetlink.IFLA_IFNAME, name);
        int information = request.Begin(Rtnetlink.IFLA_LINKINFO);
        request.Attribute(Rtnetlink.IFLA_INFO_KIND, "bridge"u8).End(information);
        links.Exchange(request, $"RTM_NEWLINK bridge {name}");
    }

    /// <summary>Makes a link a port of a bridge.</summary>
    public static void SetMaster(this NetlinkSocket links, string name, string bridge) =>
        links.Exchange(Change().Link(links.IndexOf(name)).Attribute(Rtnetlink.IFLA_MASTER, links.IndexOf(bridge)), $"RTM_NEWLINK {name} master {bridge}");

    /// <summary>Has a bridge know that a station is behind one of its ports.</summary>
    public static void AddStation(this NetlinkSocket links, string port, MacAddress address)
    {
        const ushort flags = Rtnetlink.NLM_F_REQUEST | Rtnetlink.NLM_F_ACK | Rtnetlink.NLM_F_CREATE;
        links.Exchange(new NetlinkRequest(Rtnetlink.RTM_NEWNEIGH, flags).Station(links.IndexOf(port), ToBytes(address)), $"RTM_NEWNEIGH {address} behind {port}");
    }

    /// <summary>Sets a link administratively up or down.</summary>
    public static void SetUp(this NetlinkSocket links, string name, bool up = true) =>
        links.Exchange(
            Change().Link(links.IndexOf(name), up ? LinkFlags.Up : LinkFlags.None, LinkFlags.Up),
            $"RTM_NEWLINK {name} {(up ? "up" : "down")}");

    /// <summary>Waits until a link lets packets pass.</summary>
    /// <remarks>The carrier is there at once, but the kernel lets packets out only after its link watch has run, which makes the state Up in the same go.</remarks>
    /// <exception cref="PortException">It does not come up.</exception>
    public static void AwaitUp(this NetlinkSocket links, string name)
    {
        long deadline = Environment.TickCount64 + LinkPatienceMilliseconds;
        while (links.FindLink(name) is not { State: OperationalState.Up, Carrier: true })
        {
            Thread.Sleep(1);
            if (Environment.TickCount64 > deadline)
            {
                throw new PortException($"{name} does not come up");
            }
        }
    }

    public static void SetHardwareAddress(this NetlinkSocket links, string name, MacAddress address) =>
        links.Exchange(
            Change().Link(links.IndexOf(name)).Attribute(Rtnetlink.IFLA_ADDRESS, ToBytes(address)),
            $"RTM_NEWLINK {name} address {address}");

    /// <summary>Renames a link; before Linux 6.3 it must be down.</summary>
    public static void SetName(this NetlinkSocket links, string name, string newName) =>
        links.Exchange(Change().Link(links.IndexOf(name)).Attribute(Rtnetlink.IFLA_IFNAME, newName), $"RTM_NEWLINK {name} name {newName}");

    public static void SetMtu(this NetlinkSocket links, string name, int mtu) =>
        links.Exchange(Change().Link(links.IndexOf(name)).Attribute(Rtnetlink.IFLA_MTU, mtu), $"RTM_NEWLINK {name} mtu {mtu}");

    /// <summary>Has a link send no faster than a rate: its queueing discipline is a token bucket (tc-tbf(8)) from now on.</summary>
    /// <param name="bitsPerSecond">Up to 34 Gbit/s. Counts Ethernet frames without FCS.</param>
    /// <param name="burst">Bytes it may send at once, the longest frame at least.</param>
    /// <param name="limit">Bytes that wait; what is more is dropped.</param>
    /// <exception cref="SystemCallException">The kernel refused; ENOENT if it has no tbf.</exception>
    public static void SetRate(this NetlinkSocket links, string name, long bitsPerSecond, int burst, int limit)
    {
        Span<byte> bucket = stackalloc byte[Rtnetlink.TokenBucketSize];
        bucket.Clear();
        bucket[1] = Rtnetlink.TC_LINKLAYER_ETHERNET; // the kernel reckons by itself, without the table that older ones were sent
        MemoryMarshal.Write(bucket[8..], checked((uint)(bitsPerSecond / 8)));
        MemoryMarshal.Write(bucket[24..], limit);
        NetlinkRequest request = new NetlinkRequest(
                Rtnetlink.RTM_NEWQDISC, Rtnetlink.NLM_F_REQUEST | Rtnetlink.NLM_F_ACK | Rtnetlink.NLM_F_CREATE | Rtnetlink.NLM_F_REPLACE)
            .RootQueue(links.IndexOf(name)).Attribute(Rtnetlink.TCA_KIND, "tbf");
        int options = request.Begin(Rtnetlink.TCA_OPTIONS);
        request.Attribute(Rtnetlink.TCA_TBF_PARMS, bucket).Attribute(Rtnetlink.TCA_TBF_BURST, burst);
        request.End(options);
        links.Exchange(request, $"RTM_NEWQDISC {name} tbf");
    }

    /// <summary>Moves a link into another namespace; it arrives there down.</summary>
    public static void MoveTo(this NetlinkSocket links, string name, NetworkNamespace target)
    {
        ArgumentNullException.ThrowIfNull(target);
        NetlinkRequest request = Change().Link(links.IndexOf(name)).Attribute(Rtnetlink.IFLA_NET_NS_FD, target.Descriptor);
        links.Exchange(request, $"RTM_NEWLINK {name} netns");
    }

    /// <summary>Adds an IPv4 address to a link.</summary>
    /// <param name="name">The link.</param>
    /// <param name="address">10.0.0.1 is <c>Be32.FromHost(0x0a000001)</c>.</param>
    /// <param name="prefixLength">0 to 32.</param>
    public static void AddAddress(this NetlinkSocket links, string name, Be32 address, int prefixLength)
    {
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(new ReadOnlySpan<Be32>(in address));
        NetlinkRequest request = new NetlinkRequest(
                Rtnetlink.RTM_NEWADDR, Rtnetlink.NLM_F_REQUEST | Rtnetlink.NLM_F_ACK | Rtnetlink.NLM_F_CREATE | Rtnetlink.NLM_F_EXCL)
            .Ipv4Address(links.IndexOf(name), (byte)prefixLength)
            .Attribute(Rtnetlink.IFA_LOCAL, bytes)
            .Attribute(Rtnetlink.IFA_ADDRESS, bytes);
        links.Exchange(request, $"RTM_NEWADDR {name}");
    }

    /// <summary>Takes an IPv4 address off a link.</summary>
    public static void DeleteAddress(this NetlinkSocket links, string name, Be32 address, int prefixLength)
    {
        NetlinkRequest request = new NetlinkRequest(Rtnetlink.RTM_DELADDR, Rtnetlink.NLM_F_REQUEST | Rtnetlink.NLM_F_ACK)
            .Ipv4Address(links.IndexOf(name), (byte)prefixLength)
            .Attribute(Rtnetlink.IFA_LOCAL, MemoryMarshal.AsBytes(new ReadOnlySpan<Be32>(in address)));
        links.Exchange(request, $"RTM_DELADDR {name}");
    }

    /// <summary>Adds a route by way of a gateway to the main table.</summary>
    /// <param name="network">Its first address.</param>
    /// <param name="prefixLength">0 for the default route.</param>
    /// <exception cref="SystemCallException">There is one already, or the gateway is on no link that is up.</exception>
    public static void AddRoute(this NetlinkSocket links, Be32 network, int prefixLength, Be32 gateway) => links.Exchange(
        new NetlinkRequest(Rtnetlink.RTM_NEWROUTE, Rtnetlink.NLM_F_REQUEST | Rtnetlink.NLM_F_ACK | Rtnetlink.NLM_F_CREATE | Rtnetlink.NLM_F_EXCL)
            .RouteBy(network, (byte)prefixLength, gateway),
        $"RTM_NEWROUTE {Ipv4Text.Format(network)}/{prefixLength} via {Ipv4Text.Format(gateway)}");

    /// <summary>Lets IPv4 packets that come in by a link be forwarded, without redirects to better routers: what makes a namespace a router.</summary>
    /// <remarks>The link's own setting, not the namespace's: that would take a /proc that can be written.</remarks>
    public static void SetForwarding(this NetlinkSocket links, string name)
    {
        NetlinkRequest request = Change().Link(links.IndexOf(name));
        int families = request.Begin(Rtnetlink.IFLA_AF_SPEC);
        int family = request.Begin(Libc.AF_INET);
        int settings = request.Begin(Rtnetlink.IFLA_INET_CONF);
        request.Attribute(Rtnetlink.IPV4_DEVCONF_FORWARDING, 1);
        request.Attribute(Rtnetlink.IPV4_DEVCONF_SEND_REDIRECTS, 0);
        request.End(settings);
        request.End(family);
        request.End(families);
        links.Exchange(request, $"RTM_NEWLINK {name} forwarding");
    }

    /// <summary>Deletes a link; of a veth pair both ends go.</summary>
    public static void Delete(this NetlinkSocket links, string name) => links.Exchange(
        new NetlinkRequest(Rtnetlink.RTM_DELLINK, Rtnetlink.NLM_F_REQUEST | Rtnetlink.NLM_F_ACK).Link(links.IndexOf(name)),
        $"RTM_DELLINK {name}");

    private static NetlinkRequest Create() => new(
        Rtnetlink.RTM_NEWLINK, Rtnetlink.NLM_F_REQUEST | Rtnetlink.NLM_F_ACK | Rtnetlink.NLM_F_CREATE | Rtnetlink.NLM_F_EXCL);

    private static NetlinkRequest Change() => new(Rtnetlink.RTM_NEWLINK, Rtnetlink.NLM_F_REQUEST | Rtnetlink.NLM_F_ACK);

    private static byte[] ToBytes(MacAddress address)
    {
        byte[] bytes = new byte[MacAddress.Size];
        address.CopyTo(bytes);
        return bytes;
    }

    private static int IndexOf(this NetlinkSocket links, string name) =>
        links.FindLink(name)?.Index ?? throw new SystemCallException($"interface {name}", Errno.ENODEV);
}
