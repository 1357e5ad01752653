using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests.Tunnels;

/// <summary>Tunnels whose other end is the Linux kernel's.</summary>
public sealed class KernelTunnelTests
{
    private const string Key = "vxlan:key=42,";
    private static readonly string[] KernelVxlan = ["id", "42", "local", "10.0.0.2", "remote", TunnelLab.Underlay, "dstport", "4789", "dev", "eth0"];

    [Theory]
    [InlineData("", "noudpcsum")]
    [InlineData("csum=on,", "udpcsum")]
    public void Pings_and_tcp_go_through_vxlan_both_ways(string option, string kernelOption)
    {
        Needs.Namespaces("ovs-ofctl", "ping", "iperf3");
        using var lab = new TunnelLab();
        lab.AddFarEnd("vxlan", [.. KernelVxlan, kernelOption]);
        lab.CabledHosts.Host(1).Execute("ip", "link", "set", "eth0", "mtu", "1450").Checked();
        using HostedSwitch running = lab.Start(Key + option);
        Assert.Contains("port 3: vxlan3: Vxlan tunnel from 10.0.0.100 to 10.0.0.2 by port 2, key 42, packets up to 1450 bytes", running.Output, StringComparison.Ordinal);
        Assert.Equal(3, lab.Ping(1, TunnelLab.Far));
        Assert.Equal(3, lab.Ping(2, TunnelLab.Near));
        Assert.Equal(3, lab.Ping(2, TunnelLab.Underlay)); // the underlay's own address answers
        Assert.Equal(3, lab.Ping(1, TunnelLab.Far, 3, "-M", "do", "-s", "1422"));
        Assert.True(lab.Transfer() > 100_000);
        Assert.True(lab.Transfer("-R") > 100_000);

        string ports = lab.CabledHosts.Ofctl("dump-ports");
        string[] halves = ports[ports.IndexOf("port  2", StringComparison.Ordinal)..].Split("port  3");
        foreach (string word in (string[])["rx pkts", "tx pkts", "bytes"])
        {
            long inside = CabledHosts.Number(halves[1], word);
            Assert.True(inside > 0, ports);
            Assert.True(CabledHosts.Number(halves[0], word) >= inside, ports); // ARP and echo besides
        }
    }

    /// <summary>What local stacks leave unfinished at either end is finished on the way, whatever hides it: no ethtool.</summary>
    [Theory]
    [InlineData("packet:s1", "packet:s2", "vxlan")]
    [InlineData("packet:s1", "xdp:s2", "vxlan")]
    [InlineData("packet:s1", "xdp:s2", "vxlan csum")]
    [InlineData("xdp:s1", "xdp:s2", "vxlan csum")]
    [InlineData("xdp:s1", "packet:s2", "vxlan csum")]
    [InlineData("tap:t1", "packet:s2", "vxlan")]
    [InlineData("tap:t1", "xdp:s2", "vxlan csum")]
    [InlineData("packet:s1", "xdp:s2", "gre")]
    [InlineData("packet:s1", "xdp:s2", "gre csum")]
    [InlineData("packet:s1", "packet:s2", "gre key csum")]
    [InlineData("packet:s1", "xdp:s2", "ipip")]
    public void Tcp_goes_through_a_tunnel_both_ways(string near, string underlay, string kind)
    {
        Needs.Namespaces("ovs-ofctl", "ping", "iperf3");
        using var lab = new TunnelLab();
        bool hasChecksum = kind.EndsWith(" csum", StringComparison.Ordinal);
        string[] ends = ["local", "10.0.0.2", "remote", TunnelLab.Underlay];
        string tunnel = kind.Split(' ')[0] switch
        {
            "gre" => AddGre(),
            "ipip" => AddIpip(),
            _ => AddVxlan(),
        };
        using HostedSwitch running = lab.StartOn(near, underlay, tunnel + (hasChecksum ? "csum=on," : string.Empty));
        lab.CabledHosts.Host(1).Execute("ip", "link", "set", "eth0", "mtu", "1450").Checked();
        if (kind == "ipip")
        {
            lab.CabledHosts.Host(1).Execute("ip", "neigh", "replace", TunnelLab.Far, "lladdr", "02:00:00:00:09:02", "dev", "eth0").Checked();
        }
        Eventually.True(() => lab.Ping(1, TunnelLab.Far, 1) == 1, () => "no answer through the tunnel: " + lab.CabledHosts.Ofctl("dump-ports"));
        Assert.True(lab.Transfer() > 1_000_000);
        Assert.True(lab.Transfer("-R") > 1_000_000);

        string AddVxlan()
        {
            lab.AddFarEnd("vxlan", [.. KernelVxlan, hasChecksum ? "udpcsum" : "noudpcsum"]);
            return Key;
        }

        string AddGre()
        {
            bool hasKey = kind.Contains(" key", StringComparison.Ordinal);
            lab.AddFarEnd("gretap", [.. ends, .. hasKey ? (string[])["key", "7"] : [], .. hasChecksum ? (string[])["csum"] : []]);
            return hasKey ? "gre:key=7," : "gre:";
        }

        string AddIpip()
        {
            lab.AddFarEnd("ipip", ends);
            return "ipip:inner-dst=02:00:00:00:00:01,";
        }
    }

    [Fact]
    public void A_tunnel_survives_its_underlay_going_down_and_vanishing()
    {
        Needs.Namespaces("ovs-ofctl", "ping");
        using var lab = new TunnelLab();
        lab.AddFarEnd("vxlan", KernelVxlan);
        using HostedSwitch running = lab.Start(Key);
        Assert.Equal(3, lab.Ping(1, TunnelLab.Far));
        using RunningCommand monitor = lab.CabledHosts.StartPortMonitor();
        for (int round = 0; round < 2; round++)
        {
            lab.CabledHosts.Inside.Execute("ip", "link", "set", "s2", "down").Checked();
            Eventually.True(() => IsDown(lab), () => lab.CabledHosts.Ofctl("show"));
            Eventually.True(() => HasToldOfTunnel(monitor), () => monitor.Error);
            lab.CabledHosts.Inside.Execute("ip", "link", "set", "s2", "up").Checked();
            Eventually.True(() => !IsDown(lab), () => lab.CabledHosts.Ofctl("show"));
            Eventually.True(() => lab.Ping(1, TunnelLab.Far, 1) == 1, () => "no answer through the tunnel");
        }
        lab.CabledHosts.Inside.Execute("ip", "link", "del", "s2").Checked(); // host 2's tun9 goes with its eth0
        Eventually.True(() => IsDown(lab), () => lab.CabledHosts.Ofctl("show"));
        lab.CabledHosts.Host(2).Reconnect();
        lab.CabledHosts.Host(2).Execute("ip", "link", "del", "tun9");
        lab.AddFarEnd("vxlan", KernelVxlan);
        Eventually.True(() => !IsDown(lab), () => lab.CabledHosts.Ofctl("show"));
        Eventually.True(() => lab.Ping(1, TunnelLab.Far, 1) == 1, () => "no answer through the tunnel");
    }

    private static bool HasToldOfTunnel(RunningCommand monitor) =>
        monitor.Error.Contains("OFPT_PORT_STATUS", StringComparison.Ordinal) && monitor.Error.Contains(" 3(vxlan3)", StringComparison.Ordinal);

    private static bool IsDown(TunnelLab lab)
    {
        string show = lab.CabledHosts.Ofctl("show");
        return show[show.IndexOf(" 3(", StringComparison.Ordinal)..].Contains("LINK_DOWN", StringComparison.Ordinal);
    }
}
