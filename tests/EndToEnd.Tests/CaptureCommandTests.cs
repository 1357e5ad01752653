using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Hosting;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests;

/// <summary><c>softswitch capture</c> against a running switch, its captures opened by tshark and tcpdump.</summary>
public sealed class CaptureCommandTests : WithControlSocket
{
    private string CapturePath => PathOf("seen.pcapng");

    [Theory]
    [InlineData("xdp:")]
    [InlineData("packet:")]
    public void Tshark_opens_a_capture_of_a_port_with_both_directions(string kind)
    {
        Needs.Xdp("ovs-ofctl", "ping", "tshark");
        using var lab = new CabledHosts();
        using HostedSwitch running = StartSwitch(lab, "--port", $"1={kind}s1", "--port", $"2={kind}s2");
        lab.ConnectHosts1And2();
        using RunningCommand capture = StartCapture("--port", "s1", "--match", "icmp", "-w", CapturePath);
        Assert.Equal(3, lab.Ping(1, 2));
        EndCapture(capture, "6 packets captured\n");
        Assert.Equal(
            [.. Enumerable.Repeat("s1;0x00000001;8;10.0.0.1", 3), .. Enumerable.Repeat("s1;0x00000002;0;10.0.0.2", 3)],
            Tshark("-e", "frame.interface_name", "-e", "frame.packet_flags_direction", "-e", "icmp.type", "-e", "ip.src").Order(StringComparer.Ordinal)); // an answer may come after the next ping
    }

    [Fact]
    public void Packets_that_vanish_are_shown_with_the_reason()
    {
        Needs.Namespaces("ovs-ofctl");
        Needs.Scapy();
        using var lab = new CabledHosts();
        using HostedSwitch running = StartSwitch(lab, "--port", "1=s1", "--port", "2=s2");
        lab.Ofctl("add-flow", "in_port=1,dl_type=0x88b5,actions=output:7");
        using RunningCommand shown = StartCapture("--dropped", "--match", "dl_type=0x88b5", "--count", "10");
        lab.SendFrame(1, "[Ether(dst='02:00:00:00:00:02',type=0x88b5)/('x'*50)]*10");
        CommandResult result = shown.WaitForEnd(SwitchProgram.Patience).Checked();
        Assert.Equal("10 packets captured\n", Counts(result));
        string[] lines = [.. result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)];
        Assert.Equal(10, lines.Length);
        Assert.All(lines, line => Assert.Matches(@"^\d\d:\d\d:\d\d\.\d{6} s1 dropped: to a port that does not exist, 64 bytes: vlan_tci=0x0000,dl_src=.*,dl_dst=02:00:00:00:00:02,dl_type=0x88b5$", line));
    }

    [Fact]
    public void A_pipe_to_tcpdump_shows_packets_and_ends_quietly_when_it_has_seen_enough()
    {
        Needs.Namespaces("ovs-ofctl", "ping", "tcpdump");
        using var lab = new CabledHosts();
        using HostedSwitch running = StartSwitch(lab, "--port", "1=s1", "--port", "2=s2");
        lab.ConnectHosts1And2();
        string capture = $"{SwitchProgram.Dotnet} {SwitchProgram.Library} capture {Target} --in --match icmp -w -";
        using RunningCommand pipe = RunningCommand.Start("bash", ["-c", $"{capture} | tcpdump -l -n -r - -c 2; echo ended ${{PIPESTATUS[0]}}"]);
        pipe.WaitForText("capturing", SwitchProgram.Patience);
        Eventually.True(
            () =>
            {
                lab.Ping(1, 2, count: 1);
                return pipe.HasExited;
            },
            () => pipe.Output + pipe.Error);
        CommandResult result = pipe.WaitForEnd(SwitchProgram.Patience).Checked();
        Assert.Contains("IP 10.0.0.1 > 10.0.0.2: ICMP echo request", result.Output, StringComparison.Ordinal);
        Assert.EndsWith("ended 0\n", result.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("softswitch", result.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--match 'in_port=1': in_port: ", "--match", "in_port=1")]
    [InlineData("--match 'tp_dst=80': ", "--match", "tp_dst=80")]
    [InlineData("--match 'frob=80': ", "--match", "frob=80")]
    [InlineData("--snaplen: '0' is not a number from 1 to 65568", "--snaplen", "0")]
    [InlineData("--count: '-1' is below 0", "--count", "-1")]
    [InlineData("--write: /nowhere/x: ", "-w", "/nowhere/x")]
    public void What_makes_no_sense_is_said_by_option(string said, params string[] arguments)
    {
        using SwitchHost running = StartHost(("port", "1=null:"));
        CommandResult result = SwitchProgram.Execute(["capture", Target, .. arguments]);
        Assert.Equal(2, result.ExitCode);
        Assert.StartsWith($"softswitch capture: {said}", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_reader_that_pauses_loses_packets_and_is_told_how_many()
    {
        Needs.Namespaces("ovs-ofctl");
        using var lab = new CabledHosts(hosts: 0);
        string replay = SmallCapture.Write(Folder.FullName, frames: 100, length: 1000);
        using HostedSwitch running = StartSwitch(lab, "--port", $"1=replay:{replay}", "--port", "2=null:");
        lab.Ofctl("add-flow", "in_port=1,actions=output:2");
        using RunningCommand capture = StartCapture("--port", "1", "-w", CapturePath);
        capture.Stop();
        long sent = CabledHosts.Number(lab.Ofctl("dump-ports", "2"), "tx pkts");
        Eventually.True(() => CabledHosts.Number(lab.Ofctl("dump-ports", "2"), "tx pkts") > sent + 100_000, () => lab.Ofctl("dump-ports"));
        SwitchProgram.Terminate(capture, "INT");
        capture.Continue();
        string said = capture.WaitForEnd(SwitchProgram.Patience).Checked().Error;
        Assert.Matches(@"\d+ packets captured\n[1-9]\d* more were lost to the capture: ", said);
    }

    [Fact]
    public void When_the_switch_ends_so_does_the_capture()
    {
        using SwitchHost running = StartHost(("port", "1=null:"));
        using RunningCommand capture = StartCapture();
        running.Dispose();
        CommandResult result = capture.WaitForEnd(SwitchProgram.Patience);
        Assert.Equal((2, "0 packets captured\nsoftswitch capture: the switch ended before the capture did\n"), (result.ExitCode, Counts(result)));
    }

    private HostedSwitch StartSwitch(CabledHosts lab, params string[] arguments) =>
        lab.StartRun([.. arguments, "--listen", CabledHosts.Listen, "--control", Control]);

    private RunningCommand StartCapture(params string[] arguments)
    {
        RunningCommand capture = RunningCommand.Start(SwitchProgram.Dotnet, [SwitchProgram.Library, "capture", Target, .. arguments]);
        capture.WaitForText("capturing", SwitchProgram.Patience);
        return capture;
    }

    private static void EndCapture(RunningCommand capture, string counts)
    {
        SwitchProgram.Terminate(capture, "INT");
        Assert.Equal(counts, Counts(capture.WaitForEnd(SwitchProgram.Patience).Checked()));
    }

    /// <summary>What it said at the end.</summary>
    private static string Counts(CommandResult result) => result.Error[(result.Error.IndexOf('\n', StringComparison.Ordinal) + 1)..];

    private string[] Tshark(params string[] fields) =>
        RunningCommand.Execute("tshark", ["-r", CapturePath, "-T", "fields", "-E", "separator=;", .. fields]).Checked().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}
