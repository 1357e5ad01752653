using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests.Ports;

/// <summary>Ports whose flows are in the kernel, as hosts and tools see them.</summary>
[Trait("Ring", "peers")]
public sealed class KernelOffloadTests : WithControlSocket
{
    private static readonly string[] s_both = ["--port", "1=s1,offload=on", "--port", "2=packet:s2,offload=on", "--listen", CabledHosts.Listen];

    [Fact]
    public void Segments_with_partial_checksums_are_rewritten_in_the_kernel()
    {
        Needs.Namespaces("ovs-ofctl", "ping", "iperf3");
        using var lab = new CabledHosts();
        using HostedSwitch running = lab.StartRun([.. s_both, "--control", Control]);
        lab.SilenceHosts1And2();
        lab.Host(1).Execute("ip", "neigh", "replace", "10.0.0.9", "lladdr", "02:00:00:00:00:09", "dev", "eth0").Checked();
        lab.Ofctl("add-flow", "in_port=1,ip,nw_dst=10.0.0.9,actions=mod_dl_dst:02:00:00:00:00:02,mod_nw_dst:10.0.0.2,mod_nw_tos:32,output:2");
        lab.Ofctl("add-flow", "in_port=2,ip,nw_src=10.0.0.2,actions=mod_dl_src:02:00:00:00:00:09,mod_nw_src:10.0.0.9,output:1");
        lab.Ofctl("add-flow", "priority=40000,in_port=1,tcp,nw_dst=10.0.0.9,actions=mod_dl_dst:02:00:00:00:00:02,mod_nw_dst:10.0.0.2,mod_tp_dst:5301,output:2");
        lab.Ofctl("add-flow", "priority=40000,in_port=2,tcp,nw_src=10.0.0.2,actions=mod_dl_src:02:00:00:00:00:09,mod_nw_src:10.0.0.9,mod_tp_src:5201,output:1");
        lab.Ofctl("add-flow", "priority=40000,in_port=1,udp,nw_dst=10.0.0.9,actions=mod_dl_dst:02:00:00:00:00:02,mod_nw_dst:10.0.0.2,mod_tp_dst:5301,output:2");
        lab.Ofctl("add-flow", "priority=40000,in_port=2,udp,nw_src=10.0.0.2,actions=mod_dl_src:02:00:00:00:00:09,mod_nw_src:10.0.0.9,mod_tp_src:5201,output:1");
        Assert.Equal(3, CabledHosts.Ping(lab.Host(1), "10.0.0.9", 3));
        foreach (string[] way in (string[][])[["-n", "20M"], ["-n", "20M", "-R"], ["-u", "-b", "50M", "-n", "1M", "--get-server-output"]])
        {
            using RunningCommand server = lab.Host(2).Start("iperf3", "-s", "-1", "-p", "5301", "--forceflush");
            server.WaitForText("Server listening", SwitchProgram.Patience);
            lab.Host(1).Execute(SwitchProgram.Patience, "iperf3", ["-c", "10.0.0.9", "-p", "5201", .. way]).Checked();
        }
        string udp = CabledHosts.Line(lab.Ofctl("dump-flows"), "udp", "in_port=2"); // an answer comes only if the host took the first packet's checksum for right
        Assert.True(CabledHosts.Number(udp, "n_packets") > 0, udp);
        string trace = SwitchProgram.Execute("trace", Target, "in_port=1,tcp,nw_dst=10.0.0.9").Checked().Output;
        Assert.Contains("kernel: forwards its packets", trace, StringComparison.Ordinal);
        string flows = lab.Ofctl("dump-flows");
        Assert.True(CabledHosts.Number(CabledHosts.Line(flows, "in_port=1", "tcp"), "n_bytes") > 10_000_000, flows);
        Assert.Contains("drops       none", Status(), StringComparison.Ordinal);
        string ports = lab.Ofctl("dump-ports");
        Assert.True(CabledHosts.Number(CabledHosts.Line(ports, "port  1:"), "bytes") > 10_000_000, ports);
    }

    [Fact]
    public void A_capture_sees_the_packets_and_what_no_entry_takes_comes_to_the_software()
    {
        Needs.Namespaces("ovs-ofctl", "ping");
        using var lab = new CabledHosts();
        using HostedSwitch running = lab.StartRun([.. s_both, "--control", Control]);
        lab.SilenceHosts1And2();
        lab.Ofctl("add-flow", "priority=1,actions=normal");
        Assert.Equal(3, lab.Ping(1, 2));
        lab.ConnectHosts1And2();
        Assert.Equal(3, lab.Ping(1, 2));
        using RunningCommand capture = RunningCommand.Start(SwitchProgram.Dotnet, [SwitchProgram.Library, "capture", Target, "--match", "icmp", "--count", "12"]);
        capture.WaitForText("capturing", SwitchProgram.Patience);
        Assert.Equal(3, lab.Ping(1, 2));
        Assert.Equal(12, capture.WaitForEnd(SwitchProgram.Patience).Checked().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.Equal(6, CabledHosts.Number(CabledHosts.Line(lab.Ofctl("dump-flows"), "in_port=1"), "n_packets"));
    }

    [Fact]
    public void Killed_it_leaves_nothing_behind_and_the_host_has_its_interface_again()
    {
        Needs.Namespaces("ovs-ofctl", "ping");
        using var lab = new CabledHosts();
        lab.Inside.Execute("ip", "address", "add", "10.0.0.3/24", "dev", "s1").Checked();
        using (RunningCommand running = lab.StartProcess(s_both))
        {
            lab.ConnectHosts1And2();
            Assert.Equal(3, lab.Ping(1, 2));
            Assert.Equal(0, CabledHosts.Ping(lab.Host(1), "10.0.0.3", 1));
            Assert.Contains("offload=off", running.Error, StringComparison.Ordinal); // that the host gets none of its packets
            SwitchProgram.Terminate(running, "KILL");
            running.WaitForEnd(SwitchProgram.Patience);
        }
        Eventually.Gone("punt", () => lab.Inside.Execute("ip", "link").Checked().Output);
        Assert.Equal(3, CabledHosts.Ping(lab.Host(1), "10.0.0.3", 3));
    }

    [Fact]
    public void A_link_that_goes_down_and_a_port_that_is_closed_are_counted()
    {
        Needs.Namespaces("ovs-ofctl", "ping");
        using var lab = new CabledHosts();
        using HostedSwitch running = lab.StartRun([.. s_both, "--control", Control]);
        lab.SilenceHosts1And2();
        lab.ConnectHosts1And2();
        Assert.Equal(3, lab.Ping(1, 2));
        lab.Host(2).Execute("ip", "link", "set", "eth0", "down").Checked();
        Eventually.True(() => lab.Ofctl("show").Contains("LINK_DOWN", StringComparison.Ordinal), () => lab.Ofctl("show"));
        Assert.Equal(0, lab.Ping(1, 2, 1));
        string drops = SwitchProgram.Execute("drops", Target).Checked().Output;
        Assert.True(drops.Contains("linkDown", StringComparison.Ordinal), drops);
        lab.Ofctl("mod-port", "1", "no-receive");
        Assert.Equal(0, lab.Ping(1, 2, 1));
        drops = SwitchProgram.Execute("drops", Target).Checked().Output;
        Assert.True(drops.Contains("ingressClosed", StringComparison.Ordinal), drops);
    }

    [Fact]
    public void A_segment_that_would_be_cut_into_too_long_frames_is_dropped_and_counted()
    {
        Needs.Namespaces("ovs-ofctl", "iperf3");
        using var lab = new CabledHosts();
        using HostedSwitch running = lab.StartRun([.. s_both, "--control", Control]);
        lab.SilenceHosts1And2();
        lab.ConnectHosts1And2();
        lab.Inside.Execute("ip", "link", "set", "s2", "mtu", "1000").Checked();
        running.WaitForText("port 2: s2: the MTU is 1000 now, was 1500");
        using RunningCommand server = lab.Host(2).Start("iperf3", "-s", "-1", "--forceflush");
        server.WaitForText("Server listening", SwitchProgram.Patience);
        using RunningCommand client = lab.Host(1).Start("iperf3", "-c", "10.0.0.2", "-n", "1M");
        Eventually.True(
            () => SwitchProgram.Execute("drops", Target).Checked().Output.Contains("tooLong", StringComparison.Ordinal), () => client.Output + client.Error);
    }

    [Fact]
    public void It_is_on_by_itself_but_where_others_use_the_interface_or_it_is_forbidden()
    {
        Needs.Namespaces();
        using var lab = new CabledHosts(hosts: 5);
        lab.Inside.Execute("ip", "address", "add", "10.0.0.3/24", "dev", "s3").Checked();
        lab.Inside.Execute("ip", "link", "add", "br0", "type", "bridge").Checked();
        lab.Inside.Execute("ip", "link", "set", "s4", "master", "br0").Checked();
        lab.Inside.Execute("ip", "link", "add", "link", "s5", "name", "above", "type", "macvlan").Checked();
        using HostedSwitch running = lab.StartRun(
            "--port", "1=s1", "--port", "2=packet:s2,offload=off", "--port", "3=packet:s3", "--port", "4=s4", "--port", "5=s5", "--listen", CabledHosts.Listen);
        Assert.Contains("port 1: s1: flows in the kernel, other packets by AF_PACKET: rings", running.Output, StringComparison.Ordinal);
        Assert.Contains("port 2: s2: AF_PACKET: rings", running.Output, StringComparison.Ordinal);
        Assert.Contains(
            "port 3: s3: AF_PACKET: no flows in the kernel: it has the address 10.0.0.3, and the host would get none of its packets; rings", running.Output, StringComparison.Ordinal);
        Assert.Contains("port 4: s4: AF_PACKET: no flows in the kernel: it is a port of br0, and", running.Output, StringComparison.Ordinal);
        Assert.Contains("port 5: s5: AF_PACKET: no flows in the kernel: above is on it, and", running.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_the_rights_a_port_says_so_and_passes_packets_as_before()
    {
        Needs.Namespaces("ovs-ofctl", "ping", "setpriv");
        using var lab = new CabledHosts();
        using RunningCommand running = lab.Inside.Start(
            "setpriv", "--bounding-set", "-bpf,-perfmon,-sys_admin", SwitchProgram.Dotnet, SwitchProgram.Library, "run", "--port", "1=s1", "--port", "2=s2", "--listen", CabledHosts.Listen);
        running.WaitForText("\nready\n", SwitchProgram.Patience);
        Assert.Contains("port 1: s1: AF_PACKET: no flows in the kernel: it needs Linux 6.6, CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN: bpf(", running.Output, StringComparison.Ordinal);
        lab.ConnectHosts1And2();
        Assert.Equal(3, lab.Ping(1, 2));
    }

    [Theory]
    [InlineData("1=s1,offload=yes", "offload=yes: is neither on nor off")]
    [InlineData("1=packet:s1,offload=on,address=10.9.0.1/24", "offload=on: what tunnels travel by is looked at before the flow table; leave out address= or offload=on")]
    [InlineData("1=xdp:s1,offload=on", "unknown option 'offload'")]
    public void A_wrong_option_is_refused_with_the_reason(string port, string reason)
    {
        Needs.Namespaces();
        using var lab = new CabledHosts(hosts: 1);
        Assert.Contains(reason, lab.Refusal("--port", port), StringComparison.Ordinal);
    }
}
