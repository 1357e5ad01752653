using System.CommandLine;
using Softswitch.Bench.Io;
using Softswitch.Bench.Sides;
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
        Option<double> seconds = Seconds(1, "How long each trial offers packets.");
        Option<int> rounds = Number("--rounds", "How often all of it is measured, with --compare in turns.", 3);
        Option<double> tolerance = new("--tolerance") { HelpName = "SHARE", Description = "The share of loss that counts as none, such as 0.001.", DefaultValueFactory = _ => 0 };
        Option<bool> tcp = new("--tcp") { Description = "A TCP stream of iperf3 between two hosts instead." };
        Option<bool> compare = Compare("With Open vSwitch's userspace AF_PACKET and AF_XDP ports, in turns on one core.");
        Option<string?> ovs = OvsVswitchd(needsDpdk: false);
        Command command = Create(
            "io", "Packets through veth interfaces: rates, loss, order, latency, cycles per packet.",
            new IoOptions().Plan, backend, frame, flows, seconds, rounds, tolerance, tcp, compare, ovs);
        SetAction(command, parsed =>
        {
            bool isTcp = parsed.GetValue(tcp);
            return new IoOptions
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
                OpenVSwitch = FindOvs(parsed.GetValue(compare), parsed.GetValue(ovs), needsDpdk: false),
            };
        }, (options, progress, cancellation) => options.Tcp
            ? new TcpBenchmark(options, progress, cancellation).Run(options.Backends)
            : new IoBenchmark(options, progress, cancellation).Run(options.Backends));
        return command;
    }
}
