using System.Text.Json;
using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests;

/// <summary>The whole switch on an emulated NetFPGA card whose wires are veths to hosts.</summary>
public sealed class NetFpgaTests : WithControlSocket
{
    private const int Hosts = 4;
    private const string Card = "emulator,wires=s1:s2:s3:s4";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Theory]
    [InlineData("off")]
    [InlineData("strict")]
    [InlineData("on")]
    [InlineData("all")]
    public void Four_hosts_talk_under_a_learning_controller(string offload)
    {
        Needs.Namespaces("ovs-ofctl", "ovs-testcontroller", "ping", "iperf3");
        using var lab = new CabledHosts(Hosts);
        using RunningCommand controller = lab.Inside.Start("ovs-testcontroller", "--unixctl=none", "ptcp:6653:127.0.0.1");
        using HostedSwitch running = lab.StartRun(
            "--netfpga", $"{Card},offload={offload}", "--listen", CabledHosts.Listen, "--controller", "tcp:127.0.0.1:6653");
        Assert.Contains($"card nf2c0: openflow_switch 1.0.4 by emulated card, layout 1.0, offload={offload}", running.Output, StringComparison.Ordinal);
        Assert.Contains("port 4: nf2c3: NetFPGA by emulated card: wire s4, AF_PACKET", running.Output, StringComparison.Ordinal);
        Eventually.True(() => lab.Ping(1, 2, count: 1) == 1, () => running.Output + running.Error);
        for (int from = 1; from <= Hosts; from++)
        {
            for (int to = 1; to <= Hosts; to++)
            {
                Assert.True(from == to || lab.Ping(from, to) == 3, $"{from} to {to}: {running.Output}{running.Error}");
            }
        }
        Assert.True(TcpThroughput(lab, 1, 3) > 0);
        Assert.True(TcpThroughput(lab, 4, 2) > 0);
    }

    [Fact]
    public void A_host_that_lies_about_a_header_length_puts_the_card_out_of_step_for_a_moment_only()
    {
        Needs.Namespaces("ovs-ofctl", "ping");
        using var lab = new CabledHosts(Hosts);
        using HostedSwitch running = lab.StartRun("--netfpga", Card, "--listen", CabledHosts.Listen);
        lab.Ofctl("add-flow", "priority=5,in_port=1,actions=output:2");
        lab.Ofctl("add-flow", "priority=5,in_port=2,actions=output:1");
        Eventually.True(() => lab.Ping(1, 2, count: 1) == 1, () => running.Output + running.Error);
        lab.Host(3).Execute(
            "python3", "-c",
            "import socket; s=socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(('eth0', 0)); "
            + "s.send(bytes.fromhex('020000000002020000000003' '0800' '4f00002e' '00000000' '4006' '0000' '0a000003' '0a000002') + bytes(26))").Checked();
        running.WaitForText("out of step");
        Eventually.True(() => lab.Ping(1, 2, count: 3) == 3, () => running.Output + running.Error);
        Assert.Equal(2, (running.Output + running.Error).Split("out of step").Length); // once
    }

    [Fact]
    public void A_wire_that_was_down_is_up_while_the_switch_runs()
    {
        Needs.Namespaces("ovs-ofctl", "ping");
        using var lab = new CabledHosts(2);
        lab.Inside.Execute("ip", "link", "set", "s1", "down").Checked();
        using (HostedSwitch running = lab.StartRun("--netfpga", "emulator,wires=s1:s2::", "--listen", CabledHosts.Listen))
        {
            lab.ConnectHosts1And2();
            Eventually.True(() => lab.Ping(1, 2, count: 1) == 1, () => running.Output + running.Error);
        }
        Assert.DoesNotContain(",UP", lab.Inside.Execute("ip", "link", "show", "s1").Checked().Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("emulator,wires=s1:nosuch::", "card 'emulator,wires=s1:nosuch::': wire nosuch: there is no interface nosuch")]
    [InlineData("emulator,trace=/nonexistent/file", "trace=/nonexistent/file: ")]
    [InlineData("nf2c0", "card 'nf2c0': nf2c0: there is neither an interface nf2c0 nor a device /dev/nf2c0")]
    public void A_bad_card_is_refused_with_the_reason(string card, string message)
    {
        Needs.Namespaces();
        using var lab = new CabledHosts(1);
        Assert.Contains(message, lab.Refusal("--netfpga", card), StringComparison.Ordinal);
    }

    /// <summary>No driver gives interfaces like these here: a file stands for the registers, and keeps what is written to it as no card does.</summary>
    [Fact]
    public void A_real_cards_interfaces_are_up_before_it_is_written_and_what_does_not_read_back_is_refused()
    {
        Needs.Namespaces();
        using var lab = new CabledHosts(Hosts);
        for (int port = 0; port < Hosts; port++)
        {
            lab.Inside.Execute("ip", "link", "set", $"s{port + 1}", "down").Checked();
            lab.Inside.Execute("ip", "link", "set", $"s{port + 1}", "name", $"nf2c{port}").Checked();
        }
        string file = Path.GetTempFileName();
        string trace = Path.GetTempFileName();
        try
        {
            using (FileStream registers = File.OpenWrite(file))
            {
                registers.SetLength(1 << 27);
                registers.Position = 0x400000;
                registers.Write(Convert.FromHexString("fe1f465ec9259743a1229a27536c5f85" + "00000000" + "04000100" + "00000000" + "6e65706f" + "776f6c66" + "6977735f" + "00686374"));
            }
            Assert.Contains("row 24 does not hold what was written", lab.Refusal("--netfpga", $"nf2c0,transport=pci:{file},trace={trace}"), StringComparison.Ordinal);
            Assert.Contains("W 00000008 00000100", File.ReadAllText(trace), StringComparison.Ordinal);
            Assert.DoesNotContain(",UP", lab.Inside.Execute("ip", "link", "show", "nf2c0").Checked().Output, StringComparison.Ordinal); // as it was found
        }
        finally
        {
            File.Delete(file);
            File.Delete(trace);
        }
    }

    [Fact]
    public void Ports_of_a_card_stay_while_the_switch_runs()
    {
        Needs.Namespaces();
        using var lab = new CabledHosts(2);
        using HostedSwitch running = lab.StartRun("--netfpga", "emulator,wires=s1:s2::", "--control", Control);
        CommandResult removed = lab.Start("port", "del", Target, "1").WaitForEnd(SwitchProgram.Patience);
        Assert.Contains("belongs to a NetFPGA card", removed.Error, StringComparison.Ordinal);
        CommandResult added = lab.Start("port", "add", Target, "9=nf2c9").WaitForEnd(SwitchProgram.Patience);
        Assert.Contains("has to be started with", added.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1.0")]
    [InlineData("0.9")]
    public void Flows_are_on_the_card_and_their_counters_are_right(string layout)
    {
        Needs.Namespaces("ovs-ofctl");
        using var lab = new CabledHosts(Hosts);
        using HostedSwitch running = lab.StartRun("--netfpga", $"{Card},layout={layout}", "--listen", CabledHosts.Listen, "--control", Control);
        lab.Ofctl("add-flow", "priority=5,dl_type=0x88b5,in_port=1,actions=output:2,output:3");
        lab.Ofctl("add-flow", "priority=5,dl_type=0x88b5,in_port=4,actions=CONTROLLER");
        SendNumbered(lab, 1, 200);
        Eventually.True(
            () => lab.Ofctl("dump-flows", "in_port=1").Contains("n_packets=200, n_bytes=20000", StringComparison.Ordinal),
            () => lab.Ofctl("dump-flows") + running.Error);
        CommandResult shown = lab.Start("netfpga", "show", Target).WaitForEnd(SwitchProgram.Patience).Checked();
        Assert.Contains("1 of 2 forwarded by the card", shown.Output, StringComparison.Ordinal);
        Assert.Contains("n_packets=200, n_bytes=20000", shown.Output, StringComparison.Ordinal);
        Assert.Contains($"layout: {layout}", shown.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("card nf2c0:", running.Error, StringComparison.Ordinal); // no trouble with it
    }

    private static double TcpThroughput(CabledHosts lab, int from, int to)
    {
        string said = Iperf.Run(lab.Host(from), lab.Host(to), $"10.0.0.{to}", "-J", "-n", "2M", "-w", "256K");
        double rate = JsonDocument.Parse(said).RootElement.GetProperty("end").GetProperty("sum_received").GetProperty("bits_per_second").GetDouble();
        TestContext.Current.TestOutputHelper?.WriteLine($"{from} to {to}: {rate / 1e6:f0} Mbit/s");
        return rate;
    }

    private static void SendNumbered(CabledHosts lab, int from, int count) => lab.Host(from).Execute(
        "python3", "-c",
        $"import socket; s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(('eth0', 0)); "
        + $"[s.send(b'\\x02\\0\\0\\0\\0\\x09\\x02\\0\\0\\0\\0\\x0{from}\\x88\\xb5' + bytes(86)) for _ in range({count})]").Checked();
}
