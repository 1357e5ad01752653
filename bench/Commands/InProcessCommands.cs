using System.CommandLine;
using Softswitch.Bench.Attacks;
using Softswitch.Bench.Flows;
using Softswitch.Lab.Measures;
using Softswitch.NetFpga.Registers;
using static Softswitch.Bench.Commands.BenchCommandLine;

namespace Softswitch.Bench.Commands;

/// <summary>Benchmarks that need no interfaces: the switch in this process, its traffic in memory or on loopback.</summary>
internal static class InProcessCommands
{
    private const int MaxFlows = 1 << 24;
    private const int MaxChurnFlows = 1 << 20;

    // From a few bursts to 2 GiB.
    private const int LeastFrames = 256;
    private const int MostFrames = 1 << 20;

    public static Command CreatePipeline()
    {
        Option<int> flows = Number("--flows", "Flow entries; with --match inport, which has one, flows of the traffic.", 1000);
        Option<string> match = Word("--match", "What entries match: all fields, in_port, nw_dst, rules in the style of access lists, firewalls, IP chains, or all fields of what comes out of a tunnel.", "exact", "inport", "l3", "acl", "fw", "ipc", "vxlan", "gre", "ipip");
        Option<string> actions = Word("--actions", "Output alone, set dl_src and dl_dst before, set nw_dst before, set Ethernet addresses, IPv4 addresses and ports before, or output to a tunnel.", "output", "rewrite", "readdress", "translate", "vxlan", "gre", "ipip");
        Option<int> frame = Number("--frame", "Bytes of a frame, without FCS.", FlowHeaders.MinFrame);
        Option<int> workers = Number("--workers", "Threads that forward.", 1);
        Option<bool> handover = new("--handover")
        {
            Description = "Each worker has an output port of its own, and half of the entries send to another worker's.",
        };
        Option<int?> frames = new("--frames") { HelpName = "N", Description = "Frames in the pool: by default as many as can be under way, with much to spare." };
        Option<double> seconds = Seconds(3);
        Option<int?> traffic = new("--traffic") { HelpName = "N", Description = "Flows of the traffic: as many as entries, 64000 for acl, fw and ipc." };
        Option<double> skew = new("--skew") { HelpName = "S", Description = "Flows by Zipf's law with this exponent; 0 for all alike.", DefaultValueFactory = _ => 0 };
        Option<bool> fresh = new("--fresh") { Description = "Every packet is a flow never seen before." };
        Option<int> attackMasks = Number("--attack-masks", "Entries besides, above all others and each with a mask of its own, as if to blow up a search by masks.", 0);
        Option<string?> attack = new("--attack")
        {
            HelpName = "KIND[:NAME=VALUE,...]",
            Description = "In place of --match: as many entries as --flows, and traffic, that are as slow as can be: "
                + $"{string.Join(", ", AttackSpec.Kinds.Select(kind => kind.Kind))}; {AttackRows.Worst} for all of them.",
        };
        Option<string?> capture = new("--capture") { HelpName = "FLOW", Description = "Packets that are captured meanwhile, as they come and as they leave, in ovs-ofctl's words." };
        Command command = Benchmark(
            "pipeline", "Packets per second from frames in memory to a null port.",
            new PipelineOptions().Plan, flows, match, actions, frame, workers, handover, frames, seconds, traffic, skew, fresh, attackMasks, attack, capture);
        SetAction(command, parsed => new PipelineOptions
        {
            Flows = InRange(flows, parsed.GetValue(flows), 1, MaxFlows),
            Match = Enum.Parse<PipelineMatch>(parsed.GetRequiredValue(match), ignoreCase: true),
            Rewrite = Enum.TryParse(parsed.GetValue(actions), ignoreCase: true, out PipelineRewrite rewrite) ? rewrite : PipelineRewrite.None,
            Tunnel = parsed.GetValue(actions) is "vxlan" or "gre" or "ipip" ? parsed.GetValue(actions) : null,
            FrameLength = InRange(frame, parsed.GetValue(frame), FlowHeaders.MinFrame, FlowHeaders.MaxFrame),
            Workers = InRange(workers, parsed.GetValue(workers), 1, 64),
            Handover = parsed.GetValue(handover),
            PoolFrames = parsed.GetValue(frames) is int pool ? InRange(frames, pool, LeastFrames, MostFrames) : null,
            Seconds = InRange(seconds, parsed.GetValue(seconds), 0.01, 3600),
            Traffic = parsed.GetValue(traffic) is int count ? InRange(traffic, count, 1, MaxFlows) : null,
            Skew = InRange(skew, parsed.GetValue(skew), 0, 10),
            Fresh = parsed.GetValue(fresh),
            AttackMasks = InRange(attackMasks, parsed.GetValue(attackMasks), 0, TupleSpaceExplosion.MaxEntries),
            Attack = WithoutAny(attack, parsed.GetValue(attack), parsed, match, actions, handover, skew, fresh, attackMasks, capture),
            Capture = parsed.GetValue(capture),
        }, (options, progress, cancellation) => options.Attack switch
        {
            AttackRows.Worst => AttackRows.Run(options, progress, cancellation),
            _ => PipelineBenchmark.Run(options, progress, cancellation),
        });
        return command;
    }

    public static Command CreateChurn()
    {
        Option<int> flows = Number("--flows", "Flows of the traffic, each with an entry.", 1000);
        Option<string> rate = new("--rate") { HelpName = "PER_SECOND|max", Description = "Flow-mods a second.", DefaultValueFactory = _ => "100000" };
        Option<string> kind = Kind();
        Option<double> seconds = Seconds(4);
        Option<string?> state = State();
        Command command = Benchmark(
            "churn", "What is left of forwarding while flow-mods change the table; every packet is checked.",
            new ChurnOptions().Plan, flows, rate, kind, seconds, state);
        SetAction(command, parsed => new ChurnOptions
        {
            Flows = InRange(flows, parsed.GetValue(flows), 2, MaxChurnFlows),
            Rate = ReadRate(rate, parsed.GetRequiredValue(rate)),
            Kind = Enum.Parse<ChurnKind>(parsed.GetRequiredValue(kind), ignoreCase: true),
            Seconds = InRange(seconds, parsed.GetValue(seconds), 0.01, 3600),
            State = parsed.GetValue(state),
        }, ChurnBenchmark.Run);
        return command;
    }

    public static Command CreateFlowMod()
    {
        Option<int> flows = Number("--flows", "Exact entries to add.", 1_000_000);
        Option<string?> state = State();
        Command command = Benchmark(
            "flowmod", "Flow-mods per second over a socket and in process, and memory per flow.",
            new FlowModOptions().Plan, flows, state);
        SetAction(command, parsed => new FlowModOptions { Flows = InRange(flows, parsed.GetValue(flows), 10, MaxFlows), State = parsed.GetValue(state) }, FlowModBenchmark.Run);
        return command;
    }

    public static Command CreateStall()
    {
        Option<int> flows = Number("--flows", "Flows of the traffic, each with an entry.", 1000);
        Option<double> rate = Rate("Flow-mods a second meanwhile; 0 for none.", 100_000);
        Option<string> kind = Kind();
        Option<double> seconds = Seconds(10);
        Command command = Benchmark(
            "stall", "How long a worker stands still while its table changes and statistics are read.",
            new StallOptions().Plan, flows, rate, kind, seconds);
        SetAction(command, parsed => new StallOptions
        {
            Flows = InRange(flows, parsed.GetValue(flows), 2, MaxChurnFlows),
            Rate = InRange(rate, parsed.GetValue(rate), 0, 1e9),
            Kind = Enum.Parse<ChurnKind>(parsed.GetRequiredValue(kind), ignoreCase: true),
            Seconds = InRange(seconds, parsed.GetValue(seconds), 0.01, 3600),
        }, StallBenchmark.Run);
        return command;
    }

    public static Command CreatePacketIn()
    {
        Option<double> rate = Rate("Packets a second while latencies are measured.", 10_000);
        Option<int> frame = Number("--frame", "Bytes of a frame, without FCS.", FlowHeaders.MinFrame);
        Option<double> seconds = Seconds(3);
        Command command = Benchmark(
            "packetin", "Packets without a flow entry to a controller on loopback: latencies, then the highest rate.",
            new PacketInOptions().Plan, rate, frame, seconds);
        SetAction(command, parsed => new PacketInOptions
        {
            Rate = InRange(rate, parsed.GetValue(rate), 1, 1e9),
            FrameLength = InRange(frame, parsed.GetValue(frame), FlowHeaders.MinFrame, FlowHeaders.MaxFrame),
            Seconds = InRange(seconds, parsed.GetValue(seconds), 0.01, 3600),
        }, PacketInBenchmark.Run);
        return command;
    }

    public static Command CreateNetFpga()
    {
        Option<int> flows = Number("--flows", "Exact entries to add, change and delete.", 10_000);
        Option<int> access = Number("--access", "Nanoseconds that one register access takes on the card at hand; the default is what its SRAM's arbiter takes.", 256);
        Command command = Benchmark(
            "netfpga", "Register accesses and time for each kind of flow-mod that a NetFPGA card follows, and how full its exact table becomes.",
            new NetFpgaBenchOptions().Plan, flows, access);
        SetAction(command, parsed => new NetFpgaBenchOptions
        {
            Flows = InRange(flows, parsed.GetValue(flows), 100, CardRegisters.SlotCount / 2),
            AccessNanoseconds = InRange(access, parsed.GetValue(access), 1, 1_000_000),
        }, NetFpgaBenchmark.Run);
        return command;
    }
}
