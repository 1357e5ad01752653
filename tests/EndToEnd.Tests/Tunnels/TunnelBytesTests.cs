using Softswitch.Datapath.Headers;
using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests.Tunnels;

/// <summary>What leaves by the underlay as tcpdump reads it, and what Scapy wraps as it comes out.</summary>
public sealed class TunnelBytesTests
{
    private const string Inner = "Ether(src='02:00:00:00:00:01',dst='02:00:00:00:00:77')/IP(src='192.168.9.1',dst='192.168.9.2',ttl=9)/UDP(sport=1000,dport=2000)/('x'*30)";

    [Theory]
    [InlineData("ipip:", "ip proto 4", "IPIP", "192.168.9.1.1000 > 192.168.9.2.2000: [udp sum ok]")]
    [InlineData("gre:", "ip proto 47", "GREv0, Flags [none], proto TEB (0x6558)", "192.168.9.1.1000 > 192.168.9.2.2000: [udp sum ok]")]
    [InlineData("gre:key=42,csum=on,", "ip proto 47", "Flags [checksum present, key present]", "key=0x2a")]
    [InlineData("vxlan:key=42,csum=on,", "udp port 4789", "VXLAN, flags [I] (0x08), vni 42", "[udp sum ok]")]
    [InlineData("capsulator:key=42,", "ip proto 245", "proto unknown (245)", "10.0.0.100 > 10.0.0.2")]
    public void Tcpdump_reads_what_was_meant(string tunnel, string filter, params string[] words)
    {
        Needs.Namespaces("ovs-ofctl", "tcpdump");
        Needs.Scapy();
        using var lab = new TunnelLab();
        lab.CabledHosts.Host(1).Execute("ethtool", "-K", "eth0", "tx", "off");
        using HostedSwitch running = lab.Start(tunnel);
        using Witness witness = Witness.At(lab.CabledHosts.Host(2), filter, packets: 1);
        lab.CabledHosts.SendFrame(1, Inner);
        string seen = witness.WaitForEnd();
        Assert.All(words, word => Assert.Contains(word, seen, StringComparison.Ordinal));
        Assert.DoesNotContain("bad cksum", seen, StringComparison.Ordinal);
        if (tunnel == "ipip:")
        {
            Assert.Contains("ttl 9", seen, StringComparison.Ordinal); // untouched inside
        }
    }

    [Theory]
    [InlineData("ipip:inner-dst=02:00:00:00:00:77,", "/Inner[IP]")]
    [InlineData("gre:key=42,", "/GRE(proto=0x6558,key_present=1,key=42)/Inner")]
    [InlineData("vxlan:key=42,", "/UDP(sport=5555,dport=4789)/VXLAN(vni=42,flags=8)/Inner")]
    [InlineData("capsulator:key=42,", "/Raw(bytes([0,0,0,42])+bytes(Inner))", 245)]
    public void What_scapy_wraps_comes_out(string tunnel, string wrapped, int protocol = 0)
    {
        Needs.Namespaces("ovs-ofctl", "tcpdump");
        Needs.Scapy();
        using var lab = new TunnelLab();
        using HostedSwitch running = lab.Start(tunnel);
        MacAddress address = lab.CabledHosts.Inside.Links.FindLink("s2")!.HardwareAddress;
        using Witness witness = Witness.At(lab.CabledHosts.Host(1), "udp port 2000", packets: 1);
        string outer = $"Ether(dst='{address}')/IP(src='10.0.0.2',dst='{TunnelLab.Underlay}'{(protocol == 0 ? string.Empty : $",proto={protocol}")})";
        lab.CabledHosts.SendFrame(2, outer + wrapped.Replace("Inner", $"({Inner})", StringComparison.Ordinal));
        string seen = witness.WaitForEnd();
        Assert.Contains("> 02:00:00:00:00:77", seen, StringComparison.Ordinal);
        Assert.Contains("192.168.9.1.1000 > 192.168.9.2.2000: [udp sum ok]", seen, StringComparison.Ordinal);
    }
}
