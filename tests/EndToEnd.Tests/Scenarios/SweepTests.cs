using System.Globalization;
using System.Text.Json.Nodes;
using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Scenarios.Sweeps;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests.Scenarios;

/// <summary>A sweep of real runs, as a person starts it.</summary>
[Trait("Ring", "all")]
public sealed class SweepTests
{
    // Three runs, of some seconds each where nothing else runs.
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(4);

    [Fact]
    public void Interrupted_it_keeps_its_runs_leaves_nothing_else_and_goes_on()
    {
        Needs.Namespaces();
        string folder = Directory.CreateTempSubdirectory("sweep").FullName;
        try
        {
            string table = Path.Combine(folder, "runs.csv");
            string[] arguments = [SwitchProgram.Library, "scenario", "victor", "--small", "--repeat", "2", "--out", folder];
            using (RunningCommand running = RunningCommand.Start(SwitchProgram.Dotnet, arguments))
            {
                running.WaitForText("run 2 of 2", Bound);
                int[] children = [];
                Eventually.True(() => (children = ChildrenOf(running.ProcessId)).Length > 0, "the run has a process");
                SwitchProgram.Terminate(running);
                CommandResult interrupted = running.WaitForEnd(Bound);
                Assert.Equal(130, interrupted.ExitCode);
                Assert.Contains("interrupted after 1 runs; the same command goes on", interrupted.Error, StringComparison.Ordinal);
                // With it go its namespaces.
                Assert.All(children, child => Eventually.True(() => !Directory.Exists($"/proc/{child}"), "the run's process is gone"));
            }
            Assert.Single(Rows(table).Skip(1));
            Assert.Equal(["0001.json"], Directory.GetFiles(Path.Combine(folder, "runs")).Select(Path.GetFileName));
            string first = File.ReadAllText(Path.Combine(folder, "runs", "0001.json"));
            using (RunningCommand running = RunningCommand.Start(SwitchProgram.Dotnet, arguments))
            {
                CommandResult result = running.WaitForEnd(Bound);
                Assert.True(result.ExitCode == 0, result.Output + result.Error);
                Assert.StartsWith("1 of 2 runs are there\nrun 2 of 2: seed=2\n", result.Output, StringComparison.Ordinal);
            }
            IReadOnlyList<string[]> rows = Rows(table);
            Assert.Equal(["1", "2"], rows.Skip(1).Select(row => row[Array.IndexOf(rows[0], "seed")]));
            Assert.All(rows.Skip(1), row => Assert.Equal("true", row[Array.IndexOf(rows[0], "passed")]));
            Assert.Equal(first, File.ReadAllText(Path.Combine(folder, "runs", "0001.json")));
            Assert.True(JsonNode.Parse(first)!["result"]!["passed"]!.GetValue<bool>());
            Assert.Contains("2 runs.", File.ReadAllText(Path.Combine(folder, "index.html")), StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Killed_it_takes_the_run_with_it_that_is_under_way()
    {
        Needs.Namespaces();
        string folder = Directory.CreateTempSubdirectory("sweep").FullName;
        try
        {
            using RunningCommand running = RunningCommand.Start(
                SwitchProgram.Dotnet,
                [SwitchProgram.Library, "scenario", "victor", "--small", "--set", "moves=50,pause=9000", "--repeat", "1", "--out", folder]);
            running.WaitForText("run 1 of 1", Bound);
            int[] children = [];
            Eventually.True(() => (children = ChildrenOf(running.ProcessId)).Length > 0, "the run has a process");
            SwitchProgram.Terminate(running, "KILL");
            running.WaitForEnd(SwitchProgram.Patience);
            Assert.All(children, child => Eventually.True(() => !Directory.Exists($"/proc/{child}"), "the run's process is gone"));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static int[] ChildrenOf(int process) =>
        [.. Directory.GetDirectories("/proc").Select(Path.GetFileName).Where(name => int.TryParse(name, out _) && ReadParent(name!) == process).Select(int.Parse!)];

    /// <summary>Zero of a process that is gone.</summary>
    private static int ReadParent(string process)
    {
        try
        {
            string line = File.ReadLines($"/proc/{process}/status").First(line => line.StartsWith("PPid:", StringComparison.Ordinal));
            return int.Parse(line.AsSpan("PPid:".Length), CultureInfo.InvariantCulture);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return 0;
        }
    }

    private static IReadOnlyList<string[]> Rows(string table) => Csv.Parse(File.ReadAllText(table));
}
