using System.CommandLine;
using Softswitch.Bench.Vhost;
using Softswitch.Lab.Machines;

namespace Softswitch.Bench.Commands;

/// <summary>The benchmark on virtual machines' ports.</summary>
internal static partial class BenchCommand
{
    private static Command CreateVhost()
    {
        Option<double> seconds = Seconds(1, "Measured of each switch in each round.");
        Option<int> rounds = Number("--rounds", "How often each row is measured, with --compare in turns.", 5);
        Option<string?> rows = Rows(VhostCase.All.Select(row => row.Name));
        Option<bool> noHuge = NoHuge();
        Option<bool> realTime = RealTime();
        Option<bool> tcp = new("--tcp") { Description = "A TCP stream of iperf3 between two virtual machines instead." };
        Option<bool> compare = Compare("With Open vSwitch with DPDK, in turns on one core.");
        Option<string?> ovs = OvsVswitchd(needsDpdk: true);
        Command command = Create(
            "vhost", "Packets between two vhost-user ports, whose guest is DPDK's testpmd.",
            new VhostOptions().Plan, seconds, rounds, rows, noHuge, realTime, tcp, compare, ovs);
        SetAction(command, parsed =>
        {
            bool isTcp = parsed.GetValue(tcp);
            string[] missing = [.. isTcp ? GuestTestbed.FindMissing() : TestPmd.FindMissing()];
            if (missing.Length > 0)
            {
                throw isTcp
                    ? new NotInstalledException(missing, "what virtual machines need", GuestTestbed.InstallLine)
                    : new NotInstalledException(missing, "testpmd", TestPmd.InstallLine);
            }
            return new VhostOptions
            {
                Rows = VhostCase.Select(parsed.GetValue(rows)),
                Seconds = InRange(seconds, parsed.GetValue(seconds), 0.01, 3600),
                Rounds = InRange(rounds, parsed.GetValue(rounds), 1, 1000),
                HugePages = !parsed.GetValue(noHuge),
                RealTime = parsed.GetValue(realTime),
                Tcp = isTcp,
                OpenVSwitch = FindOvs(parsed.GetValue(compare), parsed.GetValue(ovs), needsDpdk: true),
            };
        }, (options, progress, cancellation) => options.Tcp
            ? new VhostTcpBenchmark(options, progress, cancellation).Run(Acceleration.Name)
            : new VhostBenchmark(options, progress, cancellation).Run(options.Rows));
        return command;
    }
}
