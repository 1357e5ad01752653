using System.Net.Sockets;
using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests;

/// <summary>In-band control: the switch's host reaches its controller through the switch only, by the TAP device behind LOCAL.</summary>
public sealed class InBandTests
{
    private const string Device = "of0";
    private const string DeviceAddress = "10.0.0.100";
    private const string Controller = "tcp:10.0.0.1:6653";

    [Fact]
    public void Through_the_switch_itself_the_controller_is_reached_kept_and_reached_again_whatever_the_table_holds()
    {
        Needs.Namespaces("ovs-testcontroller", "ovs-ofctl", "ping");
        using var lab = new CabledHosts();
        using RunningCommand controller = StartTestController(lab, cookie: 1);
        using HostedSwitch running = StartSwitch(lab, Controller);
        WaitForConnections(running, 1);
        WaitForFlow(lab, "cookie=0x1");
        Assert.Equal(0, lab.Ping(1, 2, count: 2)); // the entry the controller sent drops the rest
        Assert.DoesNotContain("priority=0", lab.Ofctl("dump-flows"), StringComparison.Ordinal); // what passes by itself is no entry

        SwitchProgram.Terminate(controller, "KILL");
        running.WaitForText("closed by the peer");
        lab.Inside.Execute("ip", "neigh", "flush", "all").Checked();
        lab.Host(1).Execute("ip", "neigh", "flush", "all").Checked();
        using RunningCommand successor = StartTestController(lab, cookie: 2);
        WaitForConnections(running, 2);
        WaitForFlow(lab, "cookie=0x2");
    }

    [Fact]
    public void A_controller_behind_a_router_is_reached_by_way_of_the_next_hop()
    {
        Needs.Namespaces();
        using var lab = new CabledHosts();
        using var beyond = new LabNode("beyond");
        VethCable.Lay(lab.Host(1).Network, "far", beyond.Network, "eth0");
        lab.Host(1).Execute("ip", "addr", "add", "10.9.0.254/24", "dev", "far").Checked();
        lab.Host(1).Execute("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward").Checked();
        beyond.Execute("ip", "addr", "add", "10.9.0.1/24", "dev", "eth0").Checked();
        beyond.Execute("ip", "route", "add", "default", "via", "10.9.0.254").Checked();
        using Socket listener = PlainController.Listen(beyond, 6653);
        using HostedSwitch running = StartSwitch(lab, "tcp:10.9.0.1:6653");
        lab.Inside.Execute("ip", "route", "add", "10.9.0.0/24", "via", "10.0.0.1").Checked();
        running.WaitForText("go controllers 10.9.0.1:6653 by way of 10.0.0.1");
        CheckSession(lab, listener);
    }

    [Fact]
    public void A_tool_from_outside_reaches_our_listener_through_the_switch()
    {
        Needs.Namespaces("ovs-ofctl");
        using var lab = new CabledHosts();
        using HostedSwitch running = StartSwitch(lab, "--listen", "ptcp:6655");
        lab.Ofctl("add-flow", "priority=65535,actions=drop");
        string shown = lab.Host(2).Execute("ovs-ofctl", "-O", "OpenFlow10", "show", $"tcp:{DeviceAddress}:6655").Checked().Output;
        Assert.Contains($"LOCAL({Device})", shown, StringComparison.Ordinal);
    }

    /// <summary>Takes a connection of the switch, has it drop everything, and asks on with all neighbours forgotten.</summary>
    private static void CheckSession(CabledHosts lab, Socket listener)
    {
        using PlainController controller = PlainController.Accept(listener);
        controller.SendFlowMod(xid: 2, command: 3, priority: 0);
        controller.SendFlowMod(xid: 3, command: 0, priority: 0xffff);
        for (uint xid = 4; xid < 8; xid++)
        {
            controller.Barrier(xid);
            lab.Inside.Execute("ip", "neigh", "flush", "all").Checked(); // so that ARP must pass, too
            lab.Host(1).Execute("ip", "neigh", "flush", "all").Checked();
        }
    }

    private static HostedSwitch StartSwitch(CabledHosts lab, string controller) => StartSwitch(lab, "--controller", controller);

    private static HostedSwitch StartSwitch(CabledHosts lab, string option, string target)
    {
        HostedSwitch running = lab.StartSwitch("--port", $"local=tap:{Device}", "--in-band", "--fail-mode", "secure", "--listen", CabledHosts.Listen, option, target);
        lab.Inside.Execute("ip", "addr", "add", $"{DeviceAddress}/24", "dev", Device).Checked();
        running.WaitForText($"in-band: {Device} has {DeviceAddress}");
        return running;
    }

    /// <summary>Once connected it adds an entry that drops everything.</summary>
    private static RunningCommand StartTestController(CabledHosts lab, int cookie)
    {
        RunningCommand controller = lab.Host(1).Start(
            "sh", "-c",
            $"exec ovs-testcontroller --unixctl=none -v --with-flows=/dev/fd/3 ptcp:6653 3<<E\ncookie={cookie},priority=65535,actions=drop\nE\n");
        Eventually.True(() => lab.Host(1).Execute("ss", "-tln").Output.Contains(":6653", StringComparison.Ordinal), () => controller.Error);
        return controller;
    }

    private static void WaitForConnections(HostedSwitch running, int count) => Eventually.True(
        () => running.Error.Split('\n').Count(line => line.EndsWith($" {Controller}: connected", StringComparison.Ordinal)) >= count, () => $"connection {count}: {running.Error}");

    private static void WaitForFlow(CabledHosts lab, string words) => Eventually.True(
        () => lab.Ofctl("dump-flows").Contains(words, StringComparison.Ordinal), () => $"{words} in: {lab.Ofctl("dump-flows")}");
}
