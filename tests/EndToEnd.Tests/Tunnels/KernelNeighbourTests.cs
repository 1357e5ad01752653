using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests.Tunnels;

/// <summary><c>neighbours=kernel</c>: routes and neighbours of an underlay are those of the kernel.</summary>
public sealed class KernelNeighbourTests
{
    private const string Underlay = "packet:u0,address=10.1.0.1/24,neighbours=kernel";

    [Fact]
    public void A_tunnel_goes_the_way_the_kernel_knows_and_follows_it()
    {
        Needs.Namespaces("ovs-ofctl", "ping");
        using var lab = new RoutedLab();
        lab.AddToKernel();
        using HostedSwitch running = lab.Start(Underlay);
        Assert.Contains("10.1.0.1/24; routes and neighbours are the kernel's", running.Output, StringComparison.Ordinal);
        Assert.True(lab.IsTunnelUp());
        Answers(lab);

        // Another way, another next hop: asked for by the kernel.
        lab.Inside.Execute("ip", "route", "replace", "10.2.0.0/24", "via", "10.1.0.253").Checked();
        Eventually.True(() => lab.Ping(1) == 1 && Neighbour(lab, "10.1.0.253").Contains("lladdr", StringComparison.Ordinal), () => Neighbour(lab, "10.1.0.253"));

        // Another card behind the next hop's address.
        lab.Router.Execute("ip", "link", "set", "ra", "address", "02:00:00:00:01:fd").Checked();
        lab.Inside.Execute("ip", "neigh", "replace", "10.1.0.253", "lladdr", "02:00:00:00:01:fd", "dev", "u0").Checked();
        Answers(lab);
        lab.Inside.Execute("ip", "neigh", "flush", "dev", "u0").Checked();
        Answers(lab);

        // No way at all.
        lab.Inside.Execute("ip", "route", "del", "10.2.0.0/24").Checked();
        Eventually.True(() => !lab.IsTunnelUp(), () => lab.Ofctl("show"));
        Assert.Equal(0, lab.Ping(1));
        lab.Inside.Execute("ip", "route", "add", "10.2.0.0/24", "via", "10.1.0.254").Checked();
        Eventually.True(lab.IsTunnelUp, () => lab.Ofctl("show"));
        Answers(lab);
    }

    [Fact]
    public void A_neighbour_that_falls_silent_is_dropped_for_and_found_again()
    {
        Needs.Namespaces("ovs-ofctl", "ping");
        using var lab = new RoutedLab();
        lab.AddToKernel();
        lab.Router.Execute("sh", "-c", "echo 8 > /proc/sys/net/ipv4/conf/ra/arp_ignore").Checked(); // answers nobody
        using HostedSwitch running = lab.Start(Underlay);
        Assert.Equal(0, lab.Ping(1));
        Eventually.True(() => Neighbour(lab, "10.1.0.254").Contains("FAILED", StringComparison.Ordinal), () => Neighbour(lab, "10.1.0.254"));
        lab.Router.Execute("sh", "-c", "echo 0 > /proc/sys/net/ipv4/conf/ra/arp_ignore").Checked();
        Answers(lab);
    }

    [Fact]
    public void The_kernel_answers_for_its_addresses_and_never_for_the_tunnels()
    {
        Needs.Namespaces("ovs-ofctl", "ping", "iperf3");
        using var lab = new RoutedLab();
        lab.AddToKernel();
        using HostedSwitch running = lab.Start(Underlay);
        Answers(lab);
        Assert.Equal(3, lab.Ping(3));
        string said = lab.Far.Execute("ping", "-n", "-c", "3", "-l", "3", "-i", "5", "10.1.0.1").Output;
        Assert.Contains(" 3 received", said, StringComparison.Ordinal);
        Assert.DoesNotContain("DUP", said, StringComparison.Ordinal);
        string counts = lab.Inside.Execute("cat", "/proc/net/snmp").Checked().Output;
        Assert.Contains("\nIcmpMsg:", counts, StringComparison.Ordinal);
        Assert.DoesNotContain("OutType3", counts, StringComparison.Ordinal); // "nobody listens at port 4789"
        // The interface is the host's as well.
        Iperf.Run(lab.Far, lab.Inside, "10.1.0.1", "-n", "100K");
    }

    [Theory]
    [InlineData(Underlay, "the kernel does not have the address: ip addr add 10.1.0.1/24 dev u0")]
    [InlineData("xdp:u0,address=10.1.0.1/24,neighbours=kernel", "AF_XDP leaves the kernel none of the packets")]
    [InlineData("tap:t9,address=10.1.0.1/24,neighbours=kernel", "the kernel is at the other end of a TAP device")]
    [InlineData("u0,address=10.1.0.1/24,neighbours=yes", "neighbours=yes: is not kernel")]
    [InlineData("u0,address=10.1.0.1/24,gateway=10.1.0.254,neighbours=kernel", "the kernel's routes are used, and gateway= has no place beside them")]
    [InlineData("null:,address=10.1.0.1/24,neighbours=kernel", "unknown option 'address'")]
    public void What_cannot_be_is_said(string underlay, string reason)
    {
        Needs.Namespaces();
        using var lab = new RoutedLab();
        Assert.Contains(reason, lab.Refusal(underlay), StringComparison.Ordinal);
    }

    [Fact]
    public void A_port_that_another_has_is_said()
    {
        Needs.Namespaces();
        using var lab = new RoutedLab();
        lab.AddToKernel();
        lab.Inside.Execute("ip", "link", "add", "vx1", "type", "vxlan", "id", "1", "remote", "10.1.0.9", "dstport", "4789", "dev", "u0").Checked();
        lab.Inside.BringUp("vx1");
        Assert.Contains("to keep the kernel from answering for it: bind(10.1.0.1:4789): Address already in use", lab.Refusal(Underlay), StringComparison.Ordinal);
    }

    private static void Answers(RoutedLab lab) => Eventually.True(() => lab.Ping(1) == 1, () => "no answer through the tunnel: " + Neighbour(lab, "10.1.0.254"));

    private static string Neighbour(RoutedLab lab, string address) => lab.Inside.Execute("ip", "neigh", "show", address).Output;
}
