using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests;

/// <summary>What a switch may do that root started, and what it takes when another starts it.</summary>
public sealed class PrivilegesTests
{
    // By bit, as in linux/capability.h: DAC_OVERRIDE, NET_BIND_SERVICE, NET_ADMIN, NET_RAW, IPC_LOCK and BPF.
    private const ulong Kept = (1UL << 1) | (1UL << 10) | (1UL << 12) | (1UL << 13) | (1UL << 14) | (1UL << 38) | (1UL << 39);

    [Fact]
    public void Started_by_root_no_thread_has_more_than_ports_and_files_take_and_none_can_get_it()
    {
        Needs.Namespaces("ping");
        using var lab = new CabledHosts();
        using RunningCommand running = lab.StartSwitchProcess("--fail-mode", "standalone");
        IReadOnlyList<string[]> threads = SwitchProgram.ReadThreads(running);
        Assert.NotEmpty(threads);
        foreach (string[] status in threads)
        {
            foreach (string set in new[] { "CapEff:", "CapPrm:", "CapBnd:", "CapInh:", "CapAmb:" })
            {
                Assert.Equal(0UL, Convert.ToUInt64(SwitchProgram.Value(status, set), 16) & ~Kept);
            }
            Assert.Equal("1", SwitchProgram.Value(status, "NoNewPrivs:"));
        }
        Assert.Equal(3, lab.Ping(1, 2));
    }

    [Fact]
    public void What_the_launchers_leave_is_what_a_switch_keeps_so_that_it_need_not_start_again()
    {
        Needs.Root();
        Needs.Program("setpriv");
        string[] status = RunningCommand.Execute(Path.Combine(Repository.Root, "eng", "keep-capabilities"), "cat", "/proc/self/status").Checked().Output.Split('\n');
        string[] here = File.ReadAllLines("/proc/self/status");
        Assert.Equal(Kept & Convert.ToUInt64(SwitchProgram.Value(here, "CapBnd:"), 16), Convert.ToUInt64(SwitchProgram.Value(status, "CapBnd:"), 16));
        Assert.Equal("1", SwitchProgram.Value(status, "NoNewPrivs:"));
    }

    [Fact]
    public void The_launchers_start_another_user_s_program_too()
    {
        Needs.Root();
        Needs.Program("setpriv");
        string launcher = Path.Combine(Repository.Root, "eng", "keep-capabilities");
        // Through the shell, whose script another user may not be able to reach.
        CommandResult said = RunningCommand.Execute(
            "sh", "-c", "script=$(cat \"$1\"); exec setpriv --reuid 65534 --regid 65534 --clear-groups sh -c \"$script\" keep-capabilities echo 'two  words'", "sh", launcher);
        Assert.Equal("two  words\n", said.Checked().Output);
    }

    [Fact]
    public void It_goes_on_under_its_number_and_with_the_arguments_it_was_given()
    {
        Needs.Namespaces();
        using var lab = new CabledHosts();
        // An empty argument and one with a space have to come through.
        CommandResult wrong = lab.RunToEnd("--port", "1=s1", "--name", "two words", "--web", "");
        Assert.Equal(2, wrong.ExitCode);
        Assert.Contains("'two words'", wrong.Error, StringComparison.Ordinal);
        Assert.Contains("web", wrong.Error, StringComparison.Ordinal);
    }

    [Theory, InlineData("packet:"), InlineData("")]
    public void Another_user_with_two_capabilities_forwards_between_interfaces(string kind)
    {
        Needs.Namespaces("setpriv", "ping");
        using var lab = new CabledHosts();
        using RunningCommand running = lab.Inside.Start(
            "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--no-new-privs", "--bounding-set", "-all,+net_admin,+net_raw",
            "--inh-caps", "-all,+net_admin,+net_raw", "--ambient-caps", "-all,+net_admin,+net_raw",
            SwitchProgram.Dotnet, SwitchProgram.Library, "run", "--port", $"1={kind}s1", "--port", $"2={kind}s2", "--fail-mode", "standalone");
        running.WaitForText("\nready\n", SwitchProgram.Patience);
        Assert.Equal(3, lab.Ping(1, 2));
    }
}
