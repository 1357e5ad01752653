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
    public void Flows_ports_tables_and_aggregates_count_what_was_sent()
    {
        Needs.Namespaces("ovs-ofctl", "ping");
        using var lab = new CabledHosts();
        using HostedSwitch running = lab.StartSwitch("--listen", CabledHosts.Listen);
        lab.Ofctl("add-flow", "priority=5,arp,actions=flood");
        lab.Ofctl("add-flow", "cookie=0x77,icmp,in_port=1,nw_dst=10.0.0.2,actions=output:2");
        lab.Ofctl("add-flow", "cookie=0x78,icmp,in_port=2,actions=output:1");

        Assert.Equal(5, lab.Ping(1, 2, count: 5));
        lab.SilenceHosts1And2(); // five seconds after an answer they look whether the other is still there

        string flows = lab.Ofctl("dump-flows");
        string forth = CabledHosts.Line(flows, "cookie=0x77");
        Assert.Equal(5, CabledHosts.Number(forth, "n_packets"));
        Assert.Equal(5 * 98, CabledHosts.Number(forth, "n_bytes")); // 14 Ethernet, 20 IP, 8 ICMP, 56 data
        Assert.Contains("icmp,in_port=1,nw_dst=10.0.0.2 actions=output:2", forth, StringComparison.Ordinal);
        Assert.Equal(5, CabledHosts.Number(CabledHosts.Line(flows, "cookie=0x78"), "n_packets"));

        string aggregate = lab.Ofctl("dump-aggregate", "icmp");
        Assert.Equal(10, CabledHosts.Number(aggregate, "packet_count"));
        Assert.Equal(980, CabledHosts.Number(aggregate, "byte_count"));
        Assert.Equal(2, CabledHosts.Number(aggregate, "flow_count"));

        long arps = CabledHosts.Number(CabledHosts.Line(flows, "priority=5,arp"), "n_packets");
        string ports = lab.Ofctl("dump-ports");
        Assert.Equal(10 + arps, CabledHosts.Number(CabledHosts.Line(ports, "port  1:"), "rx pkts") + CabledHosts.Number(CabledHosts.Line(ports, "port  2:"), "rx pkts"));

        string tables = lab.Ofctl("dump-tables");
        Assert.Equal(3, CabledHosts.Number(tables, "active"));
        Assert.Equal(10 + arps, CabledHosts.Number(tables, "matched"));
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
    public void Modified_flows_forward_anew_and_deleted_ones_not_at_all()
    {
        Needs.Namespaces("ovs-ofctl", "ping");
        using var lab = new CabledHosts(hosts: 3);
        using HostedSwitch running = lab.StartSwitch("--listen", CabledHosts.Listen);
        lab.Ofctl("add-flow", "priority=5,arp,actions=flood");
        lab.ConnectHosts1And2();
        Assert.Equal(2, lab.Ping(1, 2, count: 2));

        lab.Ofctl("mod-flows", "in_port=1,actions=output:3");
        Assert.Equal(0, lab.Ping(1, 2, count: 2));
        lab.Ofctl("mod-flows", "in_port=1,actions=output:2");
        Assert.Equal(2, lab.Ping(1, 2, count: 2));

        lab.Ofctl("del-flows", "in_port=2");
        string flows = lab.Ofctl("dump-flows");
        Assert.DoesNotContain("in_port=2", flows, StringComparison.Ordinal);
        Assert.Contains("in_port=1", flows, StringComparison.Ordinal);
        Assert.Equal(0, lab.Ping(1, 2, count: 2));

        lab.Ofctl("del-flows");
        Assert.DoesNotContain("n_packets", lab.Ofctl("dump-flows"), StringComparison.Ordinal);
    }

    [Fact]
    public void The_highest_priority_decides_and_an_exact_entry_outranks_them_all()
    {
        Needs.Namespaces("ovs-ofctl");
        Needs.Scapy();
        const string Echo =
            "Ether(src='02:00:00:00:00:01',dst='02:00:00:00:00:02')/Dot1Q(vlan=5,prio=0)/IP(src='10.0.0.1',dst='10.0.0.2')/ICMP()";
        using var lab = new CabledHosts();
        using HostedSwitch running = lab.StartSwitch("--listen", CabledHosts.Listen);
        lab.Ofctl("add-flow", "cookie=1,priority=3,in_port=1,actions=output:2");
        lab.Ofctl("add-flow", "cookie=2,priority=65535,icmp,in_port=1,actions=drop");
        lab.SendFrame(1, Echo);
        Eventually.True(() => Packets(lab, "cookie=0x2") == 1, () => lab.Ofctl("dump-flows")); // before there is another entry for it
        // All twelve fields: OpenFlow 1.0.0 §3.4, an exact entry outranks every wildcard entry. (ovs-ofctl sends it as such
        // for tagged frames only: without a tag it leaves the VLAN priority open.)
        lab.Ofctl(
            "add-flow",
            "cookie=3,priority=1,icmp,in_port=1,dl_vlan=5,dl_vlan_pcp=0,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,"
            + "nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_tos=0,icmp_type=8,icmp_code=0,actions=output:2");
        lab.SendFrame(1, Echo);
        lab.SendFrame(1, Echo);
        Eventually.True(() => Packets(lab, "cookie=0x3") == 2, () => lab.Ofctl("dump-flows"));
        Assert.Equal(0, Packets(lab, "cookie=0x1"));
        Assert.Equal(1, Packets(lab, "cookie=0x2"));
    }

    [Fact]
    public void Monitor_sees_the_packets_that_match_nothing()
    {
        Needs.Namespaces("ovs-ofctl", "ping");
        using var lab = new CabledHosts();
        using HostedSwitch running = lab.StartSwitch("--listen", CabledHosts.Listen);
        using RunningCommand monitor = lab.StartMonitor(65535);
        Eventually.True(
            () =>
            {
                lab.Ping(1, 2, count: 1);
                return monitor.Error.Contains("PACKET_IN", StringComparison.Ordinal) || monitor.Output.Contains("PACKET_IN", StringComparison.Ordinal);
            },
            () => $"a packet-in; monitor says {monitor.Output}{monitor.Error}, switch {running.Error}");
        monitor.WaitForText("arp_tpa=10.0.0.2", SwitchProgram.Patience);
        Assert.Contains("(via no_match)", monitor.Output + monitor.Error, StringComparison.Ordinal);
        Assert.Contains("in_port=1", monitor.Output + monitor.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Packet_out_reaches_the_host_as_given()
    {
        Needs.Namespaces("ovs-ofctl", "tcpdump");
        using var lab = new CabledHosts();
        using HostedSwitch running = lab.StartSwitch("--listen", CabledHosts.Listen);
        using Witness witness = Witness.At(lab.Host(2), "ether proto 0x88b5", packets: 1);
        lab.Ofctl("packet-out", "NONE", "output:2", "ffffffffffff02000000000988b5" + string.Concat(Enumerable.Repeat("5a", 50)));
        string seen = witness.WaitForEnd();
        Assert.Contains("02:00:00:00:00:09 > ff:ff:ff:ff:ff:ff", seen, StringComparison.Ordinal);
        Assert.Contains("length 64", seen, StringComparison.Ordinal);
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

    private static long Packets(CabledHosts lab, string cookie) => CabledHosts.Number(CabledHosts.Line(lab.Ofctl("dump-flows"), cookie), "n_packets");
}
