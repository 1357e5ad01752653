using Softswitch.Datapath.Control;
using Softswitch.Datapath.Ports;
using Softswitch.Datapath.SpanningTree;
using Softswitch.Hosting.Configuration;
using Softswitch.OfAgent.Agent;
using Softswitch.OfAgent.Connections;

namespace Softswitch.Hosting.Tests.Configuration;

public sealed class SwitchOptionsReaderTests
{
    [Fact]
    public void Ports_keep_their_numbers_and_the_others_take_the_lowest_free_ones()
    {
        SwitchOptions options = Read(("port", "eth0"), ("port", "2=tap:vm0"), ("port", "replay:/a=b,once"), ("port", "local=tap:sw"), ("port", "null:"));
        Assert.Equal(
            [(1, "eth0"), (2, "2=tap:vm0"), (3, "replay:/a=b,once"), (PortNumber.Local, "local=tap:sw"), (4, "null:")],
            options.Ports.Select(port => ((int)port.Number, port.Spec.Text)));
    }

    [Fact]
    public void A_cards_interfaces_are_ports_and_come_before_those_that_want_no_number()
    {
        SwitchOptions options = Read(("port", "eth0"), ("port", "2=eth1"), ("netfpga", "emulator"));
        Assert.Equal(
            [(1, "nf2c0"), (3, "nf2c1"), (4, "nf2c2"), (5, "nf2c3"), (6, "eth0"), (2, "2=eth1")],
            options.Ports.Select(port => ((int)port.Number, port.Spec.Text)));
        Assert.Equal(0, Assert.Single(options.Cards).FirstInterface);
    }

    [Fact]
    public void A_cards_interface_may_be_given_as_a_port_with_number_and_options()
    {
        SwitchOptions options = Read(("port", "7=nf2c1,rate=100M"), ("port", "nf2c0,rate=1G"), ("netfpga", "nf2c0"));
        Assert.Equal(
            [(1, "nf2c0,rate=1G"), (7, "7=nf2c1,rate=100M"), (2, "nf2c2"), (3, "nf2c3")],
            options.Ports.Select(port => ((int)port.Number, port.Spec.Text)));
    }

    [Fact]
    public void Emulated_cards_take_the_names_that_real_ones_leave()
    {
        SwitchOptions options = Read(("netfpga", "emulator"), ("netfpga", "nf2c0"), ("netfpga", "emulator"));
        Assert.Equal([4, 0, 8], options.Cards.Select(card => card.FirstInterface));
        Assert.Equal("nf2c11", options.Ports[^1].Spec.Text);
        Assert.Equal(12, options.Ports[^1].Number);
    }

    [Theory]
    [InlineData("nf2c0,layout=7", "eth0", "card 'nf2c0,layout=7': layout=7: is none of auto, 1.0 and 0.9")]
    [InlineData("nf2c4", "nf2c0", "--port: 'nf2c0': is a port of a NetFPGA card, which has to be given, too: --netfpga nf2c0, or --netfpga emulator")]
    [InlineData("nf2c0", "local=nf2c0", "--port: 'local=nf2c0': a card's port cannot be LOCAL")]
    public void A_card_that_is_wrong_or_missing_is_named(string card, string port, string expected)
    {
        Assert.Contains(expected, Assert.Throws<OptionException>(() => Read(("netfpga", card), ("port", port))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_two_cards_cannot_share_is_named()
    {
        Assert.Equal("--netfpga: 'nf2c0': the card is given twice", Assert.Throws<OptionException>(() => Read(("netfpga", "nf2c0"), ("netfpga", "nf2c0"))).Message);
        Assert.Equal(
            "--netfpga: 'emulator,wires=:::a': wire a belongs to 'emulator,wires=a:::'",
            Assert.Throws<OptionException>(() => Read(("netfpga", "emulator,wires=a:::"), ("netfpga", "emulator,wires=:::a"))).Message);
        Assert.Equal(
            "--netfpga: 'nf2c0,trace=/tmp/../tmp/a': trace /tmp/a belongs to 'emulator,trace=/tmp/a'",
            Assert.Throws<OptionException>(() => Read(("netfpga", "emulator,trace=/tmp/a"), ("netfpga", "nf2c0,trace=/tmp/../tmp/a"))).Message);
        Assert.Equal(
            "--port: '2=nf2c1': the interface belongs to '1=nf2c1'",
            Assert.Throws<OptionException>(() => Read(("netfpga", "nf2c0"), ("port", "1=nf2c1"), ("port", "2=nf2c1"))).Message);
    }

    [Fact]
    public void Everything_has_a_default_but_the_ports()
    {
        SwitchOptions options = Read(("port", "eth0"));
        Assert.Null(options.DatapathId);
        Assert.Empty(options.Agent.Controllers);
        Assert.Empty(options.Agent.Listeners);
        Assert.Equal(FailMode.Secure, options.Agent.FailMode);
        Assert.Equal(1, options.Datapath.Workers);
        Assert.Null(options.Datapath.SpanningTree);
        Assert.False(options.InBand);
        Assert.Equal("--port: at least one is needed, such as --port 1=eth1", Assert.Throws<OptionException>(() => Read()).Message);
    }

    [Fact]
    public void Values_are_read_and_those_that_may_come_once_come_once()
    {
        SwitchOptions options = Read(
            ("port", "eth0"), ("datapath-id", "0000000000000042"), ("fail-mode", "standalone"), ("workers", "3"),
            ("port", "local=tap:of0"), ("in-band", "true"), ("controller", "tcp:[::1]:6633"), ("controller", "tcp:host"), ("listen", "ptcp:6654"), ("listen", "ptcp:0"), ("listen", "ptcp::10.0.0.1"));
        Assert.Equal(0x42UL, options.DatapathId);
        Assert.Equal(FailMode.Standalone, options.Agent.FailMode);
        Assert.Equal(3, options.Datapath.Workers);
        Assert.True(options.InBand);
        Assert.Equal([("::1", 6633), ("host", ConnectionTarget.DefaultPort)], options.Agent.Controllers.Select(c => (c.Host, c.Port)));
        Assert.Equal(
            "--workers: is given more than once: '2' and '3'",
            Assert.Throws<OptionException>(() => Read(("port", "eth0"), ("workers", "2"), ("workers", "3"))).Message);
        Assert.Equal([("", 6654), ("", 0), ("10.0.0.1", ConnectionTarget.DefaultPort)], options.Agent.Listeners.Select(c => (c.Host, c.Port)));
    }

    [Fact]
    public void Commands_are_taken_at_a_unix_socket_of_their_own()
    {
        Assert.Null(Read(("port", "eth0")).Control);
        Assert.Equal("punix:/run/sw", Read(("port", "eth0"), ("control", "punix:/run/sw")).Control?.ToString());
        foreach (string wrong in (string[])["ptcp:6654", "unix:/run/sw", "/run/sw", "punix:"])
        {
            Assert.Equal($"--control: '{wrong}' is not punix:PATH", Assert.Throws<OptionException>(() => Read(("port", "eth0"), ("control", wrong))).Message);
        }
        Assert.Equal(
            "--control: 'punix:/run/sw' is where --listen listens",
            Assert.Throws<OptionException>(() => Read(("port", "eth0"), ("control", "punix:/run/sw"), ("listen", "punix:/run/sw"))).Message);
    }

    [Fact]
    public void Buffers_actions_and_the_emergency_table_have_sizes_and_times()
    {
        SwitchOptions options = Read(
            ("port", "eth0"), ("buffers", "4096"), ("buffer-timeout", "60"), ("action-memory", "4096"), ("emergency-flows", "0"), ("emergency-attempts", "0"));
        DatapathOptions datapath = options.Datapath;
        Assert.Equal((4096, TimeSpan.FromSeconds(60), 4096, 0, 0), (datapath.BufferCount, datapath.BufferTimeout, (int)(datapath.ActionMemory >> 20), datapath.MaxEmergencyEntries, options.Agent.EmergencyAttempts));
        Assert.Equal(new DatapathOptions(), Read(("port", "eth0")).Datapath);
        Assert.Equal(0, Read(("port", "eth0"), ("buffers", "0")).Datapath.BufferCount);
    }

    [Fact]
    public void Spanning_tree_is_as_the_standard_has_it_unless_told_otherwise()
    {
        Assert.Equal(new SpanningTreeOptions(), Read(("port", "eth0"), ("stp", "true")).Datapath.SpanningTree);
        Assert.Null(Read(("port", "eth0"), ("stp", "false"), ("stp-priority", "1")).Datapath.SpanningTree);
        Assert.Equal(
            new SpanningTreeOptions { Priority = 4096, HelloSeconds = 1, MaxAgeSeconds = 6, ForwardDelaySeconds = 4 },
            Read(("port", "eth0"), ("stp", "true"), ("stp-priority", "4096"), ("stp-hello", "1"), ("stp-max-age", "6"), ("stp-forward-delay", "4")).Datapath.SpanningTree);
    }

    [Theory]
    [InlineData("port", "0=eth1", "port '0=eth1': 0 is not a port number (1 to 65280)")]
    [InlineData("port", "65281=eth1", "port '65281=eth1': 65281 is not a port number (1 to 65280)")]
    [InlineData("port", "1=eth1", "--port: '1=eth1': the number belongs to '1=eth0'")]
    [InlineData("port", "2=", "port '2=': names no interface")]
    [InlineData("port", "2=null:,fast", "port '2=null:,fast': unknown option 'fast'; known are rate")]
    [InlineData("port", "2=a,address=10.0.0.1", "port '2=a,address=10.0.0.1': address=10.0.0.1: is not a host's IPv4 address with its prefix length, such as 10.0.0.1/24")]
    [InlineData(
        "port", "2=vxlan:local=10.0.0.1,remote=10.0.0.2",
        "port '2=vxlan:local=10.0.0.1,remote=10.0.0.2': local=10.0.0.1: no port has this address=; give it to the port that the tunnel travels by")]
    [InlineData("port", "2=gre:local=10.0.0.1,remote=10.0.0.2,via=1", "port '2=gre:local=10.0.0.1,remote=10.0.0.2,via=1': via=1: there is no such port with an address=")]
    [InlineData("port", "2=gre:local=10.0.0.1", "port '2=gre:local=10.0.0.1': remote= is missing")]
    [InlineData("port", "2=packet:eth0", "--port: '2=packet:eth0': the interface belongs to '1=eth0'")]
    [InlineData("state", "", "--state: '' is the name of no folder")]
    [InlineData("datapath-id", "00000000000000042", "--datapath-id: '00000000000000042' is not a number of up to 16 hexadecimal digits")]
    [InlineData("datapath-id", "", "--datapath-id: '' is not a number of up to 16 hexadecimal digits")]
    [InlineData("controller", "udp:host:1", "--controller: 'udp:host:1' is neither tcp:HOST[:PORT], ssl:HOST[:PORT] or unix:PATH nor ptcp:[PORT][:HOST], pssl:[PORT][:HOST] or punix:PATH")]
    [InlineData("controller", "ptcp:6633", "--controller: 'ptcp:6633' is not tcp:HOST[:PORT], ssl:HOST[:PORT] or unix:PATH")]
    [InlineData("controller", "tcp:host:0", "--controller: 'tcp:host:0': a port is a number from 1 to 65535")]
    [InlineData("listen", "tcp:6654", "--listen: 'tcp:6654' is not ptcp:[PORT][:HOST], pssl:[PORT][:HOST] or punix:PATH")]
    [InlineData("listen", "ptcp:65536", "--listen: 'ptcp:65536': a port is a number from 0 to 65535, 0 for any")]
    [InlineData("controller", "ssl:host", "--private-key: is needed for ssl:host:6653")]
    [InlineData("listen", "pssl:", "--private-key: is needed for pssl:6653")]
    [InlineData("fail-mode", "open", "--fail-mode: 'open' is neither standalone nor secure")]
    [InlineData("in-band", "yes", "--in-band: 'yes' is neither true nor false")]
    [InlineData("in-band", "true", "--in-band: there is no port LOCAL behind which the host's network stack would be; add --port local=tap:NAME")]
    [InlineData("packet-in-rate", "-1", "--packet-in-rate: '-1' is not a number from 0 to 100000000")]
    [InlineData("packet-in-burst", "0", "--packet-in-burst: '0' is not a number from 1 to 100000000")]
    [InlineData("buffers", "-1", "--buffers: '-1' is not a number from 0 to 4096")]
    [InlineData("buffers", "4097", "--buffers: '4097' is not a number from 0 to 4096")]
    [InlineData("buffer-timeout", "1.5", "--buffer-timeout: '1.5' is not a number from 1 to 3600")]
    [InlineData("action-memory", "0", "--action-memory: '0' is not a number from 1 to 4096")]
    [InlineData("emergency-flows", "65537", "--emergency-flows: '65537' is not a number from 0 to 65536")]
    [InlineData("emergency-attempts", "-1", "--emergency-attempts: '-1' is not a number from 0 to 1000")]
    [InlineData("idle", "no", "--idle: 'no' is neither adaptive nor spin")]
    [InlineData("frames", "1023", "--frames: '1023' is not a number from 1024 to 1048576")]
    [InlineData("frame-size", "3000", "--frame-size: '3000' is neither 2048 nor 4096")]
    [InlineData("cpus", "1,x", "--cpus: 'x' is not the number of a processor")]
    [InlineData("cpus", "1024", "--cpus: '1024' is not the number of a processor")]
    [InlineData("cpus", "0,1", "--cpus: '0,1' does not name a processor of its own for each worker, of which there is 1")]
    [InlineData("workers", "65", "--workers: '65' is not a number from 1 to 64")]
    [InlineData("stp", "yes", "--stp: 'yes' is neither true nor false")]
    [InlineData("stp-priority", "65536", "--stp-priority: '65536' is not a number from 0 to 65535")]
    [InlineData("stp-hello", "0", "--stp-hello: '0' is not a number from 1 to 10")]
    [InlineData("stp-max-age", "41", "--stp-max-age: '41' is not a number from 6 to 40")]
    [InlineData("stp-forward-delay", "3", "--stp-forward-delay: '3' is not a number from 4 to 30")]
    [InlineData(
        "stp-forward-delay", "4",
        "--stp-forward-delay: 2 s hello, 20 s maximum age, 4 s forward delay: the maximum age is at most twice (forward delay - 1 s)")]
    [InlineData("stp-hello", "10", "--stp-hello: 10 s hello, 20 s maximum age, 15 s forward delay: the maximum age is at least twice (hello time + 1 s)")]
    public void What_is_wrong_is_named_with_its_reason(string key, string value, string line)
    {
        Assert.Equal(line, Assert.Throws<OptionException>(() => Read(("port", "1=eth0"), (key, value))).Message);
    }

    [Theory]
    [InlineData("local=packet:s1", "ptcp:", "'local=packet:s1' is no TAP device, behind which the host's network stack would be; use local=tap:NAME")]
    [InlineData("local=tap:of0", "punix:/tmp/x", "there is neither a --controller nor a --listen over TCP or TLS")]
    public void In_band_control_needs_a_tap_device_and_what_connects_through_it(string port, string listen, string reason) => Assert.Equal(
        $"--in-band: {reason}", Assert.Throws<OptionException>(() => Read(("port", port), ("listen", listen), ("in-band", "true"))).Message);

    [Fact]
    public void Tls_takes_a_key_a_certificate_and_one_ca()
    {
        SwitchOptions options = Read(
            ("port", "eth0"), ("controller", "ssl:host"), ("private-key", "key.pem"), ("certificate", "cert.pem"), ("ca-cert", "ca.pem"));
        Assert.Equal(new TlsFiles("key.pem", "cert.pem", "ca.pem"), options.Tls);
        options = Read(
            ("port", "eth0"), ("listen", "pssl:"), ("private-key", "key.pem"), ("certificate", "cert.pem"), ("bootstrap-ca-cert", "new.pem"));
        Assert.Equal(new TlsFiles("key.pem", "cert.pem", "new.pem", Bootstrap: true), options.Tls);

        Assert.Null(Read(("port", "eth0"), ("private-key", "key.pem")).Tls);
        Assert.Equal(
            "--bootstrap-ca-cert: --ca-cert is given, too; one of them says whom to trust",
            Assert.Throws<OptionException>(() => Read(("port", "eth0"), ("ca-cert", "a"), ("bootstrap-ca-cert", "b"))).Message);
    }

    [Fact]
    public void Workers_sleep_when_idle_unless_told_to_spin()
    {
        Assert.False(Read(("port", "eth0")).SpinsWhenIdle);
        Assert.False(Read(("port", "eth0"), ("idle", "adaptive")).SpinsWhenIdle);
        Assert.True(Read(("port", "eth0"), ("idle", "spin")).SpinsWhenIdle);
    }

    [Fact]
    public void Buffers_take_at_most_a_quarter_of_the_frames()
    {
        SwitchOptions options = Read(("port", "eth0"), ("frames", "1024"), ("buffers", "256"));
        Assert.Equal((1024, 256), (options.Datapath.FrameCount, options.Datapath.BufferCount));
        Assert.Equal(
            "--buffers: '257' is more than a quarter of the 1024 frames",
            Assert.Throws<OptionException>(() => Read(("port", "eth0"), ("frames", "1024"), ("buffers", "257"))).Message);
    }

    [Fact]
    public void A_tunnel_travels_by_a_port_that_has_its_local_address()
    {
        Assert.Equal(3, Read(("port", "3=vxlan:local=10.0.0.1,remote=10.0.0.2,via=2"), ("port", "eth0"), ("port", "2=eth1,address=10.0.0.1/24")).Ports.Count);
        Assert.Equal(
            "port '3=vxlan:local=10.0.0.9,remote=10.0.0.2,via=2': local=10.0.0.9: is no address= of port 2",
            Assert.Throws<OptionException>(() => Read(("port", "3=vxlan:local=10.0.0.9,remote=10.0.0.2,via=2"), ("port", "2=eth1,address=10.0.0.1/24"))).Message);
    }

    [Fact]
    public void Each_wrong_option_has_a_line_of_its_own()
    {
        OptionException refusal = Assert.Throws<OptionException>(() => Read(("port", "0=eth0"), ("workers", "none"), ("controller", "tcp:a"), ("controller", "tcp:a:6653")));
        string[] lines = refusal.Message.Split('\n');
        Assert.Equal(3, lines.Length);
        Assert.Contains("--controller: 'tcp:a:6653' is given twice", lines);
    }

    private static SwitchOptions Read(params (string Key, string Value)[] settings) =>
        SwitchOptionsReader.Read([.. settings.Select(setting => new Setting(setting.Key, setting.Value, $"--{setting.Key}"))]);
}
