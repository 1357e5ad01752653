using System.CommandLine;
using Softswitch.Bench.Compare;
using Softswitch.Bench.Report;
using Softswitch.Bench.Sides;
using Softswitch.Hosting.Configuration;
using static Softswitch.Bench.Commands.BenchCommandLine;

namespace Softswitch.Bench.Commands;

/// <summary>Benchmarks that go beyond this switch, and the one that runs the others.</summary>
internal static class ReportCommands
{
    // Of a report's benchmarks.
    private const double UsualSeconds = 3;

    public static Command CreateCompare()
    {
        Option<double> seconds = Seconds(CompareOptions.UsualSeconds, "Measured of each switch for each row.");
        Option<int> rounds = Number("--rounds", "How often the switches take turns in that time.", CompareOptions.UsualRounds);
        Option<string?> rows = Rows(CompareRow.All.Select(row => row.Name));
        Option<string[]> settings = new("--ovs-config") { HelpName = "KEY=VALUE", Description = "A setting of Open vSwitch (other_config), such as smc-enable=true. Several may be given." };
        Option<string?> ovs = OvsVswitchd(needsDpdk: true);
        Command command = Benchmark(
            "compare", "This switch and Open vSwitch with DPDK, in turns on one core.",
            CompareOptions.PlanOf(CompareRow.All, CompareOptions.UsualSeconds, CompareOptions.UsualRounds), seconds, rounds, rows, settings, ovs);
        SetAction(command, parsed =>
        {
            double measured = InRange(seconds, parsed.GetValue(seconds), 0.01, 3600);
            int turns = InRange(rounds, parsed.GetValue(rounds), 1, 1000);
            IReadOnlyList<CompareRow> selected = CompareRow.Select(parsed.GetValue(rows));
            string[] config = parsed.GetValue(settings) ?? [];
            if (config.FirstOrDefault(setting => setting.IndexOf('=', StringComparison.Ordinal) < 1) is { } wrong)
            {
                throw new OptionException($"--ovs-config: '{wrong}' is not KEY=VALUE");
            }
            OvsInstallation installed = FindOvs(isWanted: true, parsed.GetValue(ovs), needsDpdk: true)!;
            return new CompareOptions { OpenVSwitch = installed, Rows = selected, Seconds = measured, Rounds = turns, Settings = config };
        }, (options, progress, cancellation) => new CompareBenchmark(options, progress, cancellation).Run(options.Rows));
        return command;
    }

    public static Command CreateReport()
    {
        Option<string> folder = new("--out") { HelpName = "DIR", Description = "Folder for report.md, report.html, report.json and the charts; files of these names are replaced.", DefaultValueFactory = _ => "report" };
        Option<bool> quick = new("--quick") { Description = "A few points for 0.1 s each, to show that it works." };
        Option<double?> seconds = new("--seconds") { HelpName = "S", Description = "How long each benchmark measures; 3 by default." };
        Option<bool> compare = new("--compare") { Description = "With Open vSwitch, or not at all. Without this, with it where it is installed and the user is root; with --quick, without it." };
        Command command = Benchmark(
            "report", $"Runs the benchmarks and writes a report with charts; as root, where all is installed that they need, for {UsualPlan(null).Duration}.",
            UsualPlan("not by this user"), folder, quick, seconds, compare);
        SetAction(command, parsed =>
        {
            bool isQuick = parsed.GetValue(quick);
            double measured = InRange(seconds, parsed.GetValue(seconds) ?? (isQuick ? 0.1 : UsualSeconds), 0.01, 3600);
            bool mustCompare = parsed.GetValue(compare);
            FindOvs(mustCompare, path: null, needsDpdk: true);
            if (mustCompare && ReportObstacles.Find(ReportTopic.Compare) is { } obstacle)
            {
                throw new OptionException($"--compare: {obstacle}");
            }
            return new ReportOptions
            {
                Folder = parsed.GetRequiredValue(folder),
                Sections = ReportPlan.Make(isQuick, measured, mustCompare, ReportObstacles.Find),
                Command = $"./softswitch bench {string.Join(' ', parsed.Tokens.SkipWhile(token => token.Value != command.Name).Select(token => token.Value))}",
            };
        }, ReportBenchmark.Run);
        return command;
    }

    private static BenchPlan UsualPlan(string? obstacle) => ReportOptions.PlanOf(ReportPlan.Make(quick: false, UsualSeconds, compare: false, _ => obstacle));
}
