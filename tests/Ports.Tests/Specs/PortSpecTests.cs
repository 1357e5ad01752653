using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Opening;
using Softswitch.Ports.Specs;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.Specs;

public sealed class PortSpecTests
{
    private static PortSpec Parse(string text)
    {
        Assert.True(PortSpec.TryParse(text, out PortSpec? spec, out string? error), error);
        return spec;
    }

    [Theory]
    [InlineData("veth-a", null, PortKind.Interface, "veth-a")]
    [InlineData("1=veth-a", 1, PortKind.Interface, "veth-a")]
    [InlineData("65280=eth0.7", 65280, PortKind.Interface, "eth0.7")]
    [InlineData("2=packet:eth0", 2, PortKind.Packet, "eth0")]
    [InlineData("xdp:eth0", null, PortKind.Xdp, "eth0")]
    [InlineData("local=tap:sw0", 65534, PortKind.Tap, "sw0")]
    [InlineData("5=vhost-user:/run/vm 1.sock,server,queues=2", 5, PortKind.VhostUser, "/run/vm 1.sock")]
    [InlineData("replay:/tmp/a=b:c.pcap,once", null, PortKind.Replay, "/tmp/a=b:c.pcap")]
    [InlineData("3=pcap:out.pcap", 3, PortKind.Pcap, "out.pcap")]
    [InlineData("null:", null, PortKind.Null, "")]
    [InlineData("4=vxlan:local=10.0.0.1,remote=10.0.0.2,key=7", 4, PortKind.Vxlan, "")]
    [InlineData("gre:local=10.0.0.1,remote=10.0.0.2", null, PortKind.Gre, "")]
    [InlineData("nf2c0", null, PortKind.NetFpga, "nf2c0")]
    [InlineData("nf2c4", null, PortKind.NetFpga, "nf2c4")]
    [InlineData("nf2c01", null, PortKind.Interface, "nf2c01")]
    [InlineData("nf2cx", null, PortKind.Interface, "nf2cx")]
    [InlineData("pcaplib:eth0", null, PortKind.PcapLib, "eth0")]
    internal void Specifications_are_read(string text, int? number, PortKind kind, string target)
    {
        PortSpec spec = Parse(text);
        Assert.Equal(number, spec.Number);
        Assert.Equal(kind, spec.Kind);
        Assert.Equal(target, spec.Target);
        Assert.Equal(text, spec.ToString());
    }

    [Fact]
    public void Options_are_read()
    {
        Assert.Equal("7", Parse("vxlan:local=10.0.0.1,key=7").Options["key"]);
        Assert.Null(Parse("replay:f,once").Options["once"]);
        Assert.Equal(100_000_000, Parse("1=veth-a,rate=100M").Rate);
        Assert.Equal(1_500_000_000, Parse("null:,rate=1.5G").Rate);
        Assert.Equal(0, Parse("tap:a").Rate);
        Assert.Equal("1024", Parse("1=veth-a,rx-slots=1024").Options["rx-slots"]);
    }

    [Theory]
    [InlineData("", "port '': names no interface")]
    [InlineData("0=a", "port '0=a': 0 is not a port number (1 to 65280)")]
    [InlineData("65281=a", "port '65281=a': 65281 is not a port number (1 to 65280)")]
    [InlineData("99999999999=a", "port '99999999999=a': 99999999999 is not a port number (1 to 65280)")]
    [InlineData("1=", "port '1=': names no interface")]
    [InlineData("vhost-user:,queues=2", "port 'vhost-user:,queues=2': names no socket")]
    [InlineData("vhost-user:p,mode=x", "port 'vhost-user:p,mode=x': unknown option 'mode'; known are queues, rate, client, server")]
    [InlineData("replay:", "port 'replay:': names no file")]
    [InlineData("foo:/x", "port 'foo:/x': there is no kind of port 'foo:'; there are packet:, xdp:, tap:, vhost-user:, replay:, pcap:, null:, vxlan:, gre:, ipip:, capsulator:, pcaplib:, patch:, and names of interfaces")]
    [InlineData("packet:a/b", "port 'packet:a/b': 'a/b' cannot be an interface's name: that has up to 15 bytes, no slash and no blank")]
    [InlineData("sixteen-bytes-ab", "port 'sixteen-bytes-ab': 'sixteen-bytes-ab' cannot be an interface's name: that has up to 15 bytes, no slash and no blank")]
    [InlineData("null:x", "port 'null:x': null: takes no name")]
    [InlineData("a,colour=red", "port 'a,colour=red': unknown option 'colour'; known are rx-slots, tx-slots, offload, rate, address, gateway, route, neighbours")]
    [InlineData("tap:a,b=c", "port 'tap:a,b=c': unknown option 'b'; known are queues, rate, address, gateway, route, neighbours")]
    [InlineData("replay:f,once=1", "port 'replay:f,once=1': once takes no value")]
    [InlineData("a,rx-slots", "port 'a,rx-slots': rx-slots needs a value (rx-slots=...)")]
    [InlineData("a,rate", "port 'a,rate': rate needs a value (rate=...)")]
    [InlineData("a,rate=fast", "port 'a,rate=fast': rate=fast: is not a rate in bit/s such as 10M (k, M or G; at least 1k)")]
    [InlineData("a,rate=0", "port 'a,rate=0': rate=0: is not a rate in bit/s such as 10M (k, M or G; at least 1k)")]
    [InlineData("a,rx-slots=64,rx-slots=64", "port 'a,rx-slots=64,rx-slots=64': rx-slots is given twice")]
    public void What_cannot_be_meant_is_refused_with_the_reason(string text, string message)
    {
        Assert.False(PortSpec.TryParse(text, out PortSpec? spec, out string? error));
        Assert.Null(spec);
        Assert.Equal(message, error);
    }

    [Theory]
    [InlineData("xdp:no-such-if", "port 'xdp:no-such-if': there is no interface no-such-if (SIOCGIFINDEX: No such device)")]
    [InlineData("xdp:a,queues=0", "port 'xdp:a,queues=0': queues=0: is not a number from 1 to 256")]
    [InlineData("tap:a,queues=many", "port 'tap:a,queues=many': queues=many: is not a number from 1 to 256")]
    [InlineData("xdp:a,mode=fast", "port 'xdp:a,mode=fast': mode=fast: is neither native nor generic")]
    [InlineData("xdp:a,rx-slots=100", "port 'xdp:a,rx-slots=100': rx-slots=100: a ring has a power of two from 32 to 65536 slots")]
    [InlineData("vxlan:local=1.2.3.4", "port 'vxlan:local=1.2.3.4': vxlan: works only as a port of a switch")]
    [InlineData("nf2c1", "port 'nf2c1': is a port of a NetFPGA card, which the switch has to be started with (--netfpga)")]
#if WITH_SHARPPCAP
    [InlineData("pcaplib:no-such-if", "port 'pcaplib:no-such-if': there is no interface no-such-if (SIOCGIFINDEX: No such device)")]
#else
    [InlineData("pcaplib:a", "port 'pcaplib:a': SharpPcap is not in this build: docs/ports.md says how to build with it (WithSharpPcap=true); packet:a needs no such build")]
#endif
    [InlineData("a,rx-slots=100", "port 'a,rx-slots=100': rx-slots=100: a ring has a power of two from 32 to 65536 slots")]
    [InlineData("no-such-if", "port 'no-such-if': there is no interface no-such-if (SIOCGIFINDEX: No such device)")]
    public void What_cannot_be_opened_is_one_clear_line(string text, string message)
    {
        using var pool = new FramePool(64);
        Assert.Equal(message, Assert.Throws<PortException>(() => PortFactory.Open(Parse(text), pool)).Message);
    }

    [Trait("Ring", "peers")]
    [Fact]
    public void Af_xdp_ports_take_frames_from_the_pool_for_each_queue_and_others_take_none()
    {
        Needs.Namespaces();
        using var space = new LabNode("spec");
        space.Execute("ip", "link", "add", "name", "a", "type", "veth").Checked();
        space.Execute("ip", "link", "add", "wide", "numrxqueues", "2", "numtxqueues", "2", "type", "veth").Checked();
        int Taken(string text) => space.Run(() => PortFactory.FramesTakenBy(Parse(text)));
        Assert.Equal(4096 + 2048, Taken("xdp:a"));
        Assert.Equal(64 + 2048, Taken("xdp:a,rx-slots=64"));
        Assert.Equal(2 * (64 + 2048), Taken("xdp:wide,rx-slots=64"));
        Assert.Equal(0, Taken("a"));
        Assert.Equal(0, Taken("packet:a,rx-slots=64"));
        Assert.Equal(3 * (64 + 2048), Taken("xdp:absent,rx-slots=64,queues=3"));
        Assert.Equal(0, Taken("absent"));
    }

    [Fact]
    public void Files_and_null_are_opened()
    {
        using var pool = new FramePool(64);
        string path = Path.GetTempFileName();
        using (IPortDevice device = PortFactory.Open(Parse($"pcap:{path}"), pool))
        {
            Assert.False(device.TakesOffloads);
        }
        PortException e = Assert.Throws<PortException>(() => PortFactory.Open(Parse($"replay:{path}"), pool));
        Assert.Equal($"port 'replay:{path}': {path}: at offset 24: the capture holds no frames", e.Message);
        using IPortDevice nothing = PortFactory.Open(Parse("5=null:"), pool);
        Assert.Equal("null5", nothing.Name);
        File.Delete(path);
    }
}
