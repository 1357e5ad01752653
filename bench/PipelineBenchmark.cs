using Softswitch.Bench.Attacks;
using Softswitch.Bench.Flows;
using Softswitch.Bench.Sides;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Hosting.Configuration;
using Softswitch.Lab;
using Softswitch.Lab.Measures;
using Softswitch.Ports.Null;
using Softswitch.Ports.Pcap;

namespace Softswitch.Bench;

/// <summary>Packets per second through real workers, from frames in memory to a null port.</summary>
/// <remarks>
/// Ports 1 to N replay, one for each worker; port N + 1 is null and has a queue for each. With handovers ports N + 1 to 2N are null,
/// one for each worker, and half of the packets leave by another worker's. Every packet is copied into a fresh frame,
/// parsed, looked up, counted, rewritten if so, queued and sent. Afterwards received, sent and dropped must add up.
/// With tunnels to send into, port N + 1 is the tunnel and N + 2 the null port below; with tunnels to receive from, the replaying ports are
/// underlays, and the tunnels are ports N + 3 and up.
/// </remarks>
internal static class PipelineBenchmark
{
    private const int Seed = 20_100_101;
    private const int RuleSetTraffic = 64_000;

    // Frames that workers' caches and ports can hold at once, with much to spare.
    private const int FramesPerWorker = 4096;
    private const double SliceSeconds = 0.1;
    private const double MostHandoverLoss = 0.01;

    public static BenchResult Run(PipelineOptions options, Action<string> progress, CancellationToken cancellation)
    {
        progress("making flows");
        return Run(options, MakeSet(options), progress, cancellation);
    }

    /// <param name="set">What <paramref name="options"/> ask for.</param>
    public static BenchResult Run(PipelineOptions options, FlowSet set, Action<string> progress, CancellationToken cancellation)
    {
        WorkerPlacement.KeepOff(options.Workers);
        var attack = set as AttackSet;
        using var bench = new MeasuredSwitch(new DatapathOptions
        {
            Workers = options.Workers,
            FrameCount = options.PoolFrames ?? DefaultPoolFrames(options),
            MaxExactEntries = Math.Max(1 << 16, options.Flows),
            MaxWildcardEntries = Math.Max(1 << 16, attack?.MostEntries ?? options.Flows),
        });
        ushort sink = (ushort)(options.Workers + 1);
        int sinks = options.Handover ? options.Workers : 1;
        int packets = AddInputs(bench, set, options, cancellation);
        if (options.Tunnel is { } kind)
        {
            new TunnelPorts(bench, kind).AddSink(sink, options.Workers);
        }
        else
        {
            for (int i = 0; i < sinks; i++)
            {
                bench.AddPort((ushort)(sink + i), new NullPort($"sink{i + 1}", options.Workers / sinks), beside: (ushort)(i + 1));
            }
        }
        AttackFlowMods flowMods = new(bench, sink, cancellation);
        progress("adding entries");
        (int entries, int masks) = attack != null ? (options.Flows, flowMods.Build(attack)) : AddEntries(bench, set, options, sink, cancellation);
        int subtables = bench.Control.Table.Wildcard.SubtableCount;

        using BenchCapture? capture = options.Capture == null ? null : new BenchCapture(bench.Control, options.Capture);
        progress("warming up");
        using var workers = new MeasuredWorkers(bench.Control.Workers);
        MeasuredWorkers.WarmUp(options.Seconds, cancellation);
        int collections = GC.CollectionCount(0);
        List<SliceRates> slices = [];
        List<double> kept = [];
        int count = Math.Max(5, (int)Math.Round(options.Seconds / SliceSeconds));
        var watch = new MachineWatch();
        for (int i = 0; i < count && !cancellation.IsCancellationRequested; i++)
        {
            capture?.Pause();
            SliceRates? without = capture == null ? null : workers.Measure(TimeSpan.FromSeconds(options.Seconds / count));
            capture?.Resume();
            slices.Add(workers.Measure(TimeSpan.FromSeconds(options.Seconds / count)));
            kept.AddRange(without is { } rates ? [slices[^1].PacketsPerCpuSecond / rates.PacketsPerCpuSecond] : []);
            progress($"{i + 1} of {count} slices, {slices[^1].PacketsPerSecond / 1e6:0.00} Mpps");
        }
        Interference interference = watch.ReadThread(Statistic.Median([.. slices.Select(slice => slice.CpuShare)]));
        collections = GC.CollectionCount(0) - collections;
        if (attack != null)
        {
            progress("changing entries under traffic");
            cancellation.Attempt(() => flowMods.ChangeUnderTraffic(attack));
        }
        workers.Stop();
        while (bench.Control.Workers.Sum(worker => worker.DrainOnce()) > 0)
        {
            // What one worker has handed to another and that one has not taken yet.
        }
        cancellation.ThrowIfNothing(slices.Count);

        var result = new BenchResult("pipeline");
        Report(result, slices);
        result.Add(interference);
        result.Add("allocatedBytes", slices.Sum(slice => slice.AllocatedBytes));
        result.Add("collections", collections);
        Account(result, bench, options.Workers, [.. Enumerable.Range(sink, sinks)]);
        capture?.Report(result, kept);
        flowMods.Report(result);
        result.Add("subtables", subtables);
        Describe(result, options, set, entries, masks, packets);
        Machine.Describe(result);
        return result;
    }

    public static string WordOf(PipelineMatch match) => match.ToString().ToLowerInvariant();

    public static string WordOf(PipelineRewrite rewrite) => rewrite == PipelineRewrite.None ? "output" : rewrite.ToString().ToLowerInvariant();

    /// <summary>The tunnel that travels by an input.</summary>
    private static ushort TunnelOf(ushort input, PipelineOptions options) => (ushort)(input + options.Workers + 2);

    private static int DefaultPoolFrames(PipelineOptions options) => FramesPerWorker * (options.Workers + 1);

    private static FlowSet MakeSet(PipelineOptions options)
    {
        if (options.Handover && (options.Workers < 2 || options.Tunnel != null || options.ComesByTunnel))
        {
            throw new OptionException("--handover: packets go from worker to worker with 2 or more --workers, and without tunnels");
        }
        bool isExact = options.Match == PipelineMatch.Exact || options.ComesByTunnel;
        if (options.Fresh && isExact)
        {
            throw new OptionException("--fresh: a packet never seen before cannot match an exact entry: use another --match");
        }
        if (options.Fresh && options.Skew > 0)
        {
            throw new OptionException("--skew: with --fresh no flow comes twice");
        }
        if (options.Attack is { } attack)
        {
            AttackSpec spec = AttackSpec.Parse(attack);
            return AttackSet.TryMake(spec, options.Flows, options.Traffic ?? AttackSet.DefaultTraffic, options.Workers)
                ?? throw new OptionException($"--flows: there are not {options.Flows} different entries of --attack {spec}");
        }
        int traffic = options.Traffic ?? options.Flows;
        return options.Match switch
        {
            _ when isExact && options.Traffic is int other && other != options.Flows =>
                throw new OptionException("--traffic: exact entries have as many flows of traffic as there are --flows"),
            _ when isExact => new ExactFlows(options.Flows, options.Workers),
            PipelineMatch.InPort => new InPortFlows(traffic, options.Workers),
            PipelineMatch.L3 => new HostRoutes(options.Flows, traffic),
            PipelineMatch.Acl => new RuleSet(RuleStyle.AccessList, options.Flows, options.Traffic ?? RuleSetTraffic, Seed),
            PipelineMatch.Fw => new RuleSet(RuleStyle.Firewall, options.Flows, options.Traffic ?? RuleSetTraffic, Seed),
            _ => new RuleSet(RuleStyle.IpChain, options.Flows, options.Traffic ?? RuleSetTraffic, Seed),
        };
    }

    /// <summary>Adds the replaying ports; returns how many frames they hold.</summary>
    private static int AddInputs(MeasuredSwitch bench, FlowSet set, PipelineOptions options, CancellationToken cancellation)
    {
        int packets = 0;
        for (int input = 0; input < options.Workers; input++)
        {
            var random = new Random(Seed + input);
            int[] own = [.. Enumerable.Range(0, set.TrafficFlows).Where(flow => flow % options.Workers == input)];
            if (own.Length == 0)
            {
                throw new OptionException("--workers: there are fewer flows than workers");
            }
            int[] order = options.Skew > 0 ? TrafficOrder.Skewed(own.Length, options.Skew, random) : TrafficOrder.Uniform(own.Length, random);
            packets += order.Length;
            IEnumerable<ReadOnlyMemory<byte>> frames = set.FramesOf(order.Select(i => own[i]), options.FrameLength).Until(cancellation);
            string name = $"input{input + 1}";
            ushort number = (ushort)(input + 1);
            if (options.ComesByTunnel)
            {
                new TunnelPorts(bench, WordOf(options.Match)).AddInput(number, TunnelOf(number, options), name, frames, set.FieldsOf(0));
                continue;
            }
            IPortDevice port = options.Fresh
                ? new FreshFlowsPort(name, frames, order.Select(i => set.FreeBitsOf(own[i])))
                : ReplayPort.FromFrames(name, frames);
            bench.AddPort(number, port);
        }
        return packets;
    }

    private static FlowAction[] RewritesOf(PipelineRewrite rewrite)
    {
        FlowAction[] ethernet = [FlowAction.SetDlSrc(new MacAddress(0x0200_0000_00aa)), FlowAction.SetDlDst(new MacAddress(0x0200_0000_00bb))];
        return rewrite switch
        {
            PipelineRewrite.Rewrite => ethernet,
            PipelineRewrite.Readdress => [FlowAction.SetNwDst(0x0a63_6363)],
            PipelineRewrite.Translate =>
                [.. ethernet, FlowAction.SetNwSrc(0xc633_6401), FlowAction.SetNwDst(0xcb00_7101), FlowAction.SetTpSrc(40_000), FlowAction.SetTpDst(40_000)],
            _ => [],
        };
    }

    private static (int Entries, int Masks) AddEntries(
        MeasuredSwitch bench, FlowSet set, PipelineOptions options, ushort sink, CancellationToken cancellation)
    {
        FlowAction[] rewrites = RewritesOf(options.Rewrite);
        int entries = 0;
        var masks = new HashSet<uint>();
        foreach (BenchEntry entry in set.Entries.Concat(TupleSpaceExplosion.Make(options.AttackMasks)).Until(cancellation))
        {
            FlowMatch match = options.ComesByTunnel ? entry.Match with { InPort = TunnelOf(entry.Match.InPort, options) } : entry.Match;
            ushort output = options.Handover ? (ushort)(sink + SinkOf(entry.Match, entries, options.Workers)) : sink;
            bench.AddFlow(match, entry.Priority, [.. rewrites, FlowAction.Output(output)]);
            masks.Add((uint)entry.Match.Wildcards);
            entries++;
        }
        return (entries, masks.Count);
    }

    /// <summary>Whose output port an entry sends to: that of the worker it is for, if its match tells, or, every other one, the next one's.</summary>
    private static int SinkOf(in FlowMatch match, int entry, int workers)
    {
        int home = (match.Wildcards & FlowWildcards.InPort) == 0 ? match.InPort - 1 : entry % workers;
        return (home + (entry / workers % 2)) % workers;
    }

    private static void Report(BenchResult result, List<SliceRates> slices)
    {
        double rate = Statistic.Median([.. slices.Select(slice => slice.PacketsPerSecond)]);
        double perCpu = Statistic.Median([.. slices.Select(slice => slice.PacketsPerCpuSecond)]);
        result.Add("mpps", rate / 1e6, 3);
        result.Add("nsPerPacket", rate > 0 ? 1e9 / rate : 0, 2);
        result.Add("mppsLeast", slices.Min(slice => slice.PacketsPerSecond) / 1e6, 3);
        result.Add("mppsMost", slices.Max(slice => slice.PacketsPerSecond) / 1e6, 3);
        result.Add("mppsPerCpu", perCpu / 1e6, 3);
        result.Add("cpuShare", Statistic.Median([.. slices.Select(slice => slice.CpuShare)]), 3);
        result.Add("slices", slices.Count);
    }

    private static void Account(BenchResult result, MeasuredSwitch bench, int inputs, int[] sinks)
    {
        long received = 0;
        for (ushort port = 1; port <= inputs; port++)
        {
            received += (long)bench.ReadPort(port).ReceivedPackets;
        }
        long transmitted = sinks.Sum(sink => (long)bench.ReadPort((ushort)sink).TransmittedPackets);
        (DropReason Reason, long Count)[] drops = [.. bench.ReadDrops()];
        long dropped = drops.Sum(drop => drop.Count);
        result.Add("received", received);
        result.Add("transmitted", transmitted);
        result.Add("dropped", dropped);
        string reasons = string.Join(", ", drops.Select(drop => $"{drop.Count} {drop.Reason}"));
        if (drops.Length > 0)
        {
            result.Add("dropReasons", reasons);
        }
        // A worker that the system keeps from running for a moment takes nothing from the others.
        long overflowed = drops.Where(drop => drop.Reason == DropReason.HandoverQueueFull).Sum(drop => drop.Count);
        if (dropped - overflowed > 0 || overflowed > received * MostHandoverLoss)
        {
            result.Fail($"packets were dropped, so the figures are not those of forwarding: {reasons}");
        }
        if (received != transmitted + dropped)
        {
            result.Fail($"received {received} is not transmitted {transmitted} and dropped {dropped}");
        }
        if (received == 0)
        {
            result.Fail("nothing was received");
        }
    }

    private static void Describe(BenchResult result, PipelineOptions options, FlowSet set, int entries, int masks, int packets)
    {
        result.Add("match", options.Attack == null ? WordOf(options.Match) : "attack");
        if (set is AttackSet attack)
        {
            result.Add("attack", $"{AttackSpec.Parse(options.Attack!)}");
            result.Add("distinctFlows", attack.DistinctFlows);
        }
        result.Add("actions", options.Tunnel ?? WordOf(options.Rewrite));
        result.Add("flows", options.Flows);
        result.Add("entries", entries);
        result.Add("masks", masks);
        result.Add("trafficFlows", set.TrafficFlows);
        result.Add("trafficFrames", packets);
        result.Add("skew", options.Skew, 3);
        result.Add("fresh", options.Fresh);
        result.Add("attackMasks", options.AttackMasks);
        result.Add("frame", options.FrameLength);
        result.Add("poolFrames", options.PoolFrames ?? DefaultPoolFrames(options));
        result.Add("workers", options.Workers);
        result.Add("handover", options.Handover);
        result.Add("seconds", options.Seconds, 3);
    }
}
