using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests.Failures;

/// <summary>Signals at any time: interfaces of every kind are as they were found afterwards.</summary>
public sealed class SignalTests
{
    private const int Starts = 12;
    private const int StepMilliseconds = 40; // a start takes some hundreds
    private const int Storm = 300;
    private const int Terminated = 128 + 15; // before the program has its say

    private static readonly string[] Ports = ["--port", "1=s1", "--port", "2=xdp:s2", "--port", "local=tap:of0"];

    [Theory]
    [InlineData("TERM")]
    [InlineData("INT")]
    public void A_switch_with_every_kind_of_port_leaves_them_as_they_were(string signal)
    {
        using CabledHosts lab = MakeLab();
        string before = InterfacePicture.Of(lab.Inside);
        using RunningCommand running = lab.StartProcess(Ports);
        Assert.NotEqual(before, InterfacePicture.Of(lab.Inside));
        SwitchProgram.Terminate(running, signal);
        Assert.Equal(0, running.WaitForEnd(SwitchProgram.Patience).ExitCode);
        Assert.Equal(before, InterfacePicture.Of(lab.Inside));
    }

    [Fact]
    public void Killed_it_leaves_at_most_what_the_next_one_puts_right()
    {
        using CabledHosts lab = MakeLab();
        string before = InterfacePicture.Of(lab.Inside);
        using RunningCommand killed = lab.StartProcess(Ports);
        SwitchProgram.Terminate(killed, "KILL");
        killed.WaitForEnd(SwitchProgram.Patience);
        // The kernel takes back programs, memberships and devices by itself, some time after the process; a tag offload that is off stays so.
        Eventually.True(() => WithoutVlanOffload(InterfacePicture.Of(lab.Inside)) == WithoutVlanOffload(before), () => InterfacePicture.Of(lab.Inside));
        using RunningCommand next = lab.StartProcess(Ports);
        SwitchProgram.Terminate(next);
        Assert.Equal(0, next.WaitForEnd(SwitchProgram.Patience).ExitCode);
        Assert.Equal(before, InterfacePicture.Of(lab.Inside));
    }

    [Fact]
    public void Asked_to_end_at_any_moment_of_its_start_it_leaves_nothing_behind()
    {
        using CabledHosts lab = MakeLab();
        string before = InterfacePicture.Of(lab.Inside);
        for (int start = 0; start < Starts; start++)
        {
            using RunningCommand starting = lab.Start("run", Ports);
            Eventually.AnotherMoment(start * StepMilliseconds);
            SwitchProgram.Terminate(starting);
            CommandResult result = starting.WaitForEnd(SwitchProgram.Patience);
            Assert.True(result.ExitCode is 0 or Terminated, $"{result.ExitCode} {result.Error}");
            Assert.Equal(before, InterfacePicture.Of(lab.Inside));
        }
    }

    [Fact]
    public void Stopped_and_continued_it_forwards_as_before()
    {
        Needs.Namespaces("ping");
        using CabledHosts lab = MakeLab();
        using RunningCommand running = lab.StartProcess([.. Ports, "--fail-mode", "standalone"]);
        Assert.Equal(3, lab.Ping(1, 2));
        running.Stop();
        Eventually.True(() => SwitchProgram.ReadThreads(running).All(IsStopped), "all its threads stand still");
        Assert.Equal(0, lab.Ping(1, 2));
        running.Continue();
        Eventually.True(() => lab.Ping(1, 2) == 3, () => running.Error);
        SwitchProgram.Terminate(running);
        Assert.Equal(0, running.WaitForEnd(SwitchProgram.Patience).ExitCode);
    }

    [Fact]
    public void A_storm_of_SIGHUP_costs_no_packet_and_does_not_outlast_SIGTERM()
    {
        Needs.Namespaces("ping");
        using CabledHosts lab = MakeLab();
        string before = InterfacePicture.Of(lab.Inside);
        using RunningCommand running = lab.StartProcess([.. Ports, "--fail-mode", "standalone"]);
        RunningCommand.Execute("sh", "-c", $"i=0; while [ $i -lt {Storm} ]; do kill -HUP {running.ProcessId}; i=$((i+1)); done").Checked();
        Assert.Equal(10, lab.Ping(1, 2, count: 10));
        RunningCommand.Execute("sh", "-c", $"i=0; while [ $i -lt {Storm} ]; do kill -HUP {running.ProcessId}; i=$((i+1)); done; kill -TERM {running.ProcessId}").Checked();
        Assert.Equal(0, running.WaitForEnd(SwitchProgram.Patience).ExitCode);
        Assert.Equal(before, InterfacePicture.Of(lab.Inside));
    }

    private static bool IsStopped(string[] status) => SwitchProgram.Value(status, "State:").StartsWith('T');

    private static CabledHosts MakeLab()
    {
        Needs.Xdp("ip", "ethtool", "tc");
        Needs.Tun();
        return new CabledHosts();
    }

    private static string WithoutVlanOffload(string picture) => string.Join('\n', picture.Split('\n').Where(line => !line.StartsWith("rx-vlan-offload:", StringComparison.Ordinal)));
}
