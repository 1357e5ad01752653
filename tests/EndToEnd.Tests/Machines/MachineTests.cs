using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Lab.Machines;
using Softswitch.Lab.Measures;
using Softswitch.Testing;
using static Softswitch.Lab.LabText;
using UdpStream = Softswitch.Lab.Measures.UdpStream;

namespace Softswitch.EndToEnd.Tests.Machines;

/// <summary>The lab's virtual machines on a switch of the lab.</summary>
public sealed class MachineTests
{
    private const ushort Port = 5000;

    [Fact]
    public void A_machine_that_migrates_live_keeps_its_sessions()
    {
        NeedsMachines();
        using var lab = new Testbed(line => TestContext.Current.SendDiagnosticMessage(line));
        LabSwitch left = lab.Add(new LabSwitch("s1", 1), 0, 0);
        LabSwitch right = lab.Add(new LabSwitch("s2", 2), 1, 0);
        LabHost host = lab.Add(LabHost.Numbered(1), 0, 1);
        LabMachine machine = lab.Add(new LabMachine("m", Mac("02:00:00:00:00:02"), Prefix("10.0.0.2/24")), 1, 1);
        lab.Connect(left, 1, right, 1);
        lab.Connect(host, left, 2);
        lab.Connect(machine, left, 3);
        lab.Connect(machine, right, 3);
        lab.Start(left);
        lab.Start(right);
        CabledHosts.Ofctl(left, "add-flow", "actions=normal");
        CabledHosts.Ofctl(right, "add-flow", "actions=normal");
        machine.Start();

        using PingStream pings = PingStream.Start(host, machine, perSecond: 100);
        using TcpStream tcp = TcpStream.Start(host, machine, Port, bytesPerSecond: 1e5);
        using UdpStream udp = UdpStream.Start(host, machine, Port, perSecond: 50);
        Eventually.True(() => pings.Record.Received > 20 && udp.Record.Received > 20, () => $"{pings.Record.Received} pings, {udp.Record.Received} datagrams");
        MigrationFigures figures = machine.MoveTo(1)!;
        int before = pings.Record.Received;
        int beforeUdp = udp.Record.Received;
        Eventually.True(() => pings.Record.Received > before + 20 && udp.Record.Received > beforeUdp + 20, () => $"{pings.Record.Received} pings after {before}");
        StreamSummary summary = pings.Stop();
        TcpSummary connection = tcp.Stop();
        TestContext.Current.TestOutputHelper!.WriteLine($"{figures}; {summary}; {connection}; {udp.Stop()}");
        Assert.Equal((0L, null), (connection.WrongBytes, connection.Failure));
        Assert.Equal("1\n", machine.Execute("ls /sys/class/net | grep -c eth0").Checked().Output);
    }

    internal static void NeedsMachines()
    {
        Needs.Tun();
        Needs.Program("ovs-ofctl");
        Assert.SkipUnless(GuestImage.FindMissing() is null, GuestImage.FindMissing() ?? string.Empty);
    }
}
