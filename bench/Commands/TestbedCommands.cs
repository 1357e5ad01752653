using System.CommandLine;
using Softswitch.Bench.Io;
using Softswitch.Bench.Latency;
using Softswitch.Bench.Sides;
using Softswitch.Bench.Topology;
using Softswitch.Bench.Vhost;
using Softswitch.Hosting.Configuration;
using Softswitch.Lab.Machines;
using Softswitch.Lab.Measures;
using static Softswitch.Bench.Commands.BenchCommandLine;

namespace Softswitch.Bench.Commands;

/// <summary>Benchmarks with other programs around the switch: hosts in namespaces, virtual machines, Open vSwitch beside it.</summary>
internal static class TestbedCommands
{
    public static Command CreateIo()
    {
        Option<string?> backend = new("--backend") { Description = "How the switch takes packets from interfaces, kernel for not at all: its flows are there. All in turn if not given." };
        backend.AcceptOnlyFromAmong("kernel", "packet", "xdp");
        Option<int?> frame = new("--frame") { HelpName = "BYTES", Description = "Bytes of a frame, without FCS (60); with --tcp of the longest, by the interfaces' MTU (1514)." };
        Option<int> flows = Number("--flows", "Flows of the traffic; the table has an entry for each direction.", 64);
        Option<double> seconds = Seconds(1, "How long each trial offers packets.");
        Option<int> rounds = Number("--rounds", "How often all of it is measured, with --compare in turns.", 3);
        Option<double> tolerance = new("--tolerance") { HelpName = "SHARE", Description = "The share of loss that counts as none, such as 0.001.", DefaultValueFactory = _ => 0 };
        Option<bool> tcp = new("--tcp") { Description = "A TCP stream of iperf3 between two hosts instead." };
        Option<bool> compare = Comparison("With the kernel's bridge, and with Open vSwitch's userspace AF_PACKET and AF_XDP ports, in turns.");
        Option<string?> ovs = OvsVswitchd(needsDpdk: false);
        Command command = Benchmark(
            "io", "Packets through veth interfaces: rates, loss, order, latency, cycles per packet.",
            new IoOptions().Plan, backend, frame, flows, seconds, rounds, tolerance, tcp, compare, ovs);
        SetAction(command, parsed =>
        {
            bool isTcp = parsed.GetValue(tcp);
            IoBackend[] backends = parsed.GetValue(backend) is string one ? [Enum.Parse<IoBackend>(one, ignoreCase: true)] : Enum.GetValues<IoBackend>();
            bool isCompared = parsed.GetValue(compare);
            return new IoOptions
            {
                Backends = backends,
                Bridge = isCompared,
                FrameLength = isTcp
                    ? InRange(frame, parsed.GetValue(frame) ?? MeasuredFrame.MaxLength, TcpTestbed.MinFrameLength, TcpTestbed.MaxFrameLength)
                    : InRange(frame, parsed.GetValue(frame) ?? MeasuredFrame.MinLength, MeasuredFrame.MinLength, MeasuredFrame.MaxLength),
                Flows = InRange(flows, parsed.GetValue(flows), 1, MeasuredFrame.MaxFlows),
                Seconds = InRange(seconds, parsed.GetValue(seconds), 0.01, 250),
                Rounds = InRange(rounds, parsed.GetValue(rounds), 1, 1000),
                Tolerance = InRange(tolerance, parsed.GetValue(tolerance), 0, 0.5),
                Tcp = isTcp,
                OpenVSwitch = FindOvs(isCompared && backends is not [IoBackend.Kernel], parsed.GetValue(ovs), needsDpdk: false),
            };
        }, (options, progress, cancellation) => options.Tcp
            ? new TcpBenchmark(options, progress, cancellation).Run(options.Backends)
            : new IoBenchmark(options, progress, cancellation).Run(options.Backends));
        return command;
    }

    public static Command CreateVhost()
    {
        Option<double> seconds = Seconds(1, "Measured of each switch in each round.");
        Option<int> rounds = Number("--rounds", "How often each row is measured, with --compare in turns.", 5);
        Option<string?> rows = Rows(VhostCase.All.Select(row => row.Name));
        Option<bool> noHuge = NoHuge();
        Option<bool> realTime = RealTime();
        Option<bool> tcp = new("--tcp") { Description = "A TCP stream of iperf3 between two virtual machines instead." };
        Option<bool> compare = Comparison("With Open vSwitch with DPDK, in turns on one core.");
        Option<string?> ovs = OvsVswitchd(needsDpdk: true);
        Command command = Benchmark(
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

    public static Command CreateLatency()
    {
        Option<double> seconds = Seconds(0.5, "Measured of each switch under each load, in each round.");
        Option<int> rounds = Number("--rounds", "How often each load is measured, in turns.", 5);
        Option<string?> rows = Rows(VhostCase.All.Select(row => row.Name));
        rows.DefaultValueFactory = _ => VhostCase.All[0].Name;
        Option<double?> rate = new("--rate") { HelpName = "MPPS", Description = "What 1, 10 and 50 % are of; by default the highest rate that each switch forwards without loss, which is searched for." };
        Option<double> tolerance = new("--tolerance") { HelpName = "SHARE", Description = "The share of loss that counts as none in that search.", DefaultValueFactory = _ => 0.001 };
        Option<bool> noHuge = NoHuge();
        Option<bool> realTime = RealTime();
        Option<bool> compare = Comparison("With Open vSwitch with DPDK, in turns on one core.");
        Option<string?> ovs = OvsVswitchd(needsDpdk: true);
        Command command = Benchmark(
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

    public static Command CreateTopology()
    {
        Option<string> kind = Word("--kind", "A row, a binary tree, or a ring, which has a spanning tree.", "linear", "tree", "ring");
        Option<int> switches = Number("--switches", "Switches, all in one process.", 16);
        Option<string> links = Word("--links", "What joins switches: virtual interfaces of the kernel, or the process's own cables.", "veth", "patch");
        Option<int> rounds = Number("--rounds", "How often the network is built up and measured, with --compare in turns.", 3);
        Option<double> seconds = Seconds(5);
        Option<bool> compare = Comparison("With Open vSwitch's userspace bridges, in turns.");
        Option<string?> ovs = OvsVswitchd(needsDpdk: false);
        Command command = Benchmark(
            "topology", "A network of switches in one process: until it works, rates end to end, memory.",
            TopologyOptions.Usual.Plan, kind, switches, links, rounds, seconds, compare, ovs);
        SetAction(command, parsed =>
        {
            TopologyKind shape = Enum.Parse<TopologyKind>(parsed.GetRequiredValue(kind), ignoreCase: true);
            TopologyLinks joined = Enum.Parse<TopologyLinks>(parsed.GetRequiredValue(links), ignoreCase: true);
            (int least, int most) = TopologyShape.Bounds(shape);
            if (shape == TopologyKind.Ring && joined == TopologyLinks.Patch)
            {
                throw new OptionException("--links: a ring's link is cut, which takes veth");
            }
            return new TopologyOptions
            {
                Shape = TopologyShape.Create(shape, InRange(switches, parsed.GetValue(switches), least, most)),
                Links = joined,
                Rounds = InRange(rounds, parsed.GetValue(rounds), 1, 1000),
                Seconds = InRange(seconds, parsed.GetValue(seconds), 0.1, 250),
                OpenVSwitch = FindOvs(parsed.GetValue(compare), parsed.GetValue(ovs), needsDpdk: false),
            };
        }, (options, progress, cancellation) => new TopologyBenchmark(options, progress, cancellation).Run(options.Shape));
        return command;
    }
}
