using Softswitch.Ports.Specs;
using Softswitch.Ports.Tunnels.Settings;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.Tunnels;

public sealed class TunnelOptionsTests
{
    [Fact]
    public void Options_have_the_defaults_the_documentation_states()
    {
        TunnelOptions options = TunnelOptions.Read(TunnelHost.Spec("vxlan:local=10.0.0.1,remote=10.0.0.2"));
        Assert.Equal(
            (TunnelKind.Vxlan, (uint?)0, (ushort)4789, (byte)64, (byte?)0, true, false, OversizePolicy.Icmp),
            (options.Kind, options.Key, options.Port, options.Ttl, options.Tos, options.DontFragment, options.Checksum, options.Oversize));
        Assert.Null(TunnelOptions.Read(TunnelHost.Spec("gre:local=10.0.0.1,remote=10.0.0.2")).Key);
        TunnelOptions flow = TunnelOptions.Read(TunnelHost.Spec("gre:local=10.0.0.1,remote=flow"));
        Assert.True(flow.IsKeyByFlow);
        Assert.Null(flow.Remote);
        Assert.Equal(7u, TunnelOptions.Read(TunnelHost.Spec("vxlan:local=10.0.0.1,remote=flow,key=7")).Key);
    }

    [Theory]
    [InlineData("vxlan:remote=10.0.0.2", "local= is missing")]
    [InlineData("vxlan:local=10.0.0.1", "remote= is missing")]
    [InlineData("vxlan:local=10.0.0,remote=10.0.0.2", "local=10.0.0: is not a host's IPv4 address")]
    [InlineData("vxlan:local=10.0.0.1,remote=224.0.0.1", "remote=224.0.0.1: is not a host's IPv4 address")]
    [InlineData("vxlan:local=10.0.0.1,remote=10.0.0.1", "remote=10.0.0.1: is the same as local")]
    [InlineData("vxlan:local=10.0.0.1,remote=10.0.0.2,key=16777216", "key=16777216: is not a number from 0 to 16777215")]
    [InlineData("gre:local=10.0.0.1,remote=10.0.0.2,key=-1", "key=-1: is not a number from 0 to 4294967295")]
    [InlineData("vxlan:local=10.0.0.1,remote=10.0.0.2,ttl=0", "ttl=0: is not a number from 1 to 255")]
    [InlineData("vxlan:local=10.0.0.1,remote=10.0.0.2,tos=1", "tos=1: has the ECN bits set, which are the inner packet's")]
    [InlineData("vxlan:local=10.0.0.1,remote=10.0.0.2,df=yes", "df=yes: is neither on nor off")]
    [InlineData("vxlan:local=10.0.0.1,remote=10.0.0.2,mtu=1400", "mtu=1400: is none of icmp, fragment and drop")]
    [InlineData("vxlan:local=10.0.0.1,remote=10.0.0.2,remote-mac=ff:ff:ff:ff:ff:ff", "remote-mac=ff:ff:ff:ff:ff:ff: is not a station's Ethernet address, such as 02:00:00:00:00:01")]
    public void What_cannot_be_meant_is_refused_with_the_reason(string spec, string reason)
    {
        PortException e = Assert.Throws<PortException>(() => TunnelOptions.Read(TunnelHost.Spec(spec)));
        Assert.Equal($"port '{spec}': {reason}", e.Message);
    }

    [Theory]
    [InlineData("ipip:local=10.0.0.1,remote=10.0.0.2,key=1")]
    [InlineData("gre:local=10.0.0.1,remote=10.0.0.2,port=1")]
    [InlineData("null:,address=10.0.0.1/24")]
    public void Options_of_another_kind_are_unknown(string spec)
    {
        Assert.False(PortSpec.TryParse(spec, out _, out string? error));
        Assert.Contains("unknown option", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a,address=10.0.0.1", "address=10.0.0.1: is not a host's IPv4 address with its prefix length, such as 10.0.0.1/24")]
    [InlineData("a,address=10.0.0.1/33", "address=10.0.0.1/33: is not a host's IPv4 address with its prefix length, such as 10.0.0.1/24")]
    [InlineData("a,address=10.0.0.1/24,gateway=10.0.1.1", "gateway=10.0.1.1: is on none of the networks of address=")]
    [InlineData("a,address=10.0.0.1/24,gateway=10.0.0.1", "gateway=10.0.0.1: is an address of the port itself")]
    [InlineData("a,address=10.0.0.1/24,route=10.1.0.0/16", "route=10.1.0.0/16: is not a network and its next hop, such as 192.0.2.0/24@10.0.0.254")]
    [InlineData("a,gateway=10.0.0.1", "gateway=10.0.0.1: has no use without address=")]
    public void An_underlays_addresses_and_routes_are_checked(string spec, string reason)
    {
        PortException e = Assert.Throws<PortException>(() => UnderlayOptions.Read(TunnelHost.Spec(spec)));
        Assert.Equal($"port '{spec}': {reason}", e.Message);
    }

    [Fact]
    public void Addresses_and_routes_may_be_several()
    {
        UnderlayOptions options = UnderlayOptions.Read(TunnelHost.Spec("xdp:a,address=10.0.0.1/24,route=10.9.0.0/16@10.0.0.3,address=10.1.0.1/8,route=10.8.0.0/16@10.0.0.3"))!;
        Assert.Equal(["10.0.0.1/24", "10.1.0.1/8"], options.Addresses.Select(address => address.ToString()));
        Assert.Equal(2, options.Routes.Count);
        Assert.Null(UnderlayOptions.Read(TunnelHost.Spec("a")));
    }
}
