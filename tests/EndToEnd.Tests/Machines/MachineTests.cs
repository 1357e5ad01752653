using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Lab.Machines;
using Softswitch.Lab.Measures;
using Softswitch.Testing;
using static Softswitch.Lab.AddressLiterals;
using UdpStream = Softswitch.Lab.Measures.UdpStream;

namespace Softswitch.EndToEnd.Tests.Machines;

/// <summary>The lab's virtual machines on a switch of the lab.</summary>
[Trait("Ring", "all")]
public sealed class MachineTests
{
    private const ushort Port = 5000;

    /// <summary>A card that does not announce itself is announced by QEMU: by RARP, which a vhost-user port is asked to send.</summary>
    [Theory]
    [InlineData("Tap", "", "arp,arp_op=1,arp_spa=10.0.0.2,arp_tpa=10.0.0.2")]
    [InlineData("VhostUser", "guest_announce=off", "dl_type=0x8035,dl_src=02:00:00:00:00:02")]
    public void A_machine_that_migrates_live_keeps_its_sessions_and_is_announced(string cable, string cardOptions, string announcement)
    {
        NeedsMachines();
        using var lab = new Testbed(line => TestContext.Current.SendDiagnosticMessage(line));
        LabSwitch left = lab.Add(new LabSwitch("s1", 1), 0, 0);
        LabSwitch right = lab.Add(new LabSwitch("s2", 2), 1, 0);
        LabHost host = lab.Add(LabHost.Numbered(1), 0, 1);
        LabMachine machine = lab.Add(Of(Enum.Parse<MachineCable>(cable), cardOptions), 1, 1);
        lab.Connect(left, 1, right, 1);
        lab.Connect(host, left, 2);
        lab.Connect(machine, left, 3);
        lab.Connect(machine, right, 3);
        lab.Start(left);
        lab.Start(right);
        CabledHosts.Ofctl(left, "add-flow", "actions=normal");
        CabledHosts.Ofctl(right, "add-flow", "actions=normal");
        CabledHosts.Ofctl(right, "add-flow", $"priority=40000,in_port=3,{announcement},actions=normal");
        machine.Start();

        using PingStream pings = PingStream.Start(host, machine, perSecond: 100);
        using TcpStream tcp = TcpStream.Start(host, machine, Port, bytesPerSecond: 1e6);
        using UdpStream udp = UdpStream.Start(host, machine, Port, perSecond: 50);
        AwaitProgress(pings, udp);
        machine.Prepare(1);
        End(machine.ControlAt(1));
        Assert.Throws<TestbedException>(() => machine.MoveTo(1));
        AwaitProgress(pings, udp);
        Assert.Equal(0, machine.Current);
        MigrationFigures figures = machine.MoveTo(1)!;
        AwaitProgress(pings, udp);
        StreamSummary pinged = pings.Stop();
        TcpSummary connection = tcp.Stop();
        StreamSummary datagrams = udp.Stop();
        TestContext.Current.TestOutputHelper!.WriteLine($"{figures}\npings: {pinged}\nUDP: {datagrams}\nTCP: {connection}");
        Assert.Equal((0L, null), (connection.WrongBytes, connection.Failure));
        Assert.True(CabledHosts.Number(CabledHosts.Line(CabledHosts.Ofctl(right, "dump-flows"), "in_port=3"), "n_packets") > 0);
    }

    [Fact]
    public void Two_machines_exchange_TCP_by_TAP_devices_one_of_several_queues()
    {
        NeedsMachines();
        Needs.Program("iperf3");
        using var lab = new Testbed(line => TestContext.Current.SendDiagnosticMessage(line));
        LabSwitch device = lab.Add(new LabSwitch("s1", 1), 0, 0);
        LabMachine[] machines =
        [
            new("m1", Mac("02:00:00:00:00:01"), Prefix("10.0.0.1/24")) { Cable = MachineCable.Tap, Queues = 2 },
            Of(MachineCable.Tap, string.Empty),
        ];
        foreach (LabMachine machine in machines)
        {
            lab.Connect(lab.Add(machine, 0, 1), device, (ushort)(machine.Address.Host & 0xff));
        }
        lab.Start(device);
        CabledHosts.Ofctl(device, "add-flow", "actions=normal");
        Parallel.ForEach(machines, machine => machine.Start());
        Assert.NotNull(machines[0].Ping(machines[1].Address, SwitchProgram.Patience));
        machines[1].Execute("iperf3 -s -D").Checked();
        Eventually.True(() => machines[1].Execute("netstat -ltn | grep -q :5201").ExitCode == 0, "the server listens");
        TestContext.Current.TestOutputHelper!.WriteLine(machines[0].Execute("iperf3 -c 10.0.0.2 -t 1").Checked().Output);
        TestContext.Current.TestOutputHelper!.WriteLine(machines[0].Execute("iperf3 -c 10.0.0.2 -t 1 -R").Checked().Output);
    }

    [Fact]
    public void A_machine_that_QEMU_refuses_or_that_ends_says_so_in_QEMUs_words()
    {
        NeedsMachines();
        using var node = new LabNode("s");
        using (var refused = Of(MachineCable.Tap, "no-such-option=1"))
        {
            refused.Connect(node, "p1");
            Assert.Contains("no-such-option", Assert.Throws<TestbedException>(refused.Start).Message, StringComparison.Ordinal);
        }
        using LabMachine ended = Of(MachineCable.Tap, string.Empty);
        ended.Connect(node, "p2");
        ended.Start();
        End(ended.Control);
        Assert.Contains("QEMU has ended", Assert.Throws<TestbedException>(() => ended.Execute("true")).Message, StringComparison.Ordinal);
        Assert.NotNull(ended.FindFailure());
    }

    /// <summary>Guests of <see cref="GuestImage"/>, by TAP or vhost-user.</summary>
    internal static void NeedsMachines()
    {
        Needs.Tun();
        Needs.Program("ovs-ofctl");
        Assert.SkipUnless(GuestImage.FindMissing() is null, GuestImage.FindMissing() ?? string.Empty);
    }

    private static LabMachine Of(MachineCable cable, string cardOptions) =>
        new("m", Mac("02:00:00:00:00:02"), Prefix("10.0.0.2/24")) { Cable = cable, CardOptions = cardOptions };

    // QEMU answers, or is gone before.
    private static void End(Qmp control) => _ = Record.Exception(() => control.Execute("quit"));

    private static void AwaitProgress(params NumberedStream[] streams)
    {
        int[] before = [.. streams.Select(stream => stream.Record.Received)];
        Eventually.True(
            () => streams.Zip(before).All(pair => pair.First.Record.Received > pair.Second + 20),
            () => string.Join(", ", streams.Select(stream => $"{stream.Name}: {stream.Record.Received} of {stream.Record.Sent}")));
    }
}
