using System.CommandLine;
using Softswitch.Bench.Latency;
using Softswitch.Bench.Vhost;

namespace Softswitch.Bench.Commands;

/// <summary>The benchmark of latencies.</summary>
internal static partial class BenchCommand
{
    private static Command CreateLatency()
    {
        Option<double> seconds = Seconds(0.5, "Measured of each switch under each load, in each round.");
        Option<int> rounds = Number("--rounds", "How often each load is measured, in turns.", 5);
        Option<string?> rows = Rows(VhostCase.All.Select(row => row.Name));
        rows.DefaultValueFactory = _ => VhostCase.All[0].Name;
        Option<double?> rate = new("--rate") { HelpName = "MPPS", Description = "What 1, 10 and 50 % are of; by default the highest rate that each switch forwards without loss, which is searched for." };
        Option<double> tolerance = new("--tolerance") { HelpName = "SHARE", Description = "The share of loss that counts as none in that search.", DefaultValueFactory = _ => 0.001 };
        Option<bool> noHuge = NoHuge();
        Option<bool> realTime = RealTime();
        Option<bool> compare = Compare("With Open vSwitch with DPDK, in turns on one core.");
        Option<string?> ovs = OvsVswitchd(needsDpdk: true);
        Command command = Create(
            "latency", "How long packets take from one vhost-user port to another, at 1, 10 and 50 % of the rate without loss and when the switch is idle.",
            new LatencyOptions().Plan, seconds, rounds, rows, rate, tolerance, noHuge, realTime, compare, ovs);
        SetAction(command, parsed => new LatencyOptions
        {
            Rows = VhostCase.Select(parsed.GetValue(rows)),
            Seconds = InRange(seconds, parsed.GetValue(seconds), 0.01, 60),
            Rounds = InRange(rounds, parsed.GetValue(rounds), 1, 1000),
            FullRate = parsed.GetValue(rate) is double full ? InRange(rate, full, 0.001, 100) * 1e6 : null,
            Tolerance = InRange(tolerance, parsed.GetValue(tolerance), 0, 0.5),
            HugePages = !parsed.GetValue(noHuge),
            RealTime = parsed.GetValue(realTime),
            OpenVSwitch = FindOvs(parsed.GetValue(compare), parsed.GetValue(ovs), needsDpdk: true),
        }, (options, progress, cancellation) => new LatencyBenchmark(options, progress, cancellation).Run(options.Rows));
        return command;
    }
}
