using System.Text.Json;
using System.Xml.Linq;
using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;
using static Softswitch.EndToEnd.Tests.Harness.BenchProgram;

namespace Softswitch.EndToEnd.Tests;

/// <summary>The benchmarks that run others: the report, and the comparison with Open vSwitch. How fast is not asserted.</summary>
[Trait("Ring", "all")]
public sealed class BenchReportTests
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(240);

    [Fact]
    public void A_report_holds_every_figure_with_its_command_and_the_charts()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("softswitch-report-");
        try
        {
            string target = Path.Combine(folder.FullName, "report");
            CommandResult run = Execute("report", "--quick", "--seconds", "0.05", "--out", target, "--json").Checked();
            using JsonDocument said = JsonDocument.Parse(Assert.Single(run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)));
            string[] files = [.. said.RootElement.GetProperty("files").EnumerateArray().Select(file => file.GetString()!)];
            Assert.Equal(files.Order(StringComparer.Ordinal), Directory.GetFiles(target).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal));
            Assert.Equal(
                ["report.md", "report.html", "report.json", "rate-flows.svg", "rate-churn.svg", "kept-churn.svg", "latency-packetin.svg", "stall.svg"],
                files);

            string text = File.ReadAllText(Path.Combine(target, "report.md"));
            using JsonDocument report = JsonDocument.Parse(File.ReadAllText(Path.Combine(target, "report.json")));
            foreach (string field in (string[])["cpu", "cores", "kernel", "runtime"])
            {
                Assert.Contains($"{report.RootElement.GetProperty("machine").GetProperty(field)}", text, StringComparison.Ordinal);
            }
            Assert.Contains(report.RootElement.GetProperty("commit").GetString()!, text, StringComparison.Ordinal);
            Assert.Contains(report.RootElement.GetProperty("date").GetString()!, text, StringComparison.Ordinal);
            string[] topics = [.. report.RootElement.GetProperty("figures").EnumerateArray().Select(figure => figure.GetProperty("topic").GetString()!).Distinct()];
            Assert.Equal(["flows", "churn", "packetin", "stall", "flowmods"], topics);
            foreach (JsonElement figure in report.RootElement.GetProperty("figures").EnumerateArray())
            {
                Assert.Empty(figure.GetProperty("errors").EnumerateArray());
                Assert.Contains($"`{figure.GetProperty("command").GetString()}`", text, StringComparison.Ordinal);
                Assert.StartsWith(
                    $"./softswitch bench {figure.GetProperty("result").GetProperty("benchmark").GetString()} ",
                    figure.GetProperty("command").GetString(), StringComparison.Ordinal);
            }
            foreach (string chart in files.Where(file => file.EndsWith(".svg", StringComparison.Ordinal)))
            {
                Assert.Contains($"({chart})", text, StringComparison.Ordinal);
                Assert.Contains(XDocument.Load(Path.Combine(target, chart)).Descendants(), shape => shape.Name.LocalName == "polyline" || (string?)shape.Attribute("class") == "disturbed");
            }
            string page = File.ReadAllText(Path.Combine(target, "report.html"));
            Assert.Contains("<meta name=\"viewport\"", page, StringComparison.Ordinal);
            Assert.Equal(2 * files.Count(file => file.EndsWith(".svg", StringComparison.Ordinal)), page.Split("<svg ").Length - 1); // for a screen and for a phone
            Assert.DoesNotContain("http", page.Replace("http://www.w3.org/2000/svg", string.Empty, StringComparison.Ordinal), StringComparison.Ordinal);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void An_ordinary_user_s_report_leaves_out_what_needs_root_and_says_so()
    {
        Needs.Root();
        Needs.Program("setpriv");
        // Where another user can read it.
        string program = Path.GetDirectoryName(SwitchProgram.Library)!;
        CommandResult reached = RunningCommand.Execute("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "test", "-r", SwitchProgram.Library);
        Assert.SkipWhen(reached.ExitCode != 0, $"another user cannot read {program}");
        DirectoryInfo folder = Directory.CreateTempSubdirectory("bench-user-");
        try
        {
            RunningCommand.Execute("chmod", "777", folder.FullName).Checked();
            using RunningCommand command = RunningCommand.Start(
                "setpriv",
                [
                    "--reuid", "65534", "--regid", "65534", "--clear-groups", SwitchProgram.Dotnet, SwitchProgram.Library,
                    "bench", "report", "--quick", "--seconds", "0.02", "--out", Path.Combine(folder.FullName, "report"), "--json",
                ],
                new Dictionary<string, string> { ["HOME"] = folder.FullName, ["DOTNET_CLI_HOME"] = folder.FullName });
            CommandResult run = command.WaitForEnd(Bound).Checked();
            using JsonDocument said = JsonDocument.Parse(run.Output);
            JsonElement[] left = [.. said.RootElement.GetProperty("notMeasured").EnumerateArray()];
            Assert.Equal(["io", "vhost", "topology", "compare"], left.Select(line => line.GetProperty("command").GetString()!.Split(' ')[2]));
            Assert.All(left, line => Assert.StartsWith("it needs root (", line.GetProperty("reason").GetString(), StringComparison.Ordinal));
            string text = File.ReadAllText(Path.Combine(folder.FullName, "report", "report.md"));
            Assert.All(left, line => Assert.Contains($"- `{line.GetProperty("command")}`: {line.GetProperty("reason")}\n", text, StringComparison.Ordinal));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void A_report_that_cannot_be_written_is_refused_before_anything_is_measured()
    {
        CommandResult result = Execute("report", "--quick", "--out", "/proc/softswitch-report");
        Assert.Equal(2, result.ExitCode);
        Assert.Contains("\nsoftswitch bench report: --out: ", result.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/nowhere/ovs-vswitchd", "is not there")]
    [InlineData("/bin/true", "is built without DPDK")]
    public void Without_the_other_switch_the_comparison_says_what_is_missing(string program, string reason)
    {
        CommandResult result = Execute("compare", "--ovs-vswitchd", program);
        Assert.Equal((3, ""), (result.ExitCode, result.Output));
        Assert.Contains($"softswitch bench compare: {program} {reason}\n", result.Error, StringComparison.Ordinal);
        Assert.Contains("apt-get install openvswitch-switch-dpdk", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Both_switches_are_measured_in_turns()
    {
        Needs.Namespaces();
        DirectoryInfo temporary = Directory.CreateTempSubdirectory("bench-compare-");
        try
        {
            MeasureBoth(temporary.FullName);
            Assert.Empty(temporary.GetFileSystemInfos());
        }
        finally
        {
            temporary.Delete(recursive: true);
        }
    }

    private static void MeasureBoth(string temporary)
    {
        using RunningCommand command = RunningCommand.Start(
            SwitchProgram.Dotnet, [SwitchProgram.Library, "bench", "compare", "--rows", "churn", "--seconds", "0.1", "--rounds", "1", "--json"],
            new Dictionary<string, string> { ["TMPDIR"] = temporary, ["DOTNET_EnableDiagnostics"] = "0" }); // whose socket would be in it
        CommandResult run = command.WaitForEnd(Bound);
        Assert.SkipWhen(run.ExitCode == 3, run.Error);
        using JsonDocument said = JsonDocument.Parse(run.Checked().Output);
        JsonElement[] rows = [.. said.RootElement.GetProperty("rows").EnumerateArray()];
        Assert.Equal("churn", Assert.Single(rows).GetProperty("row").GetString());
        Assert.All(rows, row =>
        {
            Assert.True(row.GetProperty("softswitch").GetDouble() > 0);
            Assert.True(row.GetProperty("openVSwitch").GetDouble() > 0);
            Assert.True(row.GetProperty("ratio").GetDouble() > 0);
        });
        Assert.Contains("DPDK", said.RootElement.GetProperty("openVSwitch").GetString(), StringComparison.Ordinal);
        Assert.False(Path.Exists("/sys/class/net/compare"), "its bridge's device is left");
    }
}
