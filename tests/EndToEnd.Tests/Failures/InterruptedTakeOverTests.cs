using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests.Failures;

/// <summary>A take-over that somebody ends, or that comes after an interface was renamed.</summary>
public sealed class InterruptedTakeOverTests : WithControlSocket
{
    private const int Attempts = 8;
    private const int StepMilliseconds = 120; // a take-over is done after some hundreds

    private string[] Arguments => ["--port", "1=s1", "--port", "2=s2", "--fail-mode", "standalone", "--listen", CabledHosts.Listen, "--control", Control];

    private string[] TakeOver => [.. Arguments, "--take-over", Target];

    [Fact]
    public void A_taker_that_is_asked_to_end_before_the_switch_is_its_own_leaves_it_to_the_running_one()
    {
        Needs.Namespaces("ping");
        using var lab = new CabledHosts();
        RunningCommand running = lab.StartProcess(Arguments);
        bool wasLeft = false;
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            RunningCommand taker = lab.Start("run", TakeOver);
            Eventually.AnotherMoment(attempt * StepMilliseconds);
            SwitchProgram.Terminate(taker);
            CommandResult result = taker.WaitForEnd(SwitchProgram.Patience);
            if (result.Error.Contains("taken over", StringComparison.Ordinal) || result.Output.Contains("taken over", StringComparison.Ordinal))
            {
                // It was the switch by then, and ended as one.
                Assert.Equal(0, result.ExitCode);
                Assert.Equal(0, running.WaitForEnd(SwitchProgram.Patience).ExitCode);
                running = lab.StartProcess(Arguments);
            }
            else
            {
                wasLeft = true;
                Assert.NotEqual(0, result.ExitCode);
                Assert.False(running.HasExited, running.Error);
            }
            Eventually.True(() => lab.Ping(1, 2) == 3, () => running.Error);
        }
        Assert.True(wasLeft, "none of them was asked early enough");
    }

    [Fact]
    public void A_port_whose_interface_was_renamed_is_taken_over_as_any_other()
    {
        Needs.Namespaces("ping");
        using var lab = new CabledHosts();
        using RunningCommand running = lab.StartProcess(Arguments);
        lab.Inside.Execute("ip", "link", "set", "s2", "name", "renamed").Checked();
        running.WaitForText("port 2: s2: is called renamed now", SwitchProgram.Patience);
        using RunningCommand taker = lab.StartProcess(TakeOver);
        Assert.Equal(0, running.WaitForEnd(SwitchProgram.Patience).ExitCode);
        Assert.Contains("2 ports", taker.Output, StringComparison.Ordinal);
        Assert.Equal(3, lab.Ping(1, 2));
    }

    [Fact]
    public void A_switch_of_another_network_namespace_is_left_alone_though_the_interfaces_have_the_same_numbers()
    {
        Needs.Namespaces("ping");
        using var lab = new CabledHosts();
        using var other = new CabledHosts();
        Assert.Equal(lab.Inside.Links.FindLink("s1")!.Index, other.Inside.Links.FindLink("s1")!.Index);
        using HostedSwitch running = lab.StartRun(Arguments);
        CommandResult refused = other.RunToEnd(TakeOver);
        Assert.Equal(2, refused.ExitCode);
        Assert.Contains("it is in another network namespace", refused.Error, StringComparison.Ordinal);
        running.WaitForText("take-over by pid");
        Assert.Contains("the switch goes on: it is in another network namespace", running.Error, StringComparison.Ordinal);
        Assert.Equal(3, lab.Ping(1, 2));
    }

    [Fact]
    public void A_port_that_waits_for_its_interface_waits_on_in_the_next_process()
    {
        Needs.Namespaces("ping");
        using var lab = new CabledHosts(hosts: 3);
        lab.Inside.Execute("ip", "link", "set", "s3", "name", "hidden").Checked();
        using RunningCommand running = lab.StartProcess([.. Arguments, "--port", "3=s3"]);
        using RunningCommand taker = lab.StartProcess([.. TakeOver, "--port", "3=s3"]);
        Assert.Equal(0, running.WaitForEnd(SwitchProgram.Patience).ExitCode);
        lab.Inside.Execute("ip", "link", "set", "hidden", "name", "s3").Checked();
        Eventually.True(() => lab.Ping(1, 3) == 3, () => taker.Error);
    }
}
