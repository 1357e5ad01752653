using System.Net.NetworkInformation;
using Softswitch.Datapath.Headers;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Netlink;
using Softswitch.Ports.Linux.Processes;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.Linux.Netlink;

[Trait("Ring", "peers")]
public sealed class NetlinkSocketTests : IDisposable
{
    private readonly NetworkNamespace _network = Needs.NewNamespace();
    private readonly NetlinkSocket _netlink;

    public NetlinkSocketTests() => _netlink = _network.Run(NetlinkSocket.Open);

    public void Dispose()
    {
        _netlink.Dispose();
        _network.Dispose();
    }

    [Fact]
    public void A_new_namespace_has_only_a_loopback_interface_that_is_down()
    {
        Link link = Assert.Single(_netlink.ListLinks());
        Assert.Equal("lo", link.Name);
        Assert.True(link.Flags.HasFlag(LinkFlags.Loopback));
        Assert.False(link.Flags.HasFlag(LinkFlags.Up));
        _netlink.SetUp("lo");
        Assert.True(_netlink.FindLink("lo")!.Flags.HasFlag(LinkFlags.Up));
    }

    [Fact]
    public void A_veth_pair_reaches_into_another_namespace_with_the_address_asked_for()
    {
        using NetworkNamespace far = Needs.NewNamespace();
        using NetlinkSocket there = far.Run(NetlinkSocket.Open);
        var address = new MacAddress(0x02_00_00_00_00_07);

        _netlink.CreateVethPair("left", "right", far, address);

        Assert.Null(_netlink.FindLink("right"));
        Assert.Equal(address, there.FindLink("right")!.HardwareAddress);
        Assert.False(_netlink.FindLink("left")!.Carrier);
        _netlink.SetUp("left");
        there.SetUp("right");
        // Before Linux 6.8 the state follows the carrier when the kernel's link watch has run.
        Eventually.True(() => _netlink.FindLink("left") is { Carrier: true, State: OperationalState.Up }, "the left end is up");
        Assert.Equal(1500, _netlink.FindLink("left")!.Mtu);
        _netlink.Delete("left");
        Assert.Null(there.FindLink("right"));
    }

    [Fact]
    public void Hardware_address_mtu_and_ip_address_are_what_the_system_then_reports()
    {
        var address = new MacAddress(0x02_00_00_00_00_2a);
        _netlink.CreateVethPair("a", "b");
        _netlink.SetHardwareAddress("a", address);
        _netlink.SetMtu("a", 1400);
        _netlink.AddAddress("a", Be32.FromHost(0x0a00_0001), 24);
        _netlink.SetNoIpv6Address("a");
        _netlink.SetUp("a");
        _netlink.SetUp("b");

        Assert.Equal(address, _netlink.FindLink("a")!.HardwareAddress);
        Assert.Equal(1400, _netlink.FindLink("a")!.Mtu);
        NetworkInterface seen = _network.Run(() => NetworkInterface.GetAllNetworkInterfaces().Single(i => i.Name == "a"));
        UnicastIPAddressInformation ip = Assert.Single(seen.GetIPProperties().UnicastAddresses);
        Assert.Equal("10.0.0.1", ip.Address.ToString());
        Assert.Equal(24, ip.PrefixLength);
    }

    [Fact]
    public void A_link_moves_to_another_namespace()
    {
        using NetworkNamespace to = Needs.NewNamespace();
        using NetlinkSocket there = to.Run(NetlinkSocket.Open);
        _netlink.CreateVethPair("a", "b");
        _netlink.MoveTo("b", to);
        Assert.Equal(["lo", "a"], _netlink.ListLinks().Select(link => link.Name));
        Assert.NotNull(there.FindLink("b"));
    }

    [Fact]
    public void A_list_longer_than_one_datagram_is_complete()
    {
        for (int i = 0; i < 40; i++)
        {
            _netlink.CreateVethPair($"a{i}", $"b{i}");
        }
        Assert.Equal(81, _netlink.ListLinks().Select(link => link.Name).Distinct().Count());
    }

    [Fact]
    public void Addresses_and_routes_are_those_of_the_namespace()
    {
        _netlink.CreateVethPair("a", "b");
        Assert.Empty(_netlink.ListIpv4Addresses());
        Assert.Null(_netlink.FindRoute(Be32.FromHost(0x0a00_0002)));
        _netlink.AddAddress("a", Be32.FromHost(0x0a00_0001), 24);
        _netlink.SetUp("a");
        _netlink.SetUp("b");
        int index = _netlink.FindLink("a")!.Index;

        Assert.Equal([new InterfaceAddress(index, Be32.FromHost(0x0a00_0001))], _netlink.ListIpv4Addresses());
        Assert.Equal(new Route(index, null), _netlink.FindRoute(Be32.FromHost(0x0a00_0002)));
        Assert.Null(_netlink.FindRoute(Be32.FromHost(0x0b00_0001)));
    }

    [Fact]
    public void Refusals_name_the_request_and_the_reason()
    {
        _netlink.CreateVethPair("a", "b");
        SystemCallException taken = Assert.Throws<SystemCallException>(() => _netlink.CreateVethPair("a", "c"));
        Assert.Equal("RTM_NEWLINK veth a, c: File exists", taken.Message);
        SystemCallException missing = Assert.Throws<SystemCallException>(() => _netlink.SetUp("none"));
        Assert.Equal("interface none: No such device", missing.Message);
    }

    [Fact]
    public void A_route_by_a_gateway_is_found_and_an_address_that_is_taken_off_takes_its_routes_along()
    {
        _netlink.CreateVethPair("left", "right");
        _netlink.SetUp("left");
        _netlink.SetUp("right");
        Be32 own = Be32.FromHost(0x0a01_0001);
        Be32 gateway = Be32.FromHost(0x0a01_00fe);
        _netlink.AddAddress("left", own, 24);
        _netlink.AddRoute(Be32.FromHost(0x0a02_0000), 16, gateway);
        Assert.Equal(new Route(_netlink.FindLink("left")!.Index, gateway), _netlink.FindRoute(Be32.FromHost(0x0a02_0304)));
        Assert.Null(_netlink.FindRoute(Be32.FromHost(0x0a03_0001)));
        _netlink.AddRoute(default, 0, gateway);
        Assert.Equal(gateway, _netlink.FindRoute(Be32.FromHost(0x0a03_0001))?.Gateway);
        _netlink.DeleteAddress("left", own, 24);
        Assert.Null(_netlink.FindRoute(Be32.FromHost(0x0a02_0304)));
        Assert.Throws<SystemCallException>(() => _netlink.AddRoute(Be32.FromHost(0x0a02_0000), 16, gateway));
    }
}
