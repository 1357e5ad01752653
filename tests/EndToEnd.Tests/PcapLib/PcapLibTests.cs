using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests.PcapLib;

/// <summary>The switch on libpcap ports, with the offloads of veth as they are by default.</summary>
[Trait("Ring", "all")]
public sealed class PcapLibTests
{
    private static readonly TimeSpan TransferBound = TimeSpan.FromSeconds(60);

    private static HostedSwitch StartSwitch(CabledHosts lab, params string[] arguments) =>
        lab.StartRun(["--port", "1=pcaplib:s1", "--port", "2=pcaplib:s2", "--listen", CabledHosts.Listen, .. arguments]);

    private static void TransferTcp(CabledHosts lab, int from, int to) => Iperf.Run(lab.Host(from), lab.Host(to), $"10.0.0.{to}", "-n", "32M");

    [Fact]
    public void Hosts_ping_and_tcp_runs_both_ways_with_default_offloads()
    {
        Needs.Namespaces("ovs-ofctl", "ping", "iperf3");
        using var lab = new CabledHosts();
        using HostedSwitch running = StartSwitch(lab);
        Assert.Contains("port 1: s1: libpcap (SharpPcap)", running.Output, StringComparison.Ordinal);
        lab.ConnectHosts1And2();
        Assert.Equal(3, lab.Ping(1, 2));
        TransferTcp(lab, 1, 2);
        TransferTcp(lab, 2, 1);
    }

    [Fact]
    public void An_interface_that_vanishes_and_returns_is_served_again()
    {
        Needs.Namespaces("ping");
        using var lab = new CabledHosts();
        using HostedSwitch running = StartSwitch(lab, "--fail-mode", "standalone");
        Assert.Equal(3, lab.Ping(1, 2));
        lab.Inside.Execute("ip", "link", "del", "s2").Checked();
        running.WaitForText("port 2: s2: the interface is gone", SwitchProgram.Patience);
        lab.Host(2).Reconnect();
        Eventually.True(() => lab.Ping(1, 2) == 3, () => $"no answer through: {running.Output}{running.Error}");
    }
}
