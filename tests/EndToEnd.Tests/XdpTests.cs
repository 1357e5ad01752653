using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests;

/// <summary>The switch on AF_XDP ports, with the offloads of veth as they are by default.</summary>
public sealed class XdpTests
{
    private static readonly string[] Ports = ["--port", "1=xdp:s1", "--port", "2=xdp:s2", "--listen", CabledHosts.Listen];

    private static HostedSwitch StartSwitch(CabledHosts lab, params string[] arguments) =>
        lab.StartRun([.. Ports, .. arguments]);

    private static string Interfaces(CabledHosts lab) =>
        lab.Inside.Execute("ip", "-d", "link", "show", "s1").Checked().Output + lab.Inside.Execute("ip", "-d", "link", "show", "s2").Checked().Output;

    private static void SetMtu(CabledHosts lab, int mtu)
    {
        for (int number = 1; number <= 2; number++)
        {
            lab.Inside.Execute("ip", "link", "set", $"s{number}", "mtu", $"{mtu}").Checked();
            lab.Host(number).Execute("ip", "link", "set", "eth0", "mtu", $"{mtu}").Checked();
        }
    }

    /// <summary>Host 1 talks to 10.0.0.9, which is host 2 under another name.</summary>
    private static void RenameHost2(CabledHosts lab)
    {
        lab.Ofctl("add-flow", "in_port=1,ip,nw_dst=10.0.0.9,actions=mod_nw_dst:10.0.0.2,output:2");
        lab.Ofctl("add-flow", "in_port=2,ip,nw_src=10.0.0.2,actions=mod_nw_src:10.0.0.9,output:1");
        lab.Ofctl("add-flow", "arp,actions=flood");
        lab.Host(1).Execute("ip", "neigh", "replace", "10.0.0.9", "lladdr", "02:00:00:00:00:02", "dev", "eth0").Checked();
    }

    private static void TransferTcp(CabledHosts lab, int from, int to) => Iperf.Run(lab.Host(from), lab.Host(to), $"10.0.0.{to}", "-n", "32M");

    [Fact]
    public void Hosts_ping_and_tcp_runs_both_ways_with_default_offloads()
    {
        Needs.Xdp("ovs-ofctl", "ping", "iperf3");
        using var lab = new CabledHosts();
        using HostedSwitch running = StartSwitch(lab);
        Assert.Contains("port 1: s1: AF_XDP: native, copy, need_wakeup, own umem", running.Output, StringComparison.Ordinal);
        Assert.Contains("port 2: s2: AF_XDP: native, copy, need_wakeup, shared umem", running.Output, StringComparison.Ordinal);
        lab.ConnectHosts1And2();
        Assert.Equal(3, lab.Ping(1, 2));
        TransferTcp(lab, 1, 2);
        TransferTcp(lab, 2, 1);
        // What iperf3 counts as sent may still have been in its socket when it hung up.
        Assert.True(CabledHosts.Number(CabledHosts.Line(lab.Ofctl("dump-flows"), "in_port=1"), "n_bytes") >= 16 << 20, lab.Ofctl("dump-flows"));
    }

    [Fact]
    public void Tcp_runs_between_af_xdp_and_af_packet_ports()
    {
        Needs.Xdp("ovs-ofctl", "ping", "iperf3");
        using var lab = new CabledHosts();
        using HostedSwitch running = lab.StartRun("--port", "1=xdp:s1", "--port", "2=packet:s2", "--listen", CabledHosts.Listen);
        lab.ConnectHosts1And2();
        Assert.Equal(3, lab.Ping(1, 2));
        TransferTcp(lab, 1, 2);
        TransferTcp(lab, 2, 1); // segments that come whole are cut for the AF_XDP port
    }

    [Fact]
    public void Tcp_runs_while_headers_with_partial_checksums_are_rewritten()
    {
        Needs.Xdp("ovs-ofctl", "ping", "iperf3");
        using var lab = new CabledHosts();
        using HostedSwitch running = StartSwitch(lab);
        RenameHost2(lab);
        Iperf.Run(lab.Host(1), lab.Host(2), "10.0.0.9", "-n", "16M");
    }

    [Theory]
    [InlineData("TERM", 1)]
    [InlineData("KILL", 1)]
    [InlineData("KILL", 2)]
    public void However_it_ends_no_program_and_no_promiscuous_mode_stay_behind(string signal, int queues)
    {
        Needs.Xdp("ping", "ethtool");
        using var lab = new CabledHosts(queues: queues);
        string before = Interfaces(lab);
        using RunningCommand ended = lab.StartProcess(Ports);
        Assert.Contains("prog/xdp", Interfaces(lab), StringComparison.Ordinal);
        SwitchProgram.Terminate(ended, signal);
        ended.WaitForEnd(SwitchProgram.Patience);
        Eventually.True(() => Interfaces(lab) == before, () => $"{Interfaces(lab)} instead of {before}");
        using HostedSwitch next = StartSwitch(lab, "--fail-mode", "standalone");
        Assert.Equal(3, lab.Ping(1, 2));
        next.Dispose();
        Assert.Contains("rx-vlan-offload: on", lab.Inside.Execute("ethtool", "-k", "s1").Checked().Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_workers_and_two_queues_an_interface_carry_tcp_and_lose_no_datagram()
    {
        Needs.Xdp("ovs-ofctl", "ping");
        using var lab = new CabledHosts(queues: 2);
        using HostedSwitch running = lab.StartRun("--port", "1=xdp:s1,queues=2", "--port", "2=xdp:s2,queues=2", "--workers", "2", "--listen", CabledHosts.Listen);
        Assert.Contains("port 1: s1: AF_XDP: native, copy, need_wakeup, own umem, 2 queues; ", running.Output, StringComparison.Ordinal);
        Assert.Contains("port 2: s2: AF_XDP: native, copy, need_wakeup, shared umem, 2 queues; ", running.Output, StringComparison.Ordinal);
        lab.ConnectHosts1And2();
        Assert.Equal(3, lab.Ping(1, 2));
        TransferTcp(lab, 1, 2);
        TransferTcp(lab, 2, 1);
        const int datagrams = 200; // what a veth holds back while nobody looks
        long before = CabledHosts.Number(CabledHosts.Line(lab.Ofctl("dump-flows"), "in_port=1"), "n_packets");
        lab.Host(1).Execute(
            "/usr/bin/python3",
            "-c",
            "import socket\n"
            + "sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(64)]\n"
            + $"for i in range({datagrams}): sockets[i % 64].sendto(b'x' * 20, ('10.0.0.2', 9))").Checked();
        Eventually.True(
            () => CabledHosts.Number(CabledHosts.Line(lab.Ofctl("dump-flows"), "in_port=1"), "n_packets") >= before + datagrams,
            () => $"datagrams are missing: {lab.Ofctl("dump-flows")}");
    }

    [Fact]
    public void Packets_of_an_mtu_of_3500_pass_in_frames_of_4096_bytes()
    {
        Needs.Xdp("ovs-ofctl", "ping", "iperf3");
        using var lab = new CabledHosts();
        SetMtu(lab, 3500);
        using HostedSwitch running = StartSwitch(lab, "--frame-size", "4096");
        Assert.Contains("frames: 28672 of 4096 bytes, 112 MiB in ", running.Output, StringComparison.Ordinal);
        lab.ConnectHosts1And2();
        lab.Host(1).Execute("ping", "-n", "-c", "3", "-i", "0.1", "-W", "10", "-M", "do", "-s", "3472", "10.0.0.2").Checked();
        TransferTcp(lab, 1, 2);
    }

    [Theory]
    [InlineData("xdp:s2")]
    [InlineData("packet:s2")]
    public void Packets_of_an_mtu_of_9000_pass_in_several_frames_and_their_headers_are_rewritten(string second)
    {
        Needs.Xdp("ovs-ofctl", "ping", "iperf3");
        using var lab = new CabledHosts();
        SetMtu(lab, 9000);
        using HostedSwitch running = lab.StartRun("--port", "1=xdp:s1", "--port", $"2={second}", "--listen", CabledHosts.Listen);
        RenameHost2(lab);
        lab.Host(1).Execute("ping", "-n", "-c", "3", "-i", "0.1", "-W", "10", "-M", "do", "-s", "8972", "10.0.0.9").Checked();
        Iperf.Run(lab.Host(1), lab.Host(2), "10.0.0.9", "-n", "32M");
        Iperf.Run(lab.Host(1), lab.Host(2), "10.0.0.9", "-n", "32M", "-R");
        Assert.Equal(0, CabledHosts.Number(CabledHosts.Line(lab.Ofctl("dump-ports", "1"), "tx pkts"), "errs"));
        Assert.Equal(0, CabledHosts.Number(CabledHosts.Line(lab.Ofctl("dump-ports", "2"), "tx pkts"), "errs"));
    }

    [Fact]
    public void An_mtu_raised_under_way_lets_longer_packets_pass()
    {
        Needs.Xdp("ovs-ofctl", "ping");
        using var lab = new CabledHosts();
        using HostedSwitch running = StartSwitch(lab);
        lab.ConnectHosts1And2();
        SetMtu(lab, 9000);
        running.WaitForText("port 2: s2: the MTU is 9000 now, was 1500");
        Eventually.True(
            () => lab.Host(1).Execute("ping", "-n", "-c", "1", "-W", "1", "-M", "do", "-s", "8000", "10.0.0.2").ExitCode == 0, () => running.Error);
    }

    [Fact]
    public void An_interface_that_vanishes_and_returns_is_served_again()
    {
        Needs.Xdp("ping");
        using var lab = new CabledHosts();
        using HostedSwitch running = StartSwitch(lab, "--fail-mode", "standalone");
        Assert.Equal(3, lab.Ping(1, 2));
        lab.Inside.Execute("ip", "link", "del", "s2").Checked();
        running.WaitForText("port 2: s2: the interface is gone");
        lab.Host(2).Reconnect();
        Eventually.True(() => lab.Ping(1, 2) == 3, () => $"no answer through: {running.Output}{running.Error}");
    }

    [Fact]
    public void A_container_that_forbids_it_gets_one_line_with_the_reason_and_the_way_out()
    {
        Needs.Xdp("unshare");
        // A user namespace of its own is what a container is to bpf(2).
        using RunningCommand running = RunningCommand.Start("unshare", [
            "-U", "-r", "-n", "sh", "-c", "ip link add va type veth peer name vb && exec \"$@\"", "sh",
            SwitchProgram.Dotnet, SwitchProgram.Library, "run", "--port", "xdp:va"]);
        CommandResult result = running.WaitForEnd(SwitchProgram.Patience);
        Assert.SkipWhen(result.Error.StartsWith("unshare", StringComparison.Ordinal), result.Error);
        Assert.Equal(2, result.ExitCode);
        Assert.Equal(
            "softswitch run: port 'xdp:va': bpf(BPF_MAP_CREATE): Operation not permitted: "
            + "AF_XDP wants CAP_BPF, CAP_NET_ADMIN and CAP_NET_RAW of the system, not of a container; packet:va does without AF_XDP\n",
            result.Error);
    }
}
