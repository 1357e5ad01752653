using System.CommandLine;
using Softswitch.Benchmarks.Compare;
using Softswitch.Configuration;
using Softswitch.Hosting;

namespace Softswitch.Commands;

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
            return OvsInstallation.Find(parsed.GetValue(OvsVswitchd), out IReadOnlyList<string> missing) is { } installed
                ? Compare(new CompareOptions { OpenVSwitch = installed, Rows = selected, Seconds = measured, Rounds = turns, Settings = config }, parsed.GetValue(Json))
                : SayMissing(missing);
        });
        return command;
    }

    private static int Compare(CompareOptions options, bool json)
    {
        using var signal = new TerminationSignal();
        try
        {
            return Print("compare", Watch("compare", json, progress => CompareBenchmark.Run(options, progress, signal.Token)), json);
        }
        catch (OperationCanceledException)
        {
            Console.Error.WriteLine("softswitch bench compare: interrupted");
            return Interrupted;
        }
    }

    private static int SayMissing(IReadOnlyList<string> missing)
    {
        foreach (string line in missing)
        {
            Console.Error.WriteLine($"softswitch bench compare: {line}");
        }
        Console.Error.WriteLine($"softswitch bench compare: Open vSwitch with DPDK is not installed completely; on Debian or Ubuntu: {OvsInstallation.InstallLine}");
        return NotInstalled;
    }
}
