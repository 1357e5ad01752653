using Softswitch.Datapath.Headers;
using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests;

/// <summary>Open vSwitch's client against the running switch: what it is told agrees with the traffic that was sent.</summary>
public sealed class OvsOfctlTests
{
    [Fact]
    public void Show_lists_the_ports_with_their_addresses()
    {
        Needs.Namespaces("ovs-ofctl");
        using var lab = new CabledHosts();
        using HostedSwitch running = lab.StartSwitch("--listen", CabledHosts.Listen, "--datapath-id", "0000000000000042");
        string shown = lab.Ofctl("show");
        Assert.Contains("dpid:0000000000000042", shown, StringComparison.Ordinal);
        foreach (int number in (int[])[1, 2])
        {
            MacAddress address = lab.Inside.Links.FindLink($"s{number}")!.HardwareAddress;
            Assert.Contains($" {number}(s{number}): addr:{address}", shown, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void An_interface_that_a_person_takes_down_is_PORT_DOWN_until_it_is_up_again()
    {
        Needs.Namespaces("ovs-ofctl", "ping");
        using var lab = new CabledHosts();
        using HostedSwitch running = lab.StartSwitch("--listen", CabledHosts.Listen);
        lab.ConnectHosts1And2();
        foreach (string state in (string[])["down", "up"])
        {
            lab.Inside.Execute("ip", "link", "set", "s2", state).Checked();
            Eventually.True(
                () => lab.Ofctl("show") is var shown && (state == "down"
                    ? shown.Contains("config:     PORT_DOWN\n     state:      LINK_DOWN", StringComparison.Ordinal)
                    : !shown.Contains("_DOWN", StringComparison.Ordinal)),
                () => lab.Ofctl("show"));
        }
        Assert.Equal(3, lab.Ping(1, 2));
    }

    [Fact]
    public void Our_client_compares_and_dumps_flow_tables_as_ovs_ofctl_does()
    {
        Needs.Namespaces("ovs-ofctl");
        using var lab = new CabledHosts();
        using HostedSwitch running = lab.StartSwitch("--listen", CabledHosts.Listen);
        string folder = Directory.CreateTempSubdirectory("softswitch-test-").FullName;
        string same = Path.Combine(folder, "same");
        string other = Path.Combine(folder, "other");
        try
        {
            File.WriteAllLines(same, ["priority=7,tcp,in_port=1,tp_dst=80,actions=output:2", "cookie=0x5,idle_timeout=600,arp,actions=NORMAL", "priority=0,actions=drop"]);
            File.WriteAllLines(other, ["priority=8,tcp,in_port=1,tp_dst=80,actions=output:2", "hard_timeout=600,arp,actions=NORMAL", "priority=0,actions=drop", "actions=1"]);
            lab.Ofctl("add-flows", same);
            string[][] cases = [[CabledHosts.Target, same], [CabledHosts.Target, other], [other, CabledHosts.Target], [same, other], [same, same]];
            foreach (string[] sources in cases)
            {
                CommandResult theirs = lab.Inside.Execute("ovs-ofctl", ["-O", "OpenFlow10", "diff-flows", .. sources]);
                CommandResult ours = lab.Start("ofctl", ["diff-flows", .. sources]).WaitForEnd(SwitchProgram.Patience);
                Assert.Equal(theirs.Output.Split('\n').Order(StringComparer.Ordinal), ours.Output.Split('\n').Order(StringComparer.Ordinal));
                Assert.Equal((theirs.ExitCode, sources.Contains(other) ? 2 : 0), (ours.ExitCode, theirs.ExitCode));
            }
            File.WriteAllLines(other, ["delete arp"]);
            Assert.Equal(1, lab.Inside.Execute("ovs-ofctl", "diff-flows", same, other).ExitCode);
            Assert.Equal(1, lab.Start("ofctl", "diff-flows", same, other).WaitForEnd(SwitchProgram.Patience).ExitCode);
            Assert.Equal(1, lab.Start("ofctl", "diff-flows", same, "tcp:127.0.0.1:1").WaitForEnd(SwitchProgram.Patience).ExitCode);

            string dump = lab.Start("ofctl", "dump-flows", CabledHosts.Target, "--no-stats").WaitForEnd(SwitchProgram.Patience).Checked().Output;
            Assert.Equal(lab.Ofctl("dump-flows", "--no-stats").Split('\n').Order(StringComparer.Ordinal), dump.Split('\n').Order(StringComparer.Ordinal));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Timed_out_flows_are_reported_and_gone()
    {
        Needs.Namespaces("ovs-ofctl");
        using var lab = new CabledHosts();
        using HostedSwitch running = lab.StartSwitch("--listen", CabledHosts.Listen);
        using RunningCommand monitor = lab.StartMonitor(128);
        Eventually.True(
            () => running.Error.Contains("monitor", StringComparison.Ordinal), () => $"the monitor's connection; switch says {running.Error}");
        lab.Ofctl("add-flow", "cookie=0x5,send_flow_rem,hard_timeout=1,in_port=1,actions=output:2");
        lab.Ofctl("add-flow", "cookie=0x6,send_flow_rem,idle_timeout=1,in_port=2,actions=output:1");
        monitor.WaitForText("reason=hard", SwitchProgram.Patience);
        monitor.WaitForText("reason=idle", SwitchProgram.Patience);
        Assert.DoesNotContain("cookie", lab.Ofctl("dump-flows"), StringComparison.Ordinal);
    }
}
