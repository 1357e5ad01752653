using System.Diagnostics;
using Softswitch.Bench.Flows;
using Softswitch.Bench.Sides;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Lab;
using Softswitch.Lab.Measures;
using Softswitch.OfAgent.Client;
using Softswitch.Ports.Null;
using Softswitch.Ports.Pcap;

namespace Softswitch.Bench;

/// <summary>What <c>bench flowmod</c> measures.</summary>
internal sealed record FlowModOptions : IBenchOptions
{
    /// <summary>Exact entries to add.</summary>
    public int Flows { get; init; } = 1_000_000;

    /// <summary>Where a journal is kept meanwhile; null for none.</summary>
    public string? State { get; init; }

    // Added and deleted in process, then added over a socket, without traffic and under it.
    private const double FlowSeconds = 3e-6;
    private const double WarmUpSeconds = 3;

    public BenchPlan Plan => new($"{Flows:N0} exact entries, in process and over TCP", BenchPlan.StartSeconds + WarmUpSeconds + (FlowSeconds * Flows))
    {
        TidiesUp = State != null
    };
}

/// <summary>How fast exact entries are added and deleted, over a socket and in process, and what they weigh.</summary>
internal static class FlowModBenchmark
{
    private const ushort Input = 1;
    private const ushort Sink = 2;

    // Flows of the traffic under which entries are added.
    private const int TrafficFlows = 64;
    private const int ProgressStep = 1 << 16;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(300);

    public static BenchResult Run(FlowModOptions options, Action<string> progress, CancellationToken cancellation)
    {
        var result = new BenchResult("flowmod");
        void Say(string text)
        {
            cancellation.ThrowIfCancellationRequested();
            progress(text);
        }
        cancellation.Attempt(() =>
        {
            Say("warming up");
            WarmUp(cancellation);
            var watch = new MachineWatch();
            MeasureInProcess(result, options, Say);
            result.Add("flowModsPerSecond", MeasureSocket(result, options, withTraffic: false, Say), 0);
            result.Add("flowModsPerSecondUnderTraffic", MeasureSocket(result, options, withTraffic: true, Say), 0);
            result.Add(watch.ReadMachine());
        });
        result.Add("flows", options.Flows);
        Machine.Describe(result);
        return result;
    }

    /// <summary>Runs every path once over, so that the compiler has seen it.</summary>
    private static void WarmUp(CancellationToken cancellation)
    {
        FlowModOptions few = new() { Flows = 30_000 };
        var unused = new BenchResult("warm-up");
        MeasureInProcess(unused, few, static _ => { });
        MeasureSocket(unused, few, withTraffic: false, static _ => { });
        MeasuredWorkers.WarmUp(cancellation: cancellation);
    }

    /// <param name="progress">Throws if it is to end early.</param>
    private static void MeasureInProcess(BenchResult result, FlowModOptions options, Action<string> progress)
    {
        int flows = options.Flows;
        var set = new ExactFlows(flows, 1);
        using var bench = CreateSwitch(flows);
        bench.KeepState(options.State);
        GC.Collect();
        long before = Machine.ResidentBytes;
        int tenth = Math.Max(1, flows / 10);
        long start = Stopwatch.GetTimestamp();
        TimeSpan firstTenth = default;
        TimeSpan lastTenthFrom = default;
        for (int flow = 0; flow < flows; flow++)
        {
            bench.AddFlow(set.MatchOf(flow), 0x8000, FlowAction.Output(Sink));
            if (flow + 1 == tenth)
            {
                firstTenth = Stopwatch.GetElapsedTime(start);
            }
            if (flow + 1 == flows - tenth)
            {
                lastTenthFrom = Stopwatch.GetElapsedTime(start);
            }
            ShowStep(progress, "in process", flow, flows);
        }
        TimeSpan all = Stopwatch.GetElapsedTime(start);
        long resident = Machine.ResidentBytes;
        result.Add("flowModsPerSecondInProcess", flows / all.TotalSeconds, 0);
        result.Add("firstTenthPerSecond", tenth / firstTenth.TotalSeconds, 0);
        result.Add("lastTenthPerSecond", tenth / (all - lastTenthFrom).TotalSeconds, 0);
        result.Add("bytesPerFlow", (resident - before) / (double)flows, 1);
        result.Add("residentMiB", resident / (double)(1 << 20), 1);
        start = Stopwatch.GetTimestamp();
        for (int flow = 0; flow < flows; flow++)
        {
            ShowStep(progress, "in process, deleting", flow, flows);
            using (bench.Control.Enter())
            {
                bench.Control.Apply(new FlowMod { Command = FlowModCommand.DeleteStrict, Match = set.MatchOf(flow) });
            }
        }
        result.Add("deletesPerSecondInProcess", flows / Stopwatch.GetElapsedTime(start).TotalSeconds, 0);
        if (Count(bench) != 0)
        {
            result.Fail($"{Count(bench)} entries are left after all were deleted");
        }
    }

    /// <summary>From the first flow-mod to the reply of a barrier behind the last.</summary>
    private static double MeasureSocket(BenchResult result, FlowModOptions options, bool withTraffic, Action<string> progress)
    {
        int flows = options.Flows;
        if (withTraffic)
        {
            WorkerPlacement.KeepOff(workers: 1);
        }
        var set = new ExactFlows(flows, 1);
        using var bench = CreateSwitch(flows + TrafficFlows);
        bench.KeepState(options.State);
        using MeasuredWorkers? workers = withTraffic ? StartTraffic(bench, flows) : null;
        bench.StartService();
        using OfClient client = OfClient.Connect(bench.Listen(), Patience);
        FlowAction[] actions = [FlowAction.Output(Sink)];
        WorkerSample[] before = workers?.TakeSamples() ?? [];
        long start = Stopwatch.GetTimestamp();
        for (int flow = 0; flow < flows; flow++)
        {
            client.Send(new FlowMod { Match = set.MatchOf(flow), Priority = 0x8000, Actions = actions });
            ShowStep(progress, withTraffic ? "over a socket under traffic" : "over a socket", flow, flows);
        }
        int errors = client.Barrier();
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        if (workers != null)
        {
            long packets = workers.TakeSamples().Zip(before).Sum(pair => pair.First.Packets - pair.Second.Packets);
            result.Add("mppsUnderFlowMods", packets / seconds / 1e6, 3);
        }
        int expected = flows + (withTraffic ? TrafficFlows : 0);
        if (errors > 0 || Count(bench) != expected)
        {
            result.Fail($"{Count(bench)} of {expected} entries are there, and the switch answered {errors} errors");
        }
        return flows / seconds;
    }

    private static MeasuredWorkers StartTraffic(MeasuredSwitch bench, int flows)
    {
        // Other flows than those added: their numbers come after.
        var set = new ExactFlows(flows + TrafficFlows, 1);
        bench.AddPort(Input, ReplayPort.FromFrames("input", set.FramesOf(Enumerable.Range(flows, TrafficFlows), FlowHeaders.MinFrame)));
        bench.AddPort(Sink, new NullPort("sink"));
        for (int i = 0; i < TrafficFlows; i++)
        {
            bench.AddFlow(set.MatchOf(flows + i), 0x8000, FlowAction.Output(Sink));
        }
        return new MeasuredWorkers(bench.Control.Workers);
    }

    private static MeasuredSwitch CreateSwitch(int flows) => new(new DatapathOptions { MaxExactEntries = Math.Max(1 << 20, flows) });

    private static uint Count(MeasuredSwitch bench)
    {
        using (bench.Control.Enter())
        {
            return bench.Control.Flows.Aggregate(new FlowFilter(FlowMatch.Any)).FlowCount;
        }
    }

    private static void ShowStep(Action<string> progress, string where, int flow, int flows)
    {
        if (flow % ProgressStep == 0)
        {
            progress($"{where}: {flow} of {flows} entries");
        }
    }
}
