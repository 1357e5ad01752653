using System.Text.Json.Nodes;
using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.EndToEnd.Tests.Machines;
using Softswitch.Ports.Linux.Processes;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests.Scenarios;

/// <summary>The systems from the papers at small scale, as a person starts them. Times decide nothing here.</summary>
public sealed class ScenarioTests
{
    // A minute or so of work on an idle machine, with what waits for others on a busy one.
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(10);

    [Fact, Trait("Ring", "all")]
    public void Mat_passes_at_small_scale() => Pass("mat");

    [Fact, Trait("Ring", "all")]
    public void Mat_passes_with_ten_networks()
    {
        JsonNode scenario = Pass("mat", "--set", "switches=10,part=moves");
        Assert.True(scenario["measures"]!["update_median_ms"]!.GetValue<double>() > 0);
        Assert.Equal(31, scenario["measures"]!["update_median_flow_mods"]!.GetValue<double>());
    }

    [Fact, Trait("Ring", "all")]
    public void Twaren_passes_at_small_scale() => Pass("twaren");

    [Fact, Trait("Ring", "all")]
    public void Twaren_passes_through_five_campuses()
    {
        JsonNode measures = Pass("twaren", "--set", "part=networks,networks=5,moves=6,make-before-break=on")["measures"]!;
        Assert.True(measures["update_median_ms"]!.GetValue<double>() > 0);
        Assert.True(measures["update_median_flow_mods"]!.GetValue<double>() >= 5); // each aggregation switch of a mesh has one
    }

    [Fact, Trait("Ring", "all")]
    public void Victor_passes_at_small_scale() => Pass("victor");

    [Fact, Trait("Ring", "all")]
    public void Victor_passes_with_other_ports_cables_tunnels_elements_and_order() =>
        Pass(
            "victor", "--set",
            "part=handoffs,backend=tap,link-rate=200,tunnel=vxlan,elements=5,hosts=50,make-before-break=on,size=1000,pings=200");

    [Fact, Trait("Ring", "all")]
    public void L3mig_passes_at_small_scale() => Pass("l3mig");

    [Fact, Trait("Ring", "all")]
    public void L3mig_keeps_sessions_of_several_networks_without_barriers_and_with_every_change_after_the_move()
    {
        JsonNode scenario = Pass("l3mig", "--set", "part=moves,memory=2,networks=3,sessions=6,barriers=off,make-before-break=off");
        Assert.Equal(0, scenario["measures"]!["lost_sessions"]!.GetValue<double>());
        Assert.Equal(0, scenario["measures"]!["migration_median_flow_mods"]!.GetValue<double>());
        Assert.True(scenario["measures"]!["copy_median_s"]!.GetValue<double>() > 0);
        Assert.Null(scenario["measures"]!["post_migration_median_ms"]); // nothing confirms it
    }

    [Fact, Trait("Ring", "all")]
    public void Mat_passes_with_a_guest() => PassWithGuest("mat");

    [Fact, Trait("Ring", "all")]
    public void Twaren_passes_with_a_guest() => PassWithGuest("twaren");

    [Fact, Trait("Ring", "all")]
    public void Victor_passes_with_a_guest() => PassWithGuest("victor");

    [Fact, Trait("Ring", "all")]
    public void L3mig_passes_with_a_guest() => PassWithGuest("l3mig");

    [Fact]
    public void What_guests_need_and_is_not_installed_is_named_in_one_line()
    {
        Needs.Root();
        Needs.Program("unshare");
        Assert.SkipUnless(Directory.Exists("/boot"), "/boot does not exist: there is no kernel to hide");
        CommandResult result = RunningCommand.Execute(
            "unshare", "--mount", "sh", "-c", "mount -t tmpfs none /boot && exec \"$@\"", "sh", SwitchProgram.Dotnet, SwitchProgram.Library, "scenario", "mat", "--vm");
        Assert.Equal(2, result.ExitCode);
        string line = Assert.Single(result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.StartsWith("softswitch scenario: --vm: ", line, StringComparison.Ordinal);
        Assert.Contains("linux-image-cloud-amd64", line, StringComparison.Ordinal);
    }

    [Fact, Trait("Ring", "all")]
    public void Interrupted_it_says_so_and_leaves_nothing()
    {
        Needs.Namespaces();
        using NetworkNamespace outside = NetworkNamespace.Create(); // where nobody else makes or takes devices
        string before = ReadLinks();
        using RunningCommand running = RunningCommand.Start(SwitchProgram.Dotnet, [SwitchProgram.Library, "scenario", "victor", "--small"], network: outside);
        running.WaitForText("rehearsal", Bound);
        SwitchProgram.Terminate(running, "INT");
        CommandResult result = running.WaitForEnd(Bound);
        Assert.Equal(130, result.ExitCode);
        Assert.Contains("interrupted", result.Error, StringComparison.Ordinal);
        Assert.Equal(before, ReadLinks());

        string ReadLinks()
        {
            using RunningCommand command = RunningCommand.Start("ip", ["-o", "link"], network: outside);
            return command.WaitForEnd(RunningCommand.UsualLimit).Checked().Output;
        }
    }

    [Fact, Trait("Ring", "all")]
    public void Kept_it_can_be_looked_at_with_the_commands_it_says()
    {
        Needs.Namespaces("nsenter");
        using RunningCommand running = RunningCommand.Start(SwitchProgram.Dotnet, [SwitchProgram.Library, "scenario", "victor", "--small", "--keep"]);
        running.WaitForText("Ctrl-C ends it.", Bound);
        string line = running.Output.Split('\n').Single(text => text.Contains("FE2: nsenter", StringComparison.Ordinal));
        string[] words = line.Split("FE2: ")[1].Split(' ');
        int own = Array.IndexOf(words, "./softswitch");
        CommandResult flows = RunningCommand.Execute(words[0], [.. words[1..own], SwitchProgram.Dotnet, SwitchProgram.Library, .. words[(own + 1)..]]).Checked();
        Assert.Contains("nw_dst=10.10.0.36", flows.Output, StringComparison.Ordinal);
        SwitchProgram.Terminate(running);
        Assert.Equal(0, running.WaitForEnd(Bound).ExitCode);
    }

    [Fact]
    public void A_folder_that_cannot_be_written_is_refused_before_anything_starts()
    {
        CommandResult result = SwitchProgram.Execute("scenario", "victor", "--repeat", "2", "--out", "/proc/no/such/folder");
        Assert.Equal(2, result.ExitCode);
        Assert.StartsWith("softswitch scenario: --out: ", Assert.Single(result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
    }

    /// <summary>With QEMU's figures of each move beside ours.</summary>
    private static void PassWithGuest(string name)
    {
        MachineTests.NeedsMachines();
        JsonNode scenario = Pass(name, "--vm");
        Assert.All(scenario["migrations"]!.AsArray(), one =>
        {
            Assert.True(one!["totalMs"]!.GetValue<double>() >= one["downtimeMs"]!.GetValue<double>());
            Assert.True(one["bytes"]!.GetValue<long>() > 0 && one["flowMods"]!.GetValue<long>() > 0 && one["updateMs"]!.GetValue<double>() > 0);
        });
        Assert.NotEmpty(scenario["migrations"]!.AsArray());
    }

    /// <summary>Runs one with everything it can write: JSON, a page, captures.</summary>
    private static JsonNode Pass(string name, params string[] options)
    {
        Needs.Namespaces();
        string folder = Directory.CreateTempSubdirectory("scenario").FullName;
        try
        {
            using RunningCommand running = RunningCommand.Start(
                SwitchProgram.Dotnet, [SwitchProgram.Library, "scenario", name, "--small", "--json", "--report", folder, "--pcap", folder, .. options]);
            CommandResult result = running.WaitForEnd(Bound);
            Assert.True(result.ExitCode == 0, result.Output + result.Error);
            JsonNode scenario = Assert.Single(JsonNode.Parse(result.Output)!["scenarios"]!.AsArray())!;
            Assert.True(scenario["passed"]!.GetValue<bool>());
            Assert.Null(scenario["failure"]);
            Assert.Contains(scenario["checks"]!.AsArray(), check => check!["judged"]!.GetValue<bool>());
            string page = File.ReadAllText(Path.Combine(folder, "index.html"));
            Assert.Contains($"<h2 id=\"{name}\">{name}: <span class=\"ok\">passed</span></h2>", page, StringComparison.Ordinal);
            Assert.Contains("<polyline", page, StringComparison.Ordinal);
            Assert.NotEmpty(Directory.GetFiles(folder, $"{name}-*.pcap"));
            Assert.Equal(options.Contains("--vm"), page.Contains("<h3>Live migrations</h3>", StringComparison.Ordinal));
            return scenario;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
