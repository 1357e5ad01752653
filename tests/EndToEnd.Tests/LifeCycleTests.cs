using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Ports.Linux.Processes;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests;

/// <summary>How a run starts, fails to start, and ends.</summary>
public sealed class LifeCycleTests
{
    [Fact]
    public void Several_SIGTERMs_as_from_the_threads_of_a_dying_parent_are_one()
    {
        Needs.Namespaces();
        using var lab = new CabledHosts();
        string before = InterfacePicture.Of(lab.Inside);
        using RunningCommand running = lab.StartSwitchProcess("--listen", CabledHosts.Listen);
        for (int thread = 0; thread < 10; thread++)
        {
            RunningCommand.Execute("kill", "-TERM", $"{running.ProcessId}"); // fails once it has ended
        }
        CommandResult result = running.WaitForEnd(SwitchProgram.Patience);
        Assert.Equal(0, result.ExitCode);
        Assert.Equal(before, InterfacePicture.Of(lab.Inside));
    }

    [Fact]
    public void Each_port_listener_and_controller_is_a_line_before_ready()
    {
        Needs.Namespaces();
        using var lab = new CabledHosts();
        using RunningCommand running = lab.StartSwitchProcess("--listen", CabledHosts.Listen, "--controller", "tcp:127.0.0.1:1", "--datapath-id", "2a");
        string[] lines = running.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal("datapath id 000000000000002a", lines[0]);
        Assert.StartsWith("frames: 16384 of 2048 bytes, 32 MiB in ", lines[1], StringComparison.Ordinal);
        Assert.StartsWith("port 1: s1: flows in the kernel, other packets by AF_PACKET: rings", lines[2], StringComparison.Ordinal);
        Assert.StartsWith("port 2: s2: flows in the kernel, ", lines[3], StringComparison.Ordinal);
        Assert.Equal(["listening: ptcp:6654:127.0.0.1", "connecting: tcp:127.0.0.1:1", "ready"], lines[4..]);
    }

    [Fact]
    public void Who_listens_on_all_addresses_without_authentication_says_so()
    {
        const string warning = "on all addresses, without authentication: whoever reaches this host is let in (name a HOST, or use pssl:)";
        Needs.Namespaces();
        using var lab = new CabledHosts();
        using RunningCommand controller = lab.Start("controller", "--listen", "ptcp:6653");
        controller.WaitForText("\nready\n", SwitchProgram.Patience);
        Assert.EndsWith($"listening: ptcp:6653 {warning}\nready\n", controller.Output, StringComparison.Ordinal);
        using RunningCommand run = lab.Start("run", "--port", "null:", "--listen", "ptcp:6654");
        run.WaitForText("\nready\n", SwitchProgram.Patience);
        Assert.EndsWith("\nlistening: ptcp:6654\nready\n", run.Output, StringComparison.Ordinal);
        Eventually.True(() => run.Error.Contains($" warning ptcp:6654: listening {warning}\n", StringComparison.Ordinal), () => run.Error);
    }

    [Fact]
    public void A_worker_stays_on_its_processor_and_the_other_threads_off_it()
    {
        Needs.Namespaces();
        int[] processors = ProcessorAffinity.Read();
        using var lab = new CabledHosts();
        using RunningCommand running = lab.StartSwitchProcess("--cpus", $"{processors[^1]}");
        IReadOnlyList<string[]> threads = SwitchProgram.ReadThreads(running);
        Assert.Equal($"{processors[^1]}", AllowedOf("worker 0"));
        Assert.Equal(processors.Length == 1, AllowedOf("control") == AllowedOf("worker 0"));

        string AllowedOf(string name) => SwitchProgram.Value(threads.First(status => SwitchProgram.Value(status, "Name:") == name), "Cpus_allowed_list:");
    }

    [Fact]
    public void A_worker_that_spins_forwards_and_ends_like_any_other()
    {
        Needs.Namespaces("ping");
        using var lab = new CabledHosts();
        using HostedSwitch running = lab.StartSwitch("--idle", "spin", "--fail-mode", "standalone");
        Assert.Equal(3, lab.Ping(1, 2));
        running.Dispose();
    }

    [Theory]
    [InlineData(new[] { "--port", "packet:nothere,rx-slots=5", "--datapath-id", "1" }, "packet:nothere", "rx-slots=5")]
    [InlineData(new[] { "--port", "xdp:nothere,mode=fast", "--datapath-id", "1" }, "xdp:nothere", "mode=fast")]
    [InlineData(new[] { "--port", "1=replay:/nonexistent/file" }, "replay:/nonexistent/file", "")]
    [InlineData(new[] { "--port", "s1", "--port", "s1" }, "s1", "")]
    [InlineData(new[] { "--port", "s1", "--listen", "ptcp:6654:192.0.2.1" }, "--listen", "ptcp:6654:192.0.2.1")]
    [InlineData(new[] { "--port", "pcap:/nonexistent/file" }, "pcap:/nonexistent/file", "")]
    [InlineData(new[] { "--port", "s1", "--control", "punix:/tmp" }, "--control: punix:/tmp", "is a folder")]
    [InlineData(new[] { "--port", "s1", "--control", "punix:/nonexistent/s" }, "--control: punix:/nonexistent/s", "there is no folder /nonexistent")]
    [InlineData(new[] { "--port", "s1", "--listen", "punix:/tmp" }, "--listen: punix:/tmp", "is a folder")]
    public void What_cannot_be_done_is_one_line_that_names_it(string[] arguments, string name, string reason)
    {
        Needs.Namespaces();
        using var lab = new CabledHosts();
        string before = InterfacePicture.Of(lab.Inside);
        string[] lines = lab.Refusal(arguments).Split('\n');
        Assert.Contains(lines, line => line.Contains(name, StringComparison.Ordinal) && line.Contains(reason, StringComparison.Ordinal));
        Assert.True(lines.Length <= 2, string.Join('\n', lines));
        Assert.Equal(before, InterfacePicture.Of(lab.Inside));
    }

    [Theory]
    [InlineData("--colour", "red", "--colour")]
    [InlineData("--workers", "many", "--workers: 'many' is not a number")]
    [InlineData("--port", "pcap:/nonexistent/file", "pcap:/nonexistent/file")]
    [InlineData("--cpus", "1023", "--cpus: processor 1023 is not one this process may use")]
    public void The_program_ends_with_2_and_a_line_of_its_own_for_each_reason(string option, string value, string reason)
    {
        CommandResult result = SwitchProgram.Execute("run", "--port", "null:", option, value);
        Assert.Equal(2, result.ExitCode);
        Assert.All(result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries), line => Assert.StartsWith("softswitch run: ", line, StringComparison.Ordinal));
        Assert.Contains(reason, result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("ready", result.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("unexpected", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_limit_of_open_files_that_is_too_low_is_named()
    {
        Needs.Program("prlimit");
        CommandResult result = RunningCommand.Execute("prlimit", "--nofile=70", SwitchProgram.Dotnet, SwitchProgram.Library, "run", "--port", "null:");
        Assert.Equal(2, result.ExitCode);
        Assert.Equal("softswitch run: the limit of open files is 70, and the switch needs 100 or more (ulimit -n, LimitNOFILE= of systemd)\n", result.Error);
    }

    [Fact]
    public void A_terminal_that_hangs_up_ends_it_and_interfaces_are_as_they_were()
    {
        Needs.Namespaces("script");
        using var lab = new CabledHosts();
        string before = InterfacePicture.Of(lab.Inside);
        using RunningCommand terminal = lab.Inside.Start("script", "-qc", $"{SwitchProgram.Dotnet} {SwitchProgram.Library} run --port s1", "/dev/null");
        terminal.WaitForText("ready", SwitchProgram.Patience);
        Assert.NotEqual(before, InterfacePicture.Of(lab.Inside));
        SwitchProgram.Terminate(terminal, "KILL");
        Eventually.True(() => InterfacePicture.Of(lab.Inside) == before, () => InterfacePicture.Of(lab.Inside));
    }

    [Fact]
    public void A_terminal_gets_plain_text()
    {
        Needs.Program("script");
        CommandResult result = RunningCommand.Execute("script", "-qc", $"{SwitchProgram.Dotnet} {SwitchProgram.Library} port list unix:/nonexistent/socket", "/dev/null");
        Assert.Contains("no such file", result.Output, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', result.Output);
    }

    [Fact]
    public void A_second_instance_is_told_who_has_the_interface_or_the_listener()
    {
        Needs.Namespaces("ping");
        using var lab = new CabledHosts();
        using RunningCommand first = lab.StartSwitchProcess("--listen", CabledHosts.Listen, "--fail-mode", "standalone");

        Assert.Matches($@"\bs1\b.*\(pid {first.ProcessId}\)", lab.Refusal("--port", "s1"));
        Assert.Contains(
            $"--listen: ptcp:6654:127.0.0.1: Address already in use (pid {first.ProcessId})", lab.Refusal("--port", "null:", "--listen", CabledHosts.Listen), StringComparison.Ordinal);
        Assert.Equal(3, lab.Ping(1, 2)); // and the first forwards as before
    }

    [Fact]
    public void Without_rights_a_line_says_so()
    {
        Needs.Namespaces("setpriv");
        using var lab = new CabledHosts();
        CommandResult result = lab.Inside.Start(
                "setpriv", "--bounding-set=-all", "--inh-caps=-all", SwitchProgram.Dotnet, SwitchProgram.Library, "run", "--port", "s1")
            .WaitForEnd(SwitchProgram.Patience);
        Assert.Equal(2, result.ExitCode);
        string line = Assert.Single(result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Contains("s1", line, StringComparison.Ordinal);
        Assert.Contains("ermi", line, StringComparison.Ordinal); // "Operation not permitted", "Permission denied"
    }

    [Fact]
    public void An_interface_that_vanishes_takes_nothing_else_with_it_and_comes_back_by_itself()
    {
        Needs.Namespaces("ovs-ofctl", "ping");
        using var lab = new CabledHosts(hosts: 3);
        using HostedSwitch running = lab.StartSwitch("--listen", CabledHosts.Listen);
        lab.Ofctl("add-flow", "actions=normal");
        using RunningCommand monitor = lab.StartPortMonitor();
        Assert.Equal(3, lab.Ping(1, 2));
        lab.Inside.Execute("ip", "link", "del", "s3").Checked();
        monitor.WaitForText("OFPT_PORT_STATUS (xid=0x0): DEL: 3(s3)", SwitchProgram.Patience);
        Assert.Equal(3, lab.Ping(1, 2));
        Assert.DoesNotContain("3(s3)", lab.Ofctl("show"), StringComparison.Ordinal);
        lab.Host(3).Reconnect();
        monitor.WaitForText("OFPT_PORT_STATUS (xid=0x0): ADD: 3(s3)", SwitchProgram.Patience);
        Eventually.True(() => lab.Ping(1, 3) == 3, () => running.Output);
        running.Dispose();
    }
}
