using System.CommandLine;
using Softswitch.Bench.Compare;
using Softswitch.Bench.Io;
using Softswitch.Lab.Measures;

namespace Softswitch.Bench.Commands;

/// <summary>The benchmark on real interfaces.</summary>
internal static partial class BenchCommand
{
    private static Command CreateIo()
    {
        Option<string?> backend = new("--backend") { Description = "How the switch takes packets from interfaces; both in turn if not given." };
        backend.AcceptOnlyFromAmong("packet", "xdp");
        Option<int?> frame = new("--frame") { HelpName = "BYTES", Description = "Bytes of a frame, without FCS (60); with --tcp of the longest, by the interfaces' MTU (1514)." };
        Option<int> flows = Number("--flows", "Flows of the traffic; the table has an entry for each direction.", 64);
        Option<double> seconds = new("--seconds") { HelpName = "S", Description = "How long each trial offers packets.", DefaultValueFactory = _ => 1 };
        Option<int> rounds = Number("--rounds", "How often all of it is measured, with --compare in turns.", 3);
        Option<double> tolerance = new("--tolerance") { HelpName = "SHARE", Description = "The share of loss that counts as none, such as 0.001.", DefaultValueFactory = _ => 0 };
        Option<bool> tcp = new("--tcp") { Description = "A TCP stream of iperf3 between two hosts instead." };
        Option<bool> compare = new("--compare") { Description = "With Open vSwitch's userspace AF_PACKET and AF_XDP ports, in turns on one core." };
        Option<string?> ovs = new("--ovs-vswitchd") { HelpName = "PATH", Description = "Open vSwitch's program; by default Debian's, then what PATH leads to." };
        Command command = Create(
            "io", "Packets through veth interfaces: rates, loss, order, latency, cycles per packet.",
            new IoOptions().Plan, backend, frame, flows, seconds, rounds, tolerance, tcp, compare, ovs);
        command.SetAction(parsed =>
        {
            OvsInstallation? installed = null;
            if (parsed.GetValue(compare) && (installed = OvsInstallation.Find(parsed.GetValue(ovs), needsDpdk: false, out IReadOnlyList<string> missing)) == null)
            {
                return BenchRunner.SayMissing(command.Name, missing, "Open vSwitch", OvsInstallation.PlainInstallLine);
            }
            bool isTcp = parsed.GetValue(tcp);
            var options = new IoOptions
            {
                Backends = parsed.GetValue(backend) switch
                {
                    "packet" => [IoBackend.Packet],
                    "xdp" => [IoBackend.Xdp],
                    _ => [IoBackend.Packet, IoBackend.Xdp],
                },
                FrameLength = isTcp
                    ? InRange(frame, parsed.GetValue(frame) ?? MeasuredFrame.MaxLength, TcpTestbed.MinFrameLength, TcpTestbed.MaxFrameLength)
                    : InRange(frame, parsed.GetValue(frame) ?? MeasuredFrame.MinLength, MeasuredFrame.MinLength, MeasuredFrame.MaxLength),
                Flows = InRange(flows, parsed.GetValue(flows), 1, MeasuredFrame.MaxFlows),
                Seconds = InRange(seconds, parsed.GetValue(seconds), 0.01, 250),
                Rounds = InRange(rounds, parsed.GetValue(rounds), 1, 1000),
                Tolerance = InRange(tolerance, parsed.GetValue(tolerance), 0, 0.5),
                Tcp = isTcp,
                OpenVSwitch = installed,
            };
            return Run(command, parsed, options, options.Tcp ? TcpBenchmark.Run : IoBenchmark.Run);
        });
        return command;
    }
}
