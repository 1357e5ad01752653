using System.Text.Json;
using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests;

/// <summary>A running switch is found, asked and watched, and says in its log what happens.</summary>
public sealed class ManagementTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("softswitch-management-");

    private string Sockets => Path.Combine(_folder.FullName, "run");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void Top_on_a_terminal_takes_keys_follows_its_size_and_leaves_it_as_it_was()
    {
        Needs.Program("script");
        using RunningCommand running = StartNull("--name", "s1");
        using Terminal terminal = new(_folder, $"{SwitchProgram.Dotnet} {SwitchProgram.Library} top --interval 0.1", Sockets);
        terminal.WaitFor("\e[?1049h");
        terminal.WaitFor("q quit  p pause");
        terminal.Type("p");
        terminal.WaitFor("PAUSED");
        terminal.Type("p");
        terminal.Resize(rows: 20, columns: 30);
        terminal.WaitFor("\n PORT                LINK     \e[K");
        terminal.Type("q");
        Assert.Equal(0, terminal.WaitForEnd());
        Assert.EndsWith("\e[?25h\e[?1049l", terminal.Shown.TrimEnd(), StringComparison.Ordinal);
    }

    [Fact]
    public void Status_and_drops_of_several_switches_have_a_row_for_each_and_each_is_found_by_its_name()
    {
        using RunningCommand running = StartSeveral();
        string all = Execute("status", "lab").Checked().Output;
        Assert.StartsWith("process     lab: softswitch ", all, StringComparison.Ordinal);
        Assert.Matches(@"\ns1 +000000000000000a  running +2 of 2 +none +1 +0 +0 +0\n", all);
        Assert.Matches(@"\nall +3 of 3 +none +1 +0 +0 +0\n", all);
        Assert.StartsWith("process     lab: ", Execute("status").Checked().Output, StringComparison.Ordinal);
        Assert.StartsWith("switch      s2: softswitch ", Execute("status", "s2").Checked().Output, StringComparison.Ordinal);
        JsonElement report = JsonDocument.Parse(Execute("status", "lab", "--json").Checked().Output).RootElement;
        Assert.Equal(["s1", "s2"], report.GetProperty("switches").EnumerateArray().Select(one => one.GetProperty("name").GetString()));
        Assert.StartsWith("switch  received  sent  dropped\ns1 ", Execute("drops", "lab").Checked().Output, StringComparison.Ordinal);
        Assert.Contains("port 1 null1", Execute("drops", "s2").Checked().Output, StringComparison.Ordinal);
        JsonElement accounts = JsonDocument.Parse(Execute("drops", "s2", "--json").Checked().Output).RootElement.GetProperty("accounts");
        Assert.True(accounts.GetProperty("isExact").GetBoolean());
        Assert.Equal(0, accounts.GetProperty("rows")[0].GetProperty("account").GetProperty("dropped").GetInt64());
        string once = Execute("top", "--interval", "0.1", "--count", "2").Checked().Output;
        Assert.Equal(3, once.Split("  SWITCH  STATE").Length);
        string alone = Execute("top", "s2", "--interval", "0.1").Checked().Output;
        Assert.Contains("PORT  ", alone, StringComparison.Ordinal);
        Assert.DoesNotContain("\e", alone, StringComparison.Ordinal);
        Assert.Equal("softswitch top: --interval: '0' is not a number from 0.1 to 10\n", Execute("top", "--interval", "0").Error);
    }

    [Fact]
    public void A_switch_that_its_process_is_called_by_is_found_by_its_name_when_another_is_added()
    {
        Assert.StartsWith($"softswitch status: target: which switch? none runs that {Sockets} knows of", Execute("status").Error, StringComparison.Ordinal);
        using RunningCommand running = StartNull("--name", "s1");
        Execute("switch", "add", "--name", "s2", "--port", "null:").Checked();
        Assert.StartsWith("switch      s1: softswitch ", Execute("status", "s1").Checked().Output, StringComparison.Ordinal);
        Assert.StartsWith("process     s1: softswitch ", Execute("status").Checked().Output, StringComparison.Ordinal);
        Execute("switch", "del", "s2").Checked();
        Assert.StartsWith("switch      s1: softswitch ", Execute("status").Checked().Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Ofctl_finds_a_switch_by_its_name_where_it_listens()
    {
        using RunningCommand running = StartNull("--name", "s1", "--listen", $"punix:{Path.Combine(_folder.FullName, "of")}");
        using RunningCommand deaf = StartNull("--name", "s2");
        Execute("ofctl", "add-flow", "s1", "in_port=1,actions=drop").Checked();
        Assert.Contains("in_port=1", Execute("ofctl", "dump-flows", "s1").Checked().Output, StringComparison.Ordinal);
        Assert.Equal(0, Execute("ofctl", "diff-flows", "s1", "s1").ExitCode);
        CommandResult refused = Execute("ofctl", "show", "s2");
        Assert.Equal(
            (2, "softswitch ofctl show: target: 's2': the switch listens nowhere; start it with --listen punix:PATH or the like\n"), (refused.ExitCode, refused.Error));
        Assert.Contains("target: 's3': there is no such switch; there are s1, s2", Execute("ofctl", "show", "s3").Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Escape_sequences_in_names_and_arguments_do_not_reach_the_terminal()
    {
        string file = Path.Combine(_folder.FullName, "\e[31mred\u009b7m.pcap");
        using RunningCommand running = StartNull("--name", "s1", "--port", $"2=pcap:{file}");
        Assert.Contains("?[31mred?7m.pcap", running.Output, StringComparison.Ordinal);
        Assert.Contains("?[31mred?7m.pcap", Execute("port", "list").Checked().Output, StringComparison.Ordinal);
        Assert.DoesNotContain('\e', Execute("top", "--interval", "0.1").Checked().Output);
        Assert.Contains("'?]0;title?'", Execute("status", "\e]0;title\a").Error, StringComparison.Ordinal);
        string settings = Path.Combine(_folder.FullName, "settings.yaml");
        File.WriteAllText(settings, "\"po\\ert\": a\n");
        Assert.Contains(":1: po?rt: no such key", Execute("run", "--config", settings, "--check").Error, StringComparison.Ordinal);
        Assert.DoesNotContain('\e', running.Output);
    }

    [Fact]
    public void Top_of_several_switches_shows_the_one_that_is_chosen_and_all_again()
    {
        Needs.Program("script");
        using RunningCommand running = StartSeveral();
        using Terminal terminal = new(_folder, $"{SwitchProgram.Dotnet} {SwitchProgram.Library} top --interval 0.1", Sockets);
        terminal.WaitFor("j k Enter choose");
        terminal.Type("\e[B");
        terminal.WaitFor("> s1 ");
        terminal.Type("j");
        terminal.WaitFor("> s2 ");
        terminal.Type("\n");
        terminal.WaitFor("ports by: n number");
        terminal.WaitFor("Esc all");
        terminal.Type("b");
        Eventually.True(() => terminal.Shown.LastIndexOf("Enter choose", StringComparison.Ordinal) > terminal.Shown.LastIndexOf("Esc all", StringComparison.Ordinal), "all are shown again");
        terminal.Type("q");
        Assert.Equal(0, terminal.WaitForEnd());
    }

    [Theory]
    [InlineData("TERM")]
    [InlineData("INT")]
    [InlineData("end of the switch")]
    public void Top_leaves_the_terminal_as_it_was_however_it_ends(string how)
    {
        Needs.Program("script");
        using RunningCommand running = StartNull("--name", "s1");
        using Terminal terminal = new(_folder, $"{SwitchProgram.Dotnet} {SwitchProgram.Library} top --interval 0.1", Sockets);
        terminal.WaitFor("q quit  p pause");
        if (how.Length > 4)
        {
            SwitchProgram.Terminate(running);
            Assert.Equal(2, terminal.WaitForEnd());
            Assert.Contains("softswitch top: unix:", terminal.Shown.Split("\e[?1049l")[1], StringComparison.Ordinal);
        }
        else
        {
            terminal.Signal(how);
            Assert.Equal(0, terminal.WaitForEnd());
        }
        Assert.Contains("\e[?25h\e[?1049l", terminal.Shown, StringComparison.Ordinal);
    }

    [Fact]
    public void The_log_tells_of_start_stop_and_refused_commands_and_not_of_a_tool_that_looks_in()
    {
        string listener = Path.Combine(_folder.FullName, "of");
        using RunningCommand running = StartNull("--name", "s1", "--listen", $"punix:{listener}");
        Execute("ofctl", "show", $"unix:{listener}").Checked();
        Assert.Equal(2, Execute("port", "del", "9").ExitCode);
        SwitchProgram.Terminate(running);
        CommandResult result = running.WaitForEnd(SwitchProgram.Patience);
        Assert.Equal(0, result.ExitCode);
        string[] lines = [.. result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries)];
        Assert.All(lines, line => Assert.Matches(@"^\d{4}-\d\d-\d\dT[\d:.]{12}Z (info|warning) ", line));
        string[] what = [.. lines.Select(line => line["2026-11-22T00:00:00.000Z ".Length..])];
        Assert.StartsWith("info    started: s1, datapath id ", what[0], StringComparison.Ordinal);
        Assert.Equal("warning control socket: 'port del 9' refused: port '9': there is no such port; there are 1 (null)", what[1]);
        Assert.Equal("info    stopping: SIGTERM", what[2]);
        Assert.StartsWith("info    stopped after ", what[3], StringComparison.Ordinal);
        Assert.Equal(4, what.Length);
    }

    [Fact]
    public void The_log_tells_of_links_and_of_a_controller_that_comes_and_goes()
    {
        Needs.Namespaces("ip");
        using var lab = new CabledHosts();
        using HostedSwitch running = lab.StartSwitch("--controller", "tcp:127.0.0.1:6653");
        lab.Host(1).Execute("ip", "link", "set", "eth0", "down").Checked();
        running.WaitForText("info    port 1: s1: link down\n");
        lab.Host(1).Execute("ip", "link", "set", "eth0", "up").Checked();
        running.WaitForText("info    port 1: s1: link up\n");
        running.WaitForText("warning tcp:127.0.0.1:6653: cannot connect: Connection refused; trying again\n");
        using (RunningCommand controller = lab.Start("controller", "--listen", "ptcp:6653:127.0.0.1"))
        {
            running.WaitForText("info    tcp:127.0.0.1:6653: connected\n");
        }
        Eventually.True(() => running.Error.Split("warning tcp:127.0.0.1:6653: c").Length == 3, () => $"a second line, of its end: {running.Error}");
    }

    [Fact]
    public void The_log_warns_of_each_interface_that_others_use_as_well()
    {
        Needs.Namespaces("ip");
        using var lab = new CabledHosts(hosts: 4);
        CommandResult bridge = lab.Inside.Execute("ip", "link", "add", "br7", "type", "bridge");
        Assert.SkipWhen(bridge.ExitCode != 0, $"no bridges here: {bridge.Error}");
        lab.Inside.Execute("ip", "link", "set", "s1", "master", "br7").Checked();
        lab.Inside.Execute("ip", "address", "add", "192.0.2.5/24", "dev", "s2").Checked();
        lab.Inside.Execute("ip", "address", "add", "2001:db8::5/64", "dev", "s3").Checked();
        lab.Inside.Execute("ip", "address", "add", "fe80::5/64", "dev", "s4").Checked(); // as every interface has
        using HostedSwitch running = lab.StartRun("--port", "1=s1", "--port", "2=s2", "--port", "3=packet:s3", "--port", "4=s4", "--port", "local=tap:of0");
        running.WaitForText("warning port 3: s3: it has the address 2001:db8::5: the host takes its packets as well, and answers\n");
        Assert.Contains("warning port 1: s1: it is a port of br7, which forwards its packets as well\n", running.Error, StringComparison.Ordinal);
        Assert.Contains("warning port 2: s2: it has the address 192.0.2.5: the host takes its packets as well, and answers\n", running.Error, StringComparison.Ordinal);
        Assert.Equal(3, running.Error.Split(" warning ").Length - 1);
    }

    [Fact]
    public void With_the_level_debug_it_tells_of_tools_too_and_as_JSON_of_each_field()
    {
        string listener = Path.Combine(_folder.FullName, "of");
        using RunningCommand running = StartNull("--listen", $"punix:{listener}", "--log-level", "debug", "--log-format", "json");
        Execute("ofctl", "show", $"unix:{listener}").Checked();
        running.WaitForText("closed by the peer", SwitchProgram.Patience);
        JsonElement[] lines = [.. running.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];
        JsonElement connected = Assert.Single(lines, line => line.GetProperty("event").GetString() == "Connected");
        Assert.Equal("debug", connected.GetProperty("level").GetString());
        Assert.StartsWith($"punix:{listener} from ", connected.GetProperty("connection").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Where_the_journal_reads_lines_have_its_priorities()
    {
        Needs.Program("python3");
        const string script = """
            import os, socket, subprocess, sys
            ours, theirs = socket.socketpair()
            status = os.fstat(theirs.fileno())
            os.environ["JOURNAL_STREAM"] = f"{status.st_dev}:{status.st_ino}"
            switch = subprocess.Popen(sys.argv[1:], stderr=theirs, stdout=subprocess.PIPE, text=True)
            theirs.close()
            while switch.stdout.readline() != "ready\n":
                pass
            switch.terminate()
            print(ours.makefile().read(), end="")
            """;
        using RunningCommand python = RunningCommand.Start("python3", ["-c", script, SwitchProgram.Dotnet, SwitchProgram.Library, "run", "--port", "null:"], Environment);
        string[] lines = python.WaitForEnd(SwitchProgram.Patience).Checked().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.StartsWith("<6>started: ", lines[0], StringComparison.Ordinal);
        Assert.Equal("<6>stopping: SIGTERM", lines[1]);
    }

    private Dictionary<string, string> Environment => new() { ["SOFTSWITCH_RUNDIR"] = Sockets };

    private static RunningCommand Start(Dictionary<string, string> environment, params string[] arguments) =>
        RunningCommand.Start(SwitchProgram.Dotnet, [SwitchProgram.Library, .. arguments], environment);

    private RunningCommand StartSeveral()
    {
        string file = Path.Combine(_folder.FullName, "lab.yaml");
        File.WriteAllText(file, """
            name: lab
            switches:
              - name: s1
                datapath-id: a
                port: ["1=null:", "2=null:"]
                flows: ["in_port=1,actions=output:2"]
              - name: s2
                port: ["1=null:"]
            """);
        RunningCommand running = Start(Environment, "run", "--config", file);
        running.WaitForText("\nready\n", SwitchProgram.Patience);
        return running;
    }

    private RunningCommand StartNull(params string[] arguments)
    {
        RunningCommand running = Start(Environment, ["run", "--port", "null:", .. arguments]);
        running.WaitForText("\nready\n", SwitchProgram.Patience);
        return running;
    }

    private CommandResult Execute(params string[] arguments)
    {
        using RunningCommand command = Start(Environment, arguments);
        return command.WaitForEnd(SwitchProgram.Patience);
    }
}
