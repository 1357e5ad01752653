using Softswitch.Datapath.Headers;
using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Lab.Measures;
using Softswitch.Ports.Tunnels.Settings;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests.TakeOver;

/// <summary>One switch after another takes over under traffic both ways, with 100,000 flows: nothing is lost, doubled or out of order.</summary>
public sealed class UpgradeTests : IDisposable
{
    private const int Flows = 100_000;
    private const double PacketsPerSecond = 10_000;
    private const int MostUnderWay = 1500; // fewer than any ring on the way holds
    private const int MostUnderWayWithXdp = 128; // a veth with a program has a queue of 256, which a busy kernel looks into late
    private const double TcpBytesPerSecond = 2e6;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("softswitch-upgrade-");

    // The switch's own namespace is a host too: behind a TAP port.
    private readonly LabHost _inside;
    private readonly LabHost _one;
    private readonly LabHost _two;
    private readonly LabNode _far;

    public UpgradeTests()
    {
        Needs.Namespaces("ovs-ofctl", "ping");
        _inside = new LabHost("s", new MacAddress(0x0200_0000_0009), new Ipv4Prefix(Be32.FromHost(0x0a00_0009), 24));
        _one = LabHost.Numbered(1);
        _two = LabHost.Numbered(2);
        _far = new LabNode("far");
    }

    private string SocketPath => Path.Combine(_folder.FullName, "control");

    public void Dispose()
    {
        _inside.Dispose();
        _one.Dispose();
        _two.Dispose();
        _far.Dispose();
        _folder.Delete(recursive: true);
    }

    [Fact, Trait("Ring", "all")]
    public void Nor_in_twenty_upgrades() => Nothing_is_lost_doubled_or_out_of_order_and_counters_go_on("AF_PACKET", 20);

    [Fact, Trait("Ring", "all")]
    public void Nor_in_twenty_upgrades_with_flows_in_the_kernel() => Nothing_is_lost_doubled_or_out_of_order_and_counters_go_on("kernel", 20);

    [Theory]
    [InlineData("AF_PACKET", 3)]
    [InlineData("kernel", 3)]
    [InlineData("AF_XDP", 3)]
    [InlineData("TAP", 3, Traits = ["Ring", "all"])]
    [InlineData("VXLAN", 3, Traits = ["Ring", "all"])]
    public void Nothing_is_lost_doubled_or_out_of_order_and_counters_go_on(string kind, int upgrades)
    {
        if (kind == "AF_XDP")
        {
            Needs.Xdp();
        }
        _one.Connect(_inside.Network, "s1");
        using RunningCommand? far = kind == "VXLAN" ? StartFarSwitch() : null;
        if (kind is "AF_PACKET" or "AF_XDP" or "kernel")
        {
            _two.Connect(_inside.Network, "s2");
        }
        LabHost other = kind == "TAP" ? _inside : _two;
        string[] arguments = [.. PortsOf(kind), "--listen", CabledHosts.Listen, "--control", $"punix:{SocketPath}"];
        RunningCommand running = Start([.. arguments, "--flows", WriteFlows()]);
        if (kind == "TAP")
        {
            _inside.Execute("ip", "link", "set", "tap0", "address", $"{_inside.HardwareAddress}").Checked();
            _inside.AddAddress("tap0", _inside.Prefix);
        }
        Know(_one, "eth0", other);
        Know(other, kind == "TAP" ? "tap0" : "eth0", _one);
        Assert.Equal(Flows + 2, FlowCount());
        // Before the streams: a tunnel asks for its next hop first, and keeps a few packets only until it knows.
        Eventually.True(() => _one.Execute("ping", "-n", "-c", "1", "-W", "1", $"{other.IPAddress}").ExitCode == 0, Drops);
        int mostUnderWay = kind == "AF_XDP" ? MostUnderWayWithXdp : MostUnderWay;
        using UdpStream there = UdpStream.Start(_one, other, 7001, PacketsPerSecond, mostUnderWay: mostUnderWay);
        using UdpStream back = UdpStream.Start(other, _one, 7002, PacketsPerSecond, mostUnderWay: mostUnderWay);
        using TcpStream tcp = TcpStream.Start(_one, other, 7003, TcpBytesPerSecond);
        Eventually.True(() => there.Record.Received > 0 && back.Record.Received > 0, Drops);
        for (int upgrade = 0; upgrade < upgrades; upgrade++)
        {
            long before = Received();
            RunningCommand next = Start([.. arguments, "--take-over", $"unix:{SocketPath}"]);
            CommandResult ended = running.WaitForEnd(SwitchProgram.Patience);
            Assert.True(ended.ExitCode == 0 && ended.Error.Contains("handed over to pid", StringComparison.Ordinal), ended.Error);
            Assert.Contains($"{Flows + 2} flow entries", next.Output, StringComparison.Ordinal);
            Assert.True(Received() >= before, "the counters of port 1 went back");
            running = next;
        }
        StreamSummary[] summaries = [there.Stop(), back.Stop()];
        TcpSummary tcpSummary = tcp.Stop();
        Report(kind, upgrades, summaries, tcpSummary);
        Assert.All(summaries, summary => Assert.True(summary is { Sent: > 0, Lost: 0, Duplicates: 0 } && (kind == "kernel" || summary.Reordered == 0), $"{summary}\n{Drops()}"));
        Assert.True(tcpSummary is { Failure: null, WrongBytes: 0, Bytes: > 0 }, $"{tcpSummary}");
        Assert.Equal(Flows + 2, FlowCount());
        Assert.True(Received() >= there.Record.Sent, "packets that an earlier process received are not counted");
        SwitchProgram.Terminate(running);
        Assert.Equal(0, running.WaitForEnd(SwitchProgram.Patience).ExitCode);
        Assert.False(File.Exists(SocketPath));
        Assert.DoesNotContain("promiscuity 1", _inside.Execute("ip", "-d", "link", "show", "s1").Checked().Output, StringComparison.Ordinal);
    }

    private static string[] PortsOf(string kind) => kind switch
    {
        "AF_PACKET" => ["--port", "1=packet:s1,offload=off", "--port", "2=packet:s2,offload=off"],
        "kernel" => ["--port", "1=packet:s1,offload=on", "--port", "2=packet:s2,offload=on"],
        "AF_XDP" => ["--port", "1=xdp:s1", "--port", "2=xdp:s2"],
        "TAP" => ["--port", "1=packet:s1", "--port", "2=tap:tap0"],
        _ => ["--port", "1=packet:s1", "--port", "3=packet:u1,address=10.99.0.1/24", "--port", "2=vxlan:local=10.99.0.1,remote=10.99.0.2,key=7"],
    };

    private static void Report(string kind, int upgrades, StreamSummary[] summaries, TcpSummary tcp)
    {
        MarkdownTable table = new("port kind", "upgrades", "packets", "lost", "duplicated", "reordered", "longest gap (ms)", "TCP bytes", "longest TCP stall (ms)");
        table.Add(
            kind, $"{upgrades}", $"{summaries.Sum(one => one.Sent)}", $"{summaries.Sum(one => one.Lost)}", $"{summaries.Sum(one => one.Duplicates)}",
            $"{summaries.Sum(one => one.Reordered)}", $"{summaries.Max(one => one.LongestGap.TotalMilliseconds):0.0}", $"{tcp.Bytes}", $"{tcp.LongestStall.TotalMilliseconds:0}");
        TestContext.Current.TestOutputHelper?.WriteLine(table.ToString());
    }

    /// <summary>The other end of the tunnel, with host 2 behind it: it stays as it is.</summary>
    private RunningCommand StartFarSwitch()
    {
        VethCable.Lay(_inside.Network, "u1", _far.Network, "u2");
        _two.Connect(_far.Network, "v1");
        RunningCommand far = _far.Start(
            SwitchProgram.Dotnet, SwitchProgram.Library, "run", "--port", "1=packet:v1", "--port", "3=packet:u2,address=10.99.0.2/24",
            "--port", "2=vxlan:local=10.99.0.2,remote=10.99.0.1,key=7", "--flows", "in_port=1,actions=output:2", "--flows", "in_port=2,actions=output:1");
        far.WaitForText("\nready\n", SwitchProgram.Patience);
        return far;
    }

    private RunningCommand Start(string[] arguments)
    {
        RunningCommand command = _inside.Start(SwitchProgram.Dotnet, [SwitchProgram.Library, "run", .. arguments]);
        command.WaitForText("\nready\n", SwitchProgram.Patience);
        return command;
    }

    private string WriteFlows()
    {
        string file = Path.Combine(_folder.FullName, "flows");
        File.WriteAllLines(file, Enumerable.Range(0, Flows).Select(i => $"priority=9,cookie={i},tcp,nw_dst=11.{i >> 16}.{(i >> 8) & 255}.{i & 255},actions=drop")
            .Concat(["priority=1,in_port=1,actions=output:2", "priority=1,in_port=2,actions=output:1"]));
        return file;
    }

    private static void Know(LabHost host, string device, LabHost neighbour) =>
        host.Execute("ip", "neigh", "replace", $"{neighbour.IPAddress}", "lladdr", $"{neighbour.HardwareAddress}", "dev", device).Checked();

    private long FlowCount() => CabledHosts.Number(CabledHosts.Ofctl(_inside, "dump-aggregate"), "flow_count");

    private long Received() => CabledHosts.Number(CabledHosts.Ofctl(_inside, "dump-ports", "1"), "rx pkts");

    private string Drops() => SwitchProgram.Execute("drops", $"unix:{SocketPath}").Output;
}
