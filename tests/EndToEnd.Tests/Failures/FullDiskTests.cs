using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests.Failures;

/// <summary>Nobody takes what the switch says, or the disk it writes to is full: it forwards on, and says so where it can.</summary>
public sealed class FullDiskTests : WithControlSocket
{
    private readonly List<string> _mounted = [];

    public override void Dispose()
    {
        _mounted.ForEach(folder => RunningCommand.Execute("umount", "--lazy", folder));
        base.Dispose();
    }

    [Theory]
    [InlineData(">&-")]
    [InlineData("2>&-")]
    [InlineData("<&- >&- 2>&-")]
    [InlineData(">/dev/full")]
    [InlineData("2>/dev/full")]
    [InlineData(">/dev/full 2>/dev/full")]
    public void With_standard_streams_that_are_closed_or_full_it_runs_and_ends_as_ever(string streams)
    {
        using RunningCommand running = RunningCommand.Start(
            "sh", ["-c", $"exec \"$@\" {streams}", "sh", SwitchProgram.Dotnet, SwitchProgram.Library, "run", "--port", "null:", "--control", Control]);
        Eventually.True(() => SwitchProgram.Execute("status", Target).ExitCode == 0, () => running.Error);
        SwitchProgram.Terminate(running);
        Assert.Equal(0, running.WaitForEnd(SwitchProgram.Patience).ExitCode);
    }

    [Fact]
    public void A_mistake_that_cannot_be_told_has_its_exit_code_still() =>
        Assert.Equal(2, RunningCommand.Execute("sh", "-c", "\"$@\" 2>/dev/full", "sh", SwitchProgram.Dotnet, SwitchProgram.Library, "run", "--port", "nul:").ExitCode);

    [Fact]
    public void A_port_that_writes_to_a_full_disk_counts_and_says_so_and_the_others_forward()
    {
        Needs.Namespaces("ovs-ofctl", "ping");
        string disk = MountSmallDisk();
        using var lab = new CabledHosts();
        using RunningCommand running = lab.StartSwitchProcess(
            "--port", $"3=pcap:{disk}/out.pcap", "--listen", CabledHosts.Listen, "--control", Control);
        lab.Ofctl("add-flow", "actions=normal,output:3");
        Assert.Equal(100, lab.Ping(1, 2, count: 100)); // 200 packets of 98 bytes are more than 16 KiB
        running.WaitForText("No space left on device", SwitchProgram.Patience);
        Assert.Single(running.Error.Split('\n'), line => line.Contains("out.pcap lacks packets", StringComparison.Ordinal));
        Eventually.True(() => CabledHosts.Number(Statistics(lab), "errs=") > 0, () => Statistics(lab));
        Assert.Equal(3, lab.Ping(1, 2));
        Assert.Contains("No space left on device", Status(), StringComparison.Ordinal); // for good: later packets may find room
        SwitchProgram.Terminate(running);
        Assert.Equal(0, running.WaitForEnd(SwitchProgram.Patience).ExitCode);
    }

    [Fact]
    public void A_capture_to_a_full_disk_ends_with_the_reason_and_the_switch_goes_on()
    {
        Needs.Namespaces("ping");
        string disk = MountSmallDisk();
        using var lab = new CabledHosts();
        using HostedSwitch running = lab.StartSwitch("--fail-mode", "standalone", "--control", Control);
        using RunningCommand capture = RunningCommand.Start(SwitchProgram.Dotnet, [SwitchProgram.Library, "capture", Target, "-w", $"{disk}/c.pcapng"]);
        capture.WaitForText("capturing to", SwitchProgram.Patience);
        Eventually.True(
            () =>
            {
                Assert.Equal(20, lab.Ping(1, 2, count: 20));
                return capture.HasExited;
            },
            () => capture.Error);
        CommandResult result = capture.WaitForEnd(SwitchProgram.Patience);
        Assert.Equal(2, result.ExitCode);
        Assert.Contains("No space left on device", result.Error, StringComparison.Ordinal);
        Assert.Equal(3, lab.Ping(1, 2));
    }

    [Fact]
    public void Where_the_run_folder_is_read_only_it_starts_without_a_name_and_ends_like_any_other_unless_a_name_was_asked_for()
    {
        Needs.Root();
        var environment = new Dictionary<string, string> { ["SOFTSWITCH_RUNDIR"] = MountSmallDisk(",ro") };
        using RunningCommand running = RunningCommand.Start(SwitchProgram.Dotnet, [SwitchProgram.Library, "run", "--port", "null:"], environment);
        running.WaitForText("\nready\n", SwitchProgram.Patience);
        running.WaitForText("warning no control socket, so tools do not find this switch (--control says where one can be): ", SwitchProgram.Patience);
        using RunningCommand named = RunningCommand.Start(SwitchProgram.Dotnet, [SwitchProgram.Library, "run", "--port", "null:", "--name", "s1"], environment);
        CommandResult refused = named.WaitForEnd(SwitchProgram.Patience);
        Assert.Equal(2, refused.ExitCode);
        Assert.StartsWith("softswitch run: --name: s1: ", refused.Error, StringComparison.Ordinal);
        SwitchProgram.Terminate(running);
        Assert.Equal(0, running.WaitForEnd(SwitchProgram.Patience).ExitCode);
    }

    private static string Statistics(CabledHosts lab)
    {
        string all = lab.Ofctl("dump-ports", "3");
        return all[all.IndexOf("tx pkts", StringComparison.Ordinal)..];
    }

    private string MountSmallDisk(string options = "")
    {
        string folder = Folder.CreateSubdirectory($"disk{_mounted.Count}").FullName;
        CommandResult mounted = RunningCommand.Execute("mount", "-t", "tmpfs", "-o", $"size=16k{options}", "small", folder);
        Assert.SkipWhen(mounted.ExitCode != 0, $"no small disk here: {mounted.Error}");
        _mounted.Add(folder);
        return folder;
    }
}
