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
            lab.AddFarEnd("gretap", [.. ends, .. hasChecksum ? (string[])["csum"] : []]);
            return "gre:";
        }

        string AddIpip()
        {
            lab.AddFarEnd("ipip", ends);
            return "ipip:inner-dst=02:00:00:00:00:01,";
        }
    }

    [Fact]
    public void A_vlan_inside_vxlan_keeps_its_tag()
    {
        Needs.Namespaces("ovs-ofctl", "tcpdump");
        Needs.Scapy();
        using var lab = new TunnelLab();
        lab.AddFarEnd("vxlan", KernelVxlan);
        using HostedSwitch running = lab.Start(Key);
        Assert.Contains("vlan 7, p 3, ethertype IPv4", SendTagged(lab, from: 1, "eth0", to: 2, "tun9"), StringComparison.Ordinal);
        Assert.Contains("vlan 7, p 3, ethertype IPv4", SendTagged(lab, from: 2, "tun9", to: 1, "eth0"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("gre:", "gretap", null)]
    [InlineData("gre:key=7,csum=on,", "gretap", "key 7 csum")]
    public void Gre_goes_to_the_kernels_gretap(string tunnel, string type, string? options)
    {
        Needs.Namespaces("ovs-ofctl", "ping");
        using var lab = new TunnelLab();
        lab.AddFarEnd(type, ["local", "10.0.0.2", "remote", TunnelLab.Underlay, .. options?.Split(' ') ?? []]);
        using HostedSwitch running = lab.Start(tunnel);
        Assert.Equal(3, lab.Ping(1, TunnelLab.Far));
        Assert.Equal(3, lab.Ping(2, TunnelLab.Near));
    }

    [Fact]
    public void A_path_too_narrow_is_told_to_the_sender_and_what_may_be_fragmented_passes()
    {
        Needs.Namespaces("ovs-ofctl", "ping");
        using var lab = new TunnelLab();
        lab.AddFarEnd("vxlan", KernelVxlan);
        using HostedSwitch running = lab.Start(Key);
        Assert.Equal(3, lab.Ping(1, TunnelLab.Far, 3, "-M", "dont", "-s", "1472")); // 1500 bytes, cut outside
        string said = string.Empty;
        Eventually.True(
            () =>
            {
                CommandResult ping = lab.CabledHosts.Host(1).Execute("ping", "-n", "-c", "2", "-i", "0.1", "-W", "2", "-M", "do", "-s", "1472", TunnelLab.Far);
                said = ping.Output + ping.Error;
                return said.Replace("mtu=", "mtu = ", StringComparison.Ordinal).Contains("mtu = 1450", StringComparison.Ordinal);
            },
            () => said);
        Assert.Equal(3, lab.Ping(1, TunnelLab.Far, 3, "-M", "do", "-s", "1422"));
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

    /// <summary>What tcpdump says at the other end of a tagged frame sent here.</summary>
    private static string SendTagged(TunnelLab lab, int from, string device, int to, string toDevice)
    {
        using RunningCommand witness = lab.CabledHosts.Host(to).Start("tcpdump", "-i", toDevice, "-Q", "in", "-n", "-e", "--immediate-mode", "-c", "1", "vlan");
        witness.WaitForText("listening on", SwitchProgram.Patience);
        lab.CabledHosts.Host(from).Execute(
            "/usr/bin/python3", "-c",
            $"from scapy.all import *; sendp(Ether(src='02:00:00:00:00:0{from}',dst='02:00:00:00:00:0{to}')/Dot1Q(vlan=7,prio=3)/IP(dst='192.168.9.9')/UDP()/('x'*50), iface='{device}', verbose=0)").Checked();
        return witness.WaitForEnd(SwitchProgram.Patience).Checked().Output;
    }

    private static bool HasToldOfTunnel(RunningCommand monitor) =>
        monitor.Error.Contains("OFPT_PORT_STATUS", StringComparison.Ordinal) && monitor.Error.Contains(" 3(vxlan3)", StringComparison.Ordinal);

    private static bool IsDown(TunnelLab lab)
    {
        string show = lab.CabledHosts.Ofctl("show");
        return show[show.IndexOf(" 3(", StringComparison.Ordinal)..].Contains("LINK_DOWN", StringComparison.Ordinal);
    }
}
