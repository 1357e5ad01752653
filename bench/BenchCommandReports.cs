using System.CommandLine;
using Softswitch.Bench.Compare;
using Softswitch.Bench.Report;
using Softswitch.Hosting;
using Softswitch.Lab.Measures;

namespace Softswitch.Bench;

/// <summary>Benchmarks that go beyond this switch, and the one that runs the others.</summary>
internal static partial class BenchCommand
{
    private static readonly Option<string?> OvsVswitchd = new("--ovs-vswitchd")
    {
        HelpName = "PATH",
        Description = "Open vSwitch's program, built with DPDK; by default Debian's, then what PATH leads to.",
    };

    private static Command CreateCompare()
    {
        Option<double> seconds = new("--seconds") { HelpName = "S", Description = "Measured of each switch for each row.", DefaultValueFactory = _ => 10 };
        Option<int> rounds = Number("--rounds", "How often the switches take turns in that time.", 5);
        Option<string?> rows = new("--rows") { HelpName = "NAME,...", Description = $"Rows to measure, of {string.Join(", ", CompareRow.All.Select(row => row.Name))}." };
        Option<string[]> settings = new("--ovs-config") { HelpName = "KEY=VALUE", Description = "A setting of Open vSwitch (other_config), such as smc-enable=true. Several may be given." };
        Command command = new("compare", "This switch and Open vSwitch with DPDK, in turns on one core.") { seconds, rounds, rows, settings, OvsVswitchd };
        command.SetAction(parsed =>
        {
            double measured = InRange(seconds, parsed.GetValue(seconds), 0.01, 3600);
            int turns = InRange(rounds, parsed.GetValue(rounds), 1, 1000);
            IReadOnlyList<CompareRow> selected = CompareRow.Select(parsed.GetValue(rows));
            string[] config = parsed.GetValue(settings) ?? [];
            if (config.FirstOrDefault(setting => setting.IndexOf('=', StringComparison.Ordinal) < 1) is { } wrong)
            {
                throw new OptionException($"--ovs-config: '{wrong}' is not KEY=VALUE");
            }
            if (OvsInstallation.Find(parsed.GetValue(OvsVswitchd), needsDpdk: true, out IReadOnlyList<string> missing) is not { } installed)
            {
                return SayMissing(command.Name, missing, "Open vSwitch with DPDK", OvsInstallation.DpdkInstallLine);
            }
            var options = new CompareOptions { OpenVSwitch = installed, Rows = selected, Seconds = measured, Rounds = turns, Settings = config };
            return RunUntilSignal(command.Name, parsed.GetValue(Json), (progress, cancellation) => CompareBenchmark.Run(options, progress, cancellation));
        });
        return command;
    }

    private static Command CreateReport()
    {
        Option<string> folder = new("--out") { HelpName = "DIR", Description = "Folder for report.md, report.html, report.json and the charts; files of these names are replaced.", DefaultValueFactory = _ => "report" };
        Option<bool> quick = new("--quick") { Description = "A few points for 0.1 s each, to show that it works." };
        Option<double?> seconds = new("--seconds") { HelpName = "S", Description = "How long each benchmark measures; 3 by default." };
        Option<bool> compare = new("--compare") { Description = "With Open vSwitch, or not at all. Without this, with it where it is installed and the user is root; with --quick, without it." };
        Command command = new("report", "Runs the benchmarks and writes a report with charts.") { folder, quick, seconds, compare };
        command.SetAction(parsed =>
        {
            bool isQuick = parsed.GetValue(quick);
            bool mustCompare = parsed.GetValue(compare);
            bool canCompare = OvsInstallation.Find(null, needsDpdk: true, out IReadOnlyList<string> missing) != null;
            if (mustCompare && !canCompare)
            {
                return SayMissing(command.Name, missing, "Open vSwitch with DPDK", OvsInstallation.DpdkInstallLine);
            }
            var options = new ReportOptions
            {
                Folder = parsed.GetRequiredValue(folder),
                Quick = isQuick,
                Seconds = InRange(seconds, parsed.GetValue(seconds) ?? (isQuick ? 0.1 : 3), 0.01, 3600),
                Compare = mustCompare || (canCompare && Environment.IsPrivilegedProcess && !isQuick), // it gets a network namespace
                Command = $"./softswitch bench {string.Join(' ', parsed.Tokens.SkipWhile(token => token.Value != command.Name).Select(token => token.Value))}",
            };
            return RunUntilSignal(command.Name, parsed.GetValue(Json), (progress, cancellation) => ReportBenchmark.Run(options, progress, cancellation));
        });
        return command;
    }

    /// <summary>Runs what has started programs or files to tidy up after.</summary>
    private static int RunUntilSignal(string name, bool json, Func<Action<string>, CancellationToken, BenchResult> run)
    {
        using var signal = new TerminationSignal(tidiesUp: true);
        try
        {
            return Print(name, Watch(name, json, progress => run(progress, signal.Token)), json);
        }
        // Ctrl-C on a terminal goes to the programs it has started as well: what then fails is the interruption.
        catch (Exception e) when (e is OperationCanceledException || (signal.Token.IsCancellationRequested && e is OptionException or CompareException))
        {
            Console.Error.WriteLine($"softswitch bench {name}: interrupted");
            return Interrupted;
        }
    }

    private static int SayMissing(string name, IReadOnlyList<string> missing, string what, string installLine)
    {
        foreach (string line in missing)
        {
            Console.Error.WriteLine($"softswitch bench {name}: {line}");
        }
        Console.Error.WriteLine($"softswitch bench {name}: {what} is not installed completely; on Debian or Ubuntu: {installLine}");
        return NotInstalled;
    }
}
