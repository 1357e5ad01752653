using System.Text.Json;
using System.Text.RegularExpressions;
using Softswitch.Bench.Vhost;
using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests;

/// <summary>Benchmarks that somebody ends: they print what they have, and leave nothing. How fast is not asserted.</summary>
[Trait("Ring", "all")]
public sealed class BenchInterruptionTests : IDisposable
{
    // Asked for far more than a test waits: what ends it is the signal.
    private const string Long = "1000";

    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(120);

    private readonly DirectoryInfo _temporary = Directory.CreateTempSubdirectory("bench-");

    public void Dispose() => _temporary.Delete(recursive: true);

    [Theory]
    [InlineData("pipeline", "--seconds", Long)]
    [InlineData("pipeline", "--flows", "10000000")]
    [InlineData("churn", "--seconds", Long)]
    [InlineData("stall", "--seconds", Long)]
    [InlineData("packetin", "--seconds", Long)]
    [InlineData("flowmod", "--flows", "16000000")]
    [InlineData("netfpga", "--flows", "16000")]
    public void Wherever_it_is_it_ends_with_an_object_that_says_so(string name, params string[] arguments)
    {
        // At once, and somewhere on its way.
        foreach (int milliseconds in (int[])[0, Random.Shared.Next(1000)])
        {
            using RunningCommand command = Start([name, "--json", .. arguments]);
            command.WaitForText($"{name}: ", Bound);
            Eventually.AnotherMoment(milliseconds);
            SwitchProgram.Terminate(command, Random.Shared.Next(2) == 0 ? "TERM" : "INT");
            JsonElement result = CheckInterrupted(command);
            Assert.Equal(name, result.GetProperty("benchmark").GetString());
        }
    }

    [Fact]
    public void Slices_measured_until_then_are_the_result()
    {
        using RunningCommand command = Start("pipeline", "--json", "--seconds", Long);
        command.WaitForText("slices", Bound);
        SwitchProgram.Terminate(command);
        JsonElement result = CheckInterrupted(command);
        Assert.True(result.GetProperty("slices").GetInt32() > 0);
        Assert.True(result.GetProperty("mpps").GetDouble() > 0);
        Assert.True(result.TryGetProperty("disturbed", out _));
    }

    [Fact]
    public void Programs_it_has_started_end_with_it_and_rows_measured_until_then_stay()
    {
        Needs.Xdp("pgrep");
        // Those before the last have their round; then the last one's switch starts.
        using RunningCommand command = Start("io", "--json", "--seconds", "0.05", "--rounds", "1", "--tolerance", "0.5");
        command.WaitForText("xdp: ", Bound);
        string[] children = Children(command);
        SwitchProgram.Terminate(command, "INT");
        JsonElement result = CheckInterrupted(command);
        Assert.Equal("kernel", result.GetProperty("rows")[0].GetProperty("backend").GetString());
        CheckNothingIsLeft(children);
    }

    [Fact]
    public void A_signal_to_everything_at_once_is_no_failure()
    {
        Needs.Xdp("pgrep");
        using RunningCommand command = Start("io", "--json", "--backend", "packet", "--seconds", "250");
        string[] children = [];
        Eventually.True(() => (children = Children(command)).Length > 0, () => $"no switch was started: {command.Error}");
        // As the terminal's Ctrl-C does, by one program; the switch may well be the first to end.
        RunningCommand.Execute("kill", ["-INT", .. children, $"{command.ProcessId}"]);
        CheckInterrupted(command);
    }

    [Fact]
    public void An_open_vswitch_of_its_own_ends_with_it()
    {
        Needs.Namespaces("pgrep");
        BenchProgram.NeedsOpenVSwitch();
        using RunningCommand command = Start("compare", "--json", "--rows", "churn", "--seconds", Long);
        Eventually.True(() => Children(command).Length > 1, () => $"database and switch are not started: {command.Error}");
        string[] children = Children(command);
        SwitchProgram.Terminate(command);
        CheckInterrupted(command);
        CheckNothingIsLeft(children);
    }

    [Fact]
    public void A_guest_and_a_network_end_with_it()
    {
        Needs.Xdp("pgrep", "iperf3");
        List<string[]> commands = [["topology", "--switches", "4", "--rounds", "1", "--seconds", "100"]];
        if (!TestPmd.FindMissing().Any())
        {
            commands.Add(["vhost", "--no-huge", "--seconds", Long]);
        }
        foreach (string[] arguments in commands)
        {
            using RunningCommand command = Start([.. arguments, "--json"]);
            Eventually.True(() => Children(command).Length > 0, () => $"nothing is started: {command.Error}");
            Eventually.AnotherMoment(Random.Shared.Next(3000));
            string[] children = Children(command);
            SwitchProgram.Terminate(command);
            CheckInterrupted(command);
            CheckNothingIsLeft(children);
        }
    }

    [Fact]
    public void A_report_is_of_the_benchmarks_that_were_done()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("bench-report-");
        try
        {
            using RunningCommand command = Start("report", "--json", "--quick", "--seconds", "2", "--out", folder.FullName);
            // It does not say each.
            Eventually.True(() => Regex.IsMatch(command.Error, "^report, .*: [2-6] of 7: ", RegexOptions.Multiline), () => $"says nothing of the second: {command.Error}");
            SwitchProgram.Terminate(command);
            Assert.True(CheckInterrupted(command).GetProperty("benchmarks").GetInt32() >= 1);
            Assert.Contains("`: interrupted\n", File.ReadAllText(Path.Combine(folder.FullName, "report.md")), StringComparison.Ordinal);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    // With a folder for temporary files that is its own.
    private RunningCommand Start(params string[] arguments) => RunningCommand.Start(
        SwitchProgram.Dotnet, [SwitchProgram.Library, "bench", .. arguments],
        new Dictionary<string, string> { ["TMPDIR"] = _temporary.FullName, ["DOTNET_EnableDiagnostics"] = "0" }); // whose socket would be in it

    private static string[] Children(RunningCommand command) =>
        RunningCommand.Execute("pgrep", "-P", $"{command.ProcessId}").Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private void CheckNothingIsLeft(string[] children)
    {
        Assert.All(children, child => Assert.False(Directory.Exists($"/proc/{child}"), $"process {child} is still there"));
        Assert.Empty(_temporary.GetFileSystemInfos());
    }

    private static JsonElement CheckInterrupted(RunningCommand command)
    {
        CommandResult result = command.WaitForEnd(Bound);
        Assert.Equal(130, result.ExitCode);
        string[] complaints = [.. result.Error.Split('\n').Where(line => line.StartsWith("softswitch ", StringComparison.Ordinal))];
        Assert.EndsWith(": interrupted; this is what there was until then", Assert.Single(complaints), StringComparison.Ordinal);
        using JsonDocument document = JsonDocument.Parse(Assert.Single(result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)));
        Assert.True(document.RootElement.GetProperty("interrupted").GetBoolean());
        return document.RootElement.Clone();
    }
}
