using System.Net.NetworkInformation;
using Softswitch.Datapath.Headers;
using Softswitch.Ports.Linux;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.Linux;

[Trait("Ring", "peers")]
public sealed class NetlinkSocketTests
{
    [Fact]
    public void A_new_namespace_has_only_a_loopback_interface_that_is_down()
    {
        using NetworkNamespace network = Needs.NewNamespace();
        using NetlinkSocket netlink = network.Run(NetlinkSocket.Open);
        Link link = Assert.Single(netlink.ListLinks());
        Assert.Equal("lo", link.Name);
        Assert.True(link.Flags.HasFlag(LinkFlags.Loopback));
        Assert.False(link.Flags.HasFlag(LinkFlags.Up));
        netlink.SetUp("lo");
        Assert.True(netlink.FindLink("lo")!.Flags.HasFlag(LinkFlags.Up));
    }

    [Fact]
    public void A_veth_pair_reaches_into_another_namespace_with_the_address_asked_for()
    {
        using NetworkNamespace near = Needs.NewNamespace();
        using NetworkNamespace far = Needs.NewNamespace();
        using NetlinkSocket here = near.Run(NetlinkSocket.Open);
        using NetlinkSocket there = far.Run(NetlinkSocket.Open);
        var address = new MacAddress(0x02_00_00_00_00_07);

        here.CreateVethPair("left", "right", far, address);

        Assert.Null(here.FindLink("right"));
        Assert.Equal(address, there.FindLink("right")!.HardwareAddress);
        Assert.False(here.FindLink("left")!.Carrier);
        here.SetUp("left");
        there.SetUp("right");
        // Before Linux 6.8 the state follows the carrier when the kernel's link watch has run.
        Eventually.True(() => here.FindLink("left") is { Carrier: true, State: OperationalState.Up }, "the left end is up");
        Assert.Equal(1500, here.FindLink("left")!.Mtu);
        here.Delete("left");
        Assert.Null(there.FindLink("right"));
    }

    [Fact]
    public void Hardware_address_mtu_and_ip_address_are_what_the_system_then_reports()
    {
        using NetworkNamespace network = Needs.NewNamespace();
        using NetlinkSocket netlink = network.Run(NetlinkSocket.Open);
        var address = new MacAddress(0x02_00_00_00_00_2a);
        netlink.CreateVethPair("a", "b");
        netlink.SetHardwareAddress("a", address);
        netlink.SetMtu("a", 1400);
        netlink.AddAddress("a", Be32.FromHost(0x0a00_0001), 24);
        netlink.SetNoIpv6Address("a");
        netlink.SetUp("a");
        netlink.SetUp("b");

        Assert.Equal(address, netlink.FindLink("a")!.HardwareAddress);
        Assert.Equal(1400, netlink.FindLink("a")!.Mtu);
        NetworkInterface seen = network.Run(() => NetworkInterface.GetAllNetworkInterfaces().Single(i => i.Name == "a"));
        UnicastIPAddressInformation ip = Assert.Single(seen.GetIPProperties().UnicastAddresses);
        Assert.Equal("10.0.0.1", ip.Address.ToString());
        Assert.Equal(24, ip.PrefixLength);
    }

    [Fact]
    public void A_link_moves_to_another_namespace()
    {
        using NetworkNamespace from = Needs.NewNamespace();
        using NetworkNamespace to = Needs.NewNamespace();
        using NetlinkSocket here = from.Run(NetlinkSocket.Open);
        using NetlinkSocket there = to.Run(NetlinkSocket.Open);
        here.CreateVethPair("a", "b");
        here.MoveTo("b", to);
        Assert.Equal(["lo", "a"], here.ListLinks().Select(link => link.Name));
        Assert.NotNull(there.FindLink("b"));
    }

    [Fact]
    public void A_list_longer_than_one_datagram_is_complete()
    {
        using NetworkNamespace network = Needs.NewNamespace();
        using NetlinkSocket netlink = network.Run(NetlinkSocket.Open);
        for (int i = 0; i < 40; i++)
        {
            netlink.CreateVethPair($"a{i}", $"b{i}");
        }
        Assert.Equal(81, netlink.ListLinks().Select(link => link.Name).Distinct().Count());
    }

    [Fact]
    public void Addresses_and_routes_are_those_of_the_namespace()
    {
        using NetworkNamespace network = Needs.NewNamespace();
        using NetlinkSocket netlink = network.Run(NetlinkSocket.Open);
        netlink.CreateVethPair("a", "b");
        Assert.Empty(netlink.ListIpv4Addresses());
        Assert.Null(netlink.FindRoute(Be32.FromHost(0x0a00_0002)));
        netlink.AddAddress("a", Be32.FromHost(0x0a00_0001), 24);
        netlink.SetUp("a");
        netlink.SetUp("b");
        int index = netlink.FindLink("a")!.Index;

        Assert.Equal([new InterfaceAddress(index, Be32.FromHost(0x0a00_0001))], netlink.ListIpv4Addresses());
        Assert.Equal(new Route(index, null), netlink.FindRoute(Be32.FromHost(0x0a00_0002)));
        Assert.Null(netlink.FindRoute(Be32.FromHost(0x0b00_0001)));
    }

    [Fact]
    public void A_route_through_a_gateway_names_it()
    {
        Needs.Namespaces();
        using var network = new LabNode("route");
        VethCable.Lay(network.Network, "left", network.Network, "right");
        network.Execute("ip", "addr", "add", "10.0.0.1/24", "dev", "left").Checked();
        network.Execute("ip", "route", "add", "default", "via", "10.0.0.254").Checked();
        using NetlinkSocket netlink = network.Run(NetlinkSocket.Open);
        Assert.Equal(new Route(netlink.FindLink("left")!.Index, Be32.FromHost(0x0a00_00fe)), netlink.FindRoute(Be32.FromHost(0x0b00_0001)));
    }

    [Fact]
    public void Refusals_name_the_request_and_the_reason()
    {
        using NetworkNamespace network = Needs.NewNamespace();
        using NetlinkSocket netlink = network.Run(NetlinkSocket.Open);
        netlink.CreateVethPair("a", "b");
        SystemCallException taken = Assert.Throws<SystemCallException>(() => netlink.CreateVethPair("a", "c"));
        Assert.Equal("RTM_NEWLINK veth a, c: File exists", taken.Message);
        SystemCallException missing = Assert.Throws<SystemCallException>(() => netlink.SetUp("none"));
        Assert.Equal("interface none: No such device", missing.Message);
    }

    [Fact]
    public void A_route_by_a_gateway_is_found_and_an_address_that_is_taken_off_takes_its_routes_along()
    {
        using NetworkNamespace network = Needs.NewNamespace();
        using NetlinkSocket links = network.Run(NetlinkSocket.Open);
        links.CreateVethPair("left", "right");
        links.SetUp("left");
        links.SetUp("right");
        Be32 own = Be32.FromHost(0x0a01_0001);
        Be32 gateway = Be32.FromHost(0x0a01_00fe);
        links.AddAddress("left", own, 24);
        links.AddRoute(Be32.FromHost(0x0a02_0000), 16, gateway);
        Assert.Equal(new Route(links.FindLink("left")!.Index, gateway), links.FindRoute(Be32.FromHost(0x0a02_0304)));
        Assert.Null(links.FindRoute(Be32.FromHost(0x0a03_0001)));
        links.AddRoute(default, 0, gateway);
        Assert.Equal(gateway, links.FindRoute(Be32.FromHost(0x0a03_0001))?.Gateway);
        links.DeleteAddress("left", own, 24);
        Assert.Null(links.FindRoute(Be32.FromHost(0x0a02_0304)));
        Assert.Throws<SystemCallException>(() => links.AddRoute(Be32.FromHost(0x0a02_0000), 16, gateway));
    }
}
