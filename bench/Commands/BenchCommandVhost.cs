using System.CommandLine;
using Softswitch.Bench.Compare;
using Softswitch.Bench.Vhost;

namespace Softswitch.Bench.Commands;

/// <summary>The benchmark on virtual machines' ports.</summary>
internal static partial class BenchCommand
{
    private static Command CreateVhost()
    {
        Option<double> seconds = new("--seconds") { HelpName = "S", Description = "Measured of each switch in each round.", DefaultValueFactory = _ => 1 };
        Option<int> rounds = Number("--rounds", "How often each row is measured, with --compare in turns.", 5);
        Option<string?> rows = new("--rows") { HelpName = "NAME,...", Description = $"Rows to measure, of {string.Join(", ", VhostCase.All.Select(row => row.Name))}." };
        Option<bool> noHuge = new("--no-huge") { Description = "Without huge pages. Else as many as are needed are reserved, and given back." };
        Option<bool> realTime = new("--real-time") { Description = "Guest and switch run ahead of everything else while they are measured, as on a machine that nobody else uses." };
        Option<bool> tcp = new("--tcp") { Description = "A TCP stream of iperf3 between two virtual machines instead." };
        Option<bool> compare = new("--compare") { Description = "With Open vSwitch with DPDK, in turns on one core." };
        Command command = Create(
            "vhost", "Packets between two vhost-user ports, whose guest is DPDK's testpmd.",
            new VhostOptions().Plan, seconds, rounds, rows, noHuge, realTime, tcp, compare, OvsVswitchd);
        command.SetAction(parsed =>
        {
            OvsInstallation? installed = null;
            bool isTcp = parsed.GetValue(tcp);
            string[] missing = [.. isTcp ? GuestTestbed.FindMissing() : TestPmd.FindMissing()];
            if (missing.Length > 0)
            {
                return isTcp
                    ? BenchRunner.SayMissing(command.Name, missing, "what virtual machines need", GuestTestbed.InstallLine)
                    : BenchRunner.SayMissing(command.Name, missing, "testpmd", TestPmd.InstallLine);
            }
            if (parsed.GetValue(compare) && (installed = OvsInstallation.Find(parsed.GetValue(OvsVswitchd), needsDpdk: true, out IReadOnlyList<string> lines)) == null)
            {
                return BenchRunner.SayMissing(command.Name, lines, "Open vSwitch with DPDK", OvsInstallation.DpdkInstallLine);
            }
            var options = new VhostOptions
            {
                Rows = VhostCase.Select(parsed.GetValue(rows)),
                Seconds = InRange(seconds, parsed.GetValue(seconds), 0.01, 3600),
                Rounds = InRange(rounds, parsed.GetValue(rounds), 1, 1000),
                HugePages = !parsed.GetValue(noHuge),
                RealTime = parsed.GetValue(realTime),
                Tcp = isTcp,
                OpenVSwitch = installed,
            };
            return Run(command, parsed, options, isTcp ? VhostTcpBenchmark.Run : VhostBenchmark.Run);
        });
        return command;
    }
}
