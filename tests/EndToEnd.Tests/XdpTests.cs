using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests;

/// <summary>The switch on AF_XDP ports, with the offloads of veth as they are by default.</summary>
public sealed class XdpTests
{
    private static readonly string[] Ports = ["--port", "1=xdp:s1", "--port", "2=xdp:s2", "--listen", CabledHosts.Listen];

    private static HostedSwitch StartSwitch(CabledHosts lab, params string[] arguments) =>
        lab.StartRun([.. Ports, .. arguments]);

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
