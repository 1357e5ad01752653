using System.Net.Sockets;
using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Lab.Measures;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests;

/// <summary>A running switch reads its file again: by signal, by tool, with real interfaces, packets and controllers.</summary>
public sealed class ReloadTests : IDisposable
{
    private const string Base = """
        port: [1=s1, 2=s2]
        control: {control}
        frames: 8192

        """;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("softswitch-reload-");

    private string File => Path.Combine(_folder.FullName, "switch.yaml");

    private string Control => Path.Combine(_folder.FullName, "control");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    [Trait("Ring", "all")]
    public void Twenty_reloads_that_change_ports_and_controllers_lose_no_packet_between_ports_that_stay()
    {
        Needs.Namespaces("ovs-ofctl");
        using var lab = new CabledHosts(3);
        using Socket staying = PlainController.Listen(lab.Inside, 7001);
        using Socket going = PlainController.Listen(lab.Inside, 7002);
        Write("controller: tcp:127.0.0.1:7001", $"listen: {CabledHosts.Listen}");
        using HostedSwitch running = Start(lab);
        using PlainController stays = PlainController.Accept(staying);
        stays.KeepAlive();
        lab.ConnectHosts1And2();
        UdpStream there = lab.StartStream(1, 2, 5001, 5000);
        UdpStream back = lab.StartStream(2, 1, 5002, 5000);
        PlainController? came = null;
        for (int round = 0; round < 20; round++)
        {
            bool more = round % 2 == 0;
            Write(
                $"port: [1=s1, '2=s2{(more ? ",rate=2G" : "")}'{(more ? ", 3=s3" : "")}]",
                $"controller: [tcp:127.0.0.1:7001{(more ? ", tcp:127.0.0.1:7002" : "")}]",
                $"listen: [{CabledHosts.Listen}{(more ? ", ptcp:6655:127.0.0.1" : "")}]",
                $"queue: [{(more ? "'2:7,max-rate=1G'" : "")}]",
                $"packet-in-rate: {100 + round}");
            string report = Reload(lab).Checked().Output;
            Assert.Contains($"port 3=s3: {(more ? "added" : "removed")}\n", report, StringComparison.Ordinal);
            Assert.Contains($"controller tcp:127.0.0.1:7002: {(more ? "added" : "removed")}\n", report, StringComparison.Ordinal);
            came?.Dispose(); // after it was removed, or the switch would come again
            came = more ? PlainController.Accept(going) : null;
            Assert.Equal(0, came?.Barrier(1) ?? 0);
            Assert.Equal(0, stays.Echo((uint)round)); // the same connection, and nothing came in between
        }
        CabledHosts.AssertAllCame(there, () => lab.Ofctl("dump-ports"));
        CabledHosts.AssertAllCame(back, () => lab.Ofctl("dump-ports"));
        Assert.Contains("actions=output:2", lab.Ofctl("dump-flows"), StringComparison.Ordinal);
        running.Dispose();
    }

    [Fact]
    public void A_signal_is_enough_and_a_broken_file_leaves_everything_as_it_was()
    {
        Needs.Namespaces("ping");
        using var lab = new CabledHosts();
        string before = InterfacePicture.Of(lab.Inside);
        Write("fail-mode: standalone");
        using RunningCommand running = lab.StartProcess("--config", File, "--packet-in-rate", "5");
        System.IO.File.WriteAllText(File, "port: [1=s1\nworkers: 3");
        SwitchProgram.Terminate(running, "HUP");
        Eventually.True(() => running.Error.Contains("SIGHUP: refused: --config: ", StringComparison.Ordinal), () => running.Error);
        Write("fail-mode: standalone", "frames: lots", "fail-moode: secure");
        CommandResult refused = Reload(lab);
        Assert.Equal(2, refused.ExitCode);
        string[] lines = refused.Error.Split('\n');
        Assert.StartsWith($"softswitch reload: {File}:5: fail-moode: no such key; ", lines[0], StringComparison.Ordinal);
        Assert.Equal(
            [$"softswitch reload: {File}:4: frames: 'lots' is not a number from 1024 to 1048576", "softswitch reload: nothing was changed", ""], lines[1..]);
        Assert.Equal(3, lab.Ping(1, 2));

        Write("fail-mode: secure", "log-level: debug", "packet-in-rate: 9", "workers: 2");
        SwitchProgram.Terminate(running, "HUP");
        Eventually.True(() => running.Error.Contains("SIGHUP: fail-mode: standalone -> secure", StringComparison.Ordinal), () => running.Error);
        Eventually.True(() => running.Error.Contains("warning SIGHUP: workers: 1 -> 2 needs a new start", StringComparison.Ordinal), () => running.Error);
        Assert.DoesNotContain("packet-in-rate: ", running.Error, StringComparison.Ordinal); // the command line wins, as at start
        Assert.Equal(0, lab.Ping(1, 2));
        SwitchProgram.Terminate(running);
        Assert.Equal(0, running.WaitForEnd(SwitchProgram.Patience).ExitCode);
        Assert.Equal(before, InterfacePicture.Of(lab.Inside));
    }

    [Fact]
    public void Interfaces_change_places_and_one_that_cannot_be_had_changes_nothing()
    {
        Needs.Namespaces("ping", "ovs-ofctl");
        using var lab = new CabledHosts(3);
        Write("fail-mode: standalone");
        using HostedSwitch running = Start(lab);
        Assert.Equal(3, lab.Ping(1, 2));
        Write("fail-mode: standalone", "port: [1=s2, 2=packet:s1, 4=s3, 5=tap:lo]");
        CommandResult refused = Reload(lab);
        Assert.Equal(2, refused.ExitCode);
        Assert.Contains("tap:lo", refused.Error, StringComparison.Ordinal);
        Assert.EndsWith("softswitch reload: all that had been changed was changed back\n", refused.Error, StringComparison.Ordinal);
        AwaitPings(lab, 1, 2);
        Write("fail-mode: standalone", "port: [1=s2, 2=packet:s1, 4=s3, 5=later]");
        Assert.Equal(
            """
            port 1=s2: opened again, was 1=s1
            port 2=packet:s1: opened again, was 2=s2
            port 4=s3: added
            port 5=later: added

            """,
            Reload(lab).Checked().Output);
        AwaitPings(lab, 1, 2);
        AwaitPings(lab, 1, 3);
        string ports = Execute(lab, "port", "list", $"unix:{Control}").Checked().Output;
        Assert.Matches(@"(?s)port 1: s2: .*port 2: s1: flows in the kernel.*port 5: later: ", ports);
        string configuration = Execute(lab, "config", $"unix:{Control}").Checked().Output;
        Assert.Contains("\n  - 4=s3\n", configuration, StringComparison.Ordinal);
        Assert.Contains("\n# workers: 1\n", configuration, StringComparison.Ordinal);
        running.Dispose();
    }

    [Fact]
    public void Check_names_every_mistake_and_opens_nothing()
    {
        string good = Path.Combine(_folder.FullName, "good.yaml");
        System.IO.File.WriteAllText(good, $"port: [1=nosuchinterface, 2=pcap:{_folder.FullName}/out.pcap]\nlisten: ptcp:6653\ncontrol: punix:{Control}\n");
        CommandResult fine = SwitchProgram.Execute("run", "--config", good, "--check");
        Assert.Equal((0, $"{good}: fit to start with: 2 ports, 0 controllers, 1 listener\n", ""), (fine.ExitCode, fine.Output, fine.Error));
        Assert.Equal(["good.yaml"], _folder.EnumerateFileSystemInfos().Select(file => file.Name));

        System.IO.File.WriteAllText(File, "port: [1=a, 1=b, 'c,mode=fast', 'packet:d,rx-slots=3']\nworkers: 0\nlisten: pssl:6653\nstp: maybe\nworkres: 2\n");
        string flows = Path.Combine(_folder.FullName, "flows");
        System.IO.File.WriteAllText(flows, "actions=output:1\nactions=outputt:2\n");
        CommandResult bad = SwitchProgram.Execute("run", "--check", "--port", "null:", "--flows", flows);
        Assert.Equal(2, bad.ExitCode);
        Assert.Contains($"{flows}:2: ", bad.Error, StringComparison.Ordinal);
        CommandResult wrong = SwitchProgram.Execute("run", "--check", "--config", File, "--frames", "1");
        Assert.Equal((2, ""), (wrong.ExitCode, wrong.Output));
        string[] mistakes = ["the number belongs to '1=a'", "workers: '0'", "stp: 'maybe'", "--frames: '1'", "mode=fast", "rx-slots=3", "workres: no such key", "--private-key: is needed for pssl:6653"];
        Assert.All(mistakes, mistake => Assert.Contains(mistake, wrong.Error, StringComparison.Ordinal));
    }

    private void Write(params string[] lines)
    {
        string common = Base.Replace("{control}", $"punix:{Control}", StringComparison.Ordinal);
        IEnumerable<string> others = common.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Where(line => !lines.Any(own => own.Split(':')[0] == line.Split(':')[0]));
        System.IO.File.WriteAllLines(File, [.. others, .. lines]);
    }

    /// <summary>Ports that are opened again may lose a packet; then none.</summary>
    private static void AwaitPings(CabledHosts lab, int from, int to) => Eventually.True(() => lab.Ping(from, to) == 3, $"{from} does not reach {to}");

    private HostedSwitch Start(CabledHosts lab) => lab.StartRun("--config", File);

    private CommandResult Reload(CabledHosts lab) => Execute(lab, "reload", $"unix:{Control}");

    private static CommandResult Execute(CabledHosts lab, params string[] arguments) =>
        lab.Start(arguments[0], arguments[1..]).WaitForEnd(SwitchProgram.Patience);
}
