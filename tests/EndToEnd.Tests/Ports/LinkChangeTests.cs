using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Lab.Measures;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests.Ports;

/// <summary>What others do to the interfaces behind the ports of a running switch, as an OpenFlow monitor and the hosts see it.</summary>
public sealed class LinkChangeTests
{
    [Fact]
    public void A_renamed_interface_stays_the_port_until_it_vanishes_and_then_the_name_asked_for_counts()
    {
        Needs.Namespaces("ovs-ofctl", "ping");
        using var lab = new CabledHosts();
        using HostedSwitch running = lab.StartSwitch("--listen", CabledHosts.Listen);
        lab.Ofctl("add-flow", "actions=normal");
        using RunningCommand monitor = lab.StartPortMonitor();
        lab.Inside.Execute("ip", "link", "set", "s2", "name", "t2").Checked();
        monitor.WaitForText("OFPT_PORT_STATUS (xid=0x0): MOD: 2(t2)", SwitchProgram.Patience);
        running.WaitForText("port 2: s2: is called t2 now");
        // Whoever takes the old name is not the port, and does not take it along when it goes.
        lab.Inside.Execute("ip", "link", "add", "s2", "type", "veth", "peer", "name", "x").Checked();
        lab.Inside.Execute("ip", "link", "del", "s2").Checked();
        Assert.Equal(3, lab.Ping(1, 2));
        Assert.Contains(" 2(t2)", lab.Ofctl("show"), StringComparison.Ordinal);
        lab.Inside.Execute("ip", "link", "add", "s2", "type", "veth", "peer", "name", "x").Checked();
        lab.Inside.Execute("ip", "link", "del", "t2").Checked();
        monitor.WaitForText("OFPT_PORT_STATUS (xid=0x0): DEL: 2(t2)", SwitchProgram.Patience);
        monitor.WaitForText("OFPT_PORT_STATUS (xid=0x0): ADD: 2(s2)", SwitchProgram.Patience);
        running.WaitForText("port 2: t2: the interface is gone; waiting for s2 to return");
    }

    [Fact]
    public void A_new_address_carrier_and_administrative_state_are_told()
    {
        Needs.Namespaces("ovs-ofctl");
        using var lab = new CabledHosts();
        using HostedSwitch running = lab.StartSwitch("--listen", CabledHosts.Listen);
        using RunningCommand monitor = lab.StartPortMonitor();
        lab.Inside.Execute("ip", "link", "set", "s1", "address", "02:00:00:00:ab:cd").Checked();
        monitor.WaitForText("OFPT_PORT_STATUS (xid=0x0): MOD: 1(s1): addr:02:00:00:00:ab:cd", SwitchProgram.Patience);
        Assert.Contains(" 1(s1): addr:02:00:00:00:ab:cd", lab.Ofctl("show"), StringComparison.Ordinal);
        lab.Host(1).Execute("ip", "link", "set", "eth0", "down").Checked();
        monitor.WaitForText("state:      LINK_DOWN", SwitchProgram.Patience);
        lab.Inside.Execute("ip", "link", "set", "s2", "down").Checked();
        monitor.WaitForText("config:     PORT_DOWN", SwitchProgram.Patience);
    }

    [Theory]
    [InlineData("packet")]
    [InlineData("xdp")]
    public void Flapping_as_fast_as_can_be_ends_in_the_state_there_is_and_a_port_that_works(string kind)
    {
        Require(kind, "ovs-ofctl", "ping");
        using var lab = new CabledHosts();
        using HostedSwitch running = lab.StartRun("--port", "1=s1", "--port", $"2={kind}:s2", "--listen", CabledHosts.Listen);
        lab.ConnectHosts1And2();
        lab.Inside.Execute("sh", "-c", "for i in $(seq 50); do ip link set s2 down; ip link set s2 up; done").Checked();
        Eventually.True(() => lab.Ping(1, 2) == 3, () => running.Output + running.Error);
        // Packets may pass before the last of the announcements was read.
        Eventually.True(() => !lab.Ofctl("show").Contains("DOWN", StringComparison.Ordinal), () => lab.Ofctl("show"));
        lab.Inside.Execute("sh", "-c", "for i in $(seq 50); do ip link set s2 up; ip link set s2 down; done").Checked();
        Eventually.True(() => lab.Ofctl("show").Contains("PORT_DOWN", StringComparison.Ordinal), () => lab.Ofctl("show"));
    }

    [Theory]
    [InlineData("packet")]
    [InlineData("xdp")]
    public void A_larger_mtu_is_followed(string kind)
    {
        Require(kind, "ovs-ofctl", "ping");
        using var lab = new CabledHosts();
        using HostedSwitch running = lab.StartRun("--port", $"1={kind}:s1", "--port", $"2={kind}:s2", "--listen", CabledHosts.Listen);
        lab.ConnectHosts1And2();
        for (int number = 1; number <= 2; number++)
        {
            lab.Inside.Execute("ip", "link", "set", $"s{number}", "mtu", "9000").Checked();
            lab.Host(number).Execute("ip", "link", "set", "eth0", "mtu", "9000").Checked();
            running.WaitForText($"port {number}: s{number}: the MTU is 9000 now, was 1500");
        }
        Eventually.True(
            () => lab.Host(1).Execute("ping", "-n", "-c", "1", "-W", "1", "-M", "do", "-s", "8000", "10.0.0.2").ExitCode == 0, () => running.Error);
    }

    [Theory]
    [InlineData("")]
    [InlineData(",rate=1G")] // what a port does not take waits in a scheduler: it must not wait for ever
    public void A_larger_mtu_than_the_kernel_sends_costs_an_af_xdp_port_the_long_packets_only(string options)
    {
        Needs.Xdp("ovs-ofctl", "ping");
        using var lab = new CabledHosts();
        using HostedSwitch running = lab.StartRun("--port", "1=s1", "--port", $"2=xdp:s2{options}", "--listen", CabledHosts.Listen);
        lab.ConnectHosts1And2();
        lab.Inside.Execute("ip", "link", "set", "s1", "mtu", "60000").Checked();
        lab.Inside.Execute("ip", "link", "set", "s2", "mtu", "60000").Checked();
        lab.Host(1).Execute("ip", "link", "set", "eth0", "mtu", "60000").Checked();
        running.WaitForText("port 2: s2: the MTU is 60000 now, was 1500; AF_XDP takes 36846 at most");
        Assert.NotEqual(0, lab.Host(1).Execute("ping", "-n", "-c", "3", "-i", "0.1", "-W", "1", "-M", "do", "-s", "50000", "10.0.0.2").ExitCode);
        Assert.Equal(3, lab.Ping(1, 2));
        Eventually.True(
            () => CabledHosts.Number(CabledHosts.Line(lab.Ofctl("dump-ports", "2"), "tx pkts"), "errs") >= 3, () => lab.Ofctl("dump-ports"));
    }

    [Theory]
    [InlineData("packet")]
    [InlineData("xdp")]
    public void An_interface_that_went_to_another_namespace_is_gone_until_it_is_back(string kind)
    {
        Require(kind, "ovs-ofctl", "ping");
        using var lab = new CabledHosts();
        using HostedSwitch running = lab.StartRun("--port", "1=s1", "--port", $"2={kind}:s2", "--listen", CabledHosts.Listen);
        lab.ConnectHosts1And2();
        using RunningCommand monitor = lab.StartPortMonitor();
        lab.Inside.Execute("ip", "link", "set", "s2", "netns", lab.Host(1).NetworkPath).Checked();
        monitor.WaitForText("OFPT_PORT_STATUS (xid=0x0): DEL: 2(s2)", SwitchProgram.Patience);
        Eventually.Gone("promiscuity 1", () => lab.Host(1).Execute("ip", "-d", "link", "show", "s2").Checked().Output);
        lab.Host(1).Execute("ip", "link", "set", "s2", "netns", lab.Inside.NetworkPath).Checked();
        lab.Inside.BringUp("s2");
        monitor.WaitForText("OFPT_PORT_STATUS (xid=0x0): ADD: 2(s2)", SwitchProgram.Patience);
        Eventually.True(() => lab.Ping(1, 2) == 3, () => running.Output + running.Error);
    }

    [Theory]
    [InlineData("packet")]
    [InlineData("xdp")]
    [InlineData("tap")]
    public void An_interface_deleted_and_made_again_at_once_under_traffic_is_served_again_and_others_lose_nothing(string kind)
    {
        Require(kind, "ovs-ofctl");
        using var lab = new CabledHosts(hosts: 3);
        string name = kind == "tap" ? "t3" : "s3";
        using HostedSwitch running = lab.StartRun("--port", "1=s1", "--port", "2=s2", "--port", $"3={kind}:{name}", "--listen", CabledHosts.Listen);
        // Every packet goes to the port that comes and goes as well.
        lab.Ofctl("add-flow", "in_port=1,actions=output:3,output:2");
        lab.Ofctl("add-flow", "in_port=2,actions=output:3,output:1");
        using UdpStream stream = lab.StartStream(from: 1, to: 2, port: 5000, perSecond: 2000);
        for (int i = 0; i < 10; i++)
        {
            lab.Inside.Execute("ip", "link", "del", name).Checked();
            if (kind == "tap")
            {
                lab.Inside.Execute("ip", "tuntap", "add", name, "mode", "tap").Checked();
            }
            else
            {
                lab.Host(3).Reconnect();
            }
        }
        Eventually.True(() => lab.Ofctl("show").Contains($" 3({name})", StringComparison.Ordinal), () => running.Error);
        Eventually.True(IsSentTo3, () => lab.Ofctl("dump-ports"));
        CabledHosts.AssertAllCame(stream, () => lab.Ofctl("dump-ports"));

        bool IsSentTo3() => CabledHosts.Number(CabledHosts.Line(lab.Ofctl("dump-ports", "3"), "tx pkts"), "pkts") > 0;
    }

    [Fact]
    public void A_tap_device_that_is_deleted_is_waited_for_and_one_that_moves_goes_on()
    {
        Needs.Namespaces("ovs-ofctl", "ping");
        using var lab = new CabledHosts(hosts: 1);
        using HostedSwitch running = lab.StartRun("--port", "1=s1", "--port", "2=tap:t2", "--listen", CabledHosts.Listen);
        lab.ConnectHosts1And2();
        using RunningCommand monitor = lab.StartPortMonitor();
        using (var guest = new LabNode("guest"))
        {
            lab.Inside.Execute("ip", "link", "set", "t2", "netns", guest.NetworkPath).Checked();
            guest.BringUp("t2");
            guest.Execute("ip", "addr", "add", "10.0.0.2/24", "dev", "t2").Checked();
            running.WaitForText("port 2: t2: moved to another network namespace");
            Eventually.True(() => lab.Ping(1, 2) == 3, () => running.Output + running.Error); // once it has its carrier there
            guest.Execute("ip", "link", "set", "t2", "netns", lab.Inside.NetworkPath).Checked();
        }
        lab.Inside.Execute("ip", "link", "del", "t2").Checked();
        monitor.WaitForText("OFPT_PORT_STATUS (xid=0x0): DEL: 2(t2)", SwitchProgram.Patience);
        lab.Inside.Execute("ip", "tuntap", "add", "t2", "mode", "tap").Checked();
        monitor.WaitForText("OFPT_PORT_STATUS (xid=0x0): ADD: 2(t2)", SwitchProgram.Patience);
        lab.Inside.Execute("ip", "addr", "add", "10.0.0.2/24", "dev", "t2").Checked();
        lab.Host(1).Execute("ip", "neigh", "flush", "dev", "eth0").Checked(); // it has another address now
        Eventually.True(() => lab.Ping(1, 2) == 3, () => running.Output + running.Error);
    }

    [Fact]
    public void A_port_that_returns_has_its_rate_and_queues_again()
    {
        Needs.Namespaces("ovs-ofctl");
        using var lab = new CabledHosts();
        using HostedSwitch running = lab.StartRun("--port", "1=s1", "--port", "2=s2,rate=50M", "--queue", "2:7,min-rate=5M", "--listen", CabledHosts.Listen);
        using RunningCommand monitor = lab.StartPortMonitor();
        lab.Inside.Execute("ip", "link", "del", "s2").Checked();
        monitor.WaitForText("OFPT_PORT_STATUS (xid=0x0): DEL: 2(s2)", SwitchProgram.Patience);
        lab.Host(2).Reconnect();
        monitor.WaitForText("OFPT_PORT_STATUS (xid=0x0): ADD: 2(s2)", SwitchProgram.Patience);
        Assert.Contains("queue 7: min_rate:10.0%", lab.Ofctl("queue-get-config", "2"), StringComparison.Ordinal);
    }

    private static void Require(string kind, params string[] programs)
    {
        if (kind == "xdp")
        {
            Needs.Xdp(programs);
        }
        else
        {
            Needs.Namespaces(programs);
        }
    }
}
