using System.CommandLine;
using Softswitch.Bench.Compare;
using Softswitch.Bench.Latency;
using Softswitch.Bench.Vhost;

namespace Softswitch.Bench.Commands;

/// <summary>The benchmark of latencies.</summary>
internal static partial class BenchCommand
{
    private static Command CreateLatency()
    {
        Option<double> seconds = new("--seconds") { HelpName = "S", Description = "Measured of each switch under each load, in each round.", DefaultValueFactory = _ => 0.5 };
        Option<int> rounds = Number("--rounds", "How often each load is measured, in turns.", 5);
        Option<string> rows = new("--rows") { HelpName = "NAME,...", Description = $"Rows to measure, of {string.Join(", ", VhostCase.All.Select(row => row.Name))}.", DefaultValueFactory = _ => VhostCase.All[0].Name };
        Option<double?> rate = new("--rate") { HelpName = "MPPS", Description = "What 1, 10 and 50 % are of; by default the highest rate that each switch forwards without loss, which is searched for." };
        Option<double> tolerance = new("--tolerance") { HelpName = "SHARE", Description = "The share of loss that counts as none in that search.", DefaultValueFactory = _ => 0.001 };
        Option<bool> noHuge = new("--no-huge") { Description = "Without huge pages. Else as many as are needed are reserved, and given back." };
        Option<bool> realTime = new("--real-time") { Description = "Guest and switch run ahead of everything else while they are measured, as on a machine that nobody else uses." };
        Option<bool> compare = new("--compare") { Description = "With Open vSwitch with DPDK, in turns on one core." };
        Command command = Create(
            "latency", "How long packets take from one vhost-user port to another, at 1, 10 and 50 % of the rate without loss and when the switch is idle.",
            new LatencyOptions().Plan, seconds, rounds, rows, rate, tolerance, noHuge, realTime, compare, OvsVswitchd);
        command.SetAction(parsed =>
        {
            OvsInstallation? installed = null;
            if (parsed.GetValue(compare) && (installed = OvsInstallation.Find(parsed.GetValue(OvsVswitchd), needsDpdk: true, out IReadOnlyList<string> lines)) == null)
            {
                return BenchRunner.SayMissing(command.Name, lines, "Open vSwitch with DPDK", OvsInstallation.DpdkInstallLine);
            }
            var options = new LatencyOptions
            {
                Rows = VhostCase.Select(parsed.GetValue(rows)),
                Seconds = InRange(seconds, parsed.GetValue(seconds), 0.01, 60),
                Rounds = InRange(rounds, parsed.GetValue(rounds), 1, 1000),
                FullRate = parsed.GetValue(rate) is double full ? InRange(rate, full, 0.001, 100) * 1e6 : null,
                Tolerance = InRange(tolerance, parsed.GetValue(tolerance), 0, 0.5),
                HugePages = !parsed.GetValue(noHuge),
                RealTime = parsed.GetValue(realTime),
                OpenVSwitch = installed,
            };
            return Run(command, parsed, options, LatencyBenchmark.Run);
        });
        return command;
    }
}
