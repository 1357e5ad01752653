using System.CommandLine;
using Softswitch.Bench.Topology;
using Softswitch.Hosting.Configuration;

namespace Softswitch.Bench.Commands;

/// <summary>The benchmark of networks.</summary>
internal static partial class BenchCommand
{
    private static Command CreateTopology()
    {
        Option<string> kind = Word("--kind", "A row, a binary tree, or a ring, which has a spanning tree.", "linear", "tree", "ring");
        Option<int> switches = Number("--switches", "Switches, all in one process.", 16);
        Option<string> links = Word("--links", "What joins switches: virtual interfaces of the kernel, or the process's own cables.", "veth", "patch");
        Option<int> rounds = Number("--rounds", "How often the network is built up and measured, with --compare in turns.", 3);
        Option<double> seconds = Seconds(5);
        Option<bool> compare = Compare("With Open vSwitch's userspace bridges, in turns.");
        Option<string?> ovs = OvsVswitchd(needsDpdk: false);
        Command command = Create(
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
