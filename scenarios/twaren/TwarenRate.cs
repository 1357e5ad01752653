using Softswitch.Datapath.Control;
using Softswitch.Datapath.Headers;
using Softswitch.Lab;
using Softswitch.Lab.Measures;
using Softswitch.OfAgent.Text;
using Softswitch.Ports.Null;
using Softswitch.Ports.Pcap;

namespace Softswitch.Scenarios.Twaren;

/// <summary>What AgS2 forwards on one core, from frames in memory to a null port, with the flows of one machine and of many: hosts in namespaces do not send that fast.</summary>
internal static class TwarenRate
{
    private const int CardPorts = 4; // of the paper's card, 1 Gbit/s each
    private const int Unframed = 20; // preamble, start and gap, in bytes
    private const int FcsLength = 4;
    private const int FullRounds = 3;
    private const int Outside = 0x0a00_0001;
    private const int ReplayedFrames = 8192;

    public static void Judge(ScenarioRun run)
    {
        IReadOnlyList<TwarenMachine> machines = TwarenFlows.MakeMachines(run.Get(TwarenParameters.K));
        int size = run.Get(TwarenParameters.BenchSize);
        double lineRate = CardPorts * 1e9 / (8 * (size + FcsLength + Unframed));
        IReadOnlyList<StaticFlow> few = TwarenFlows.Read(TwarenFlows.Figure5);
        IReadOnlyList<StaticFlow> many = [.. TwarenFlows.AggregationInAdvance(machines), .. TwarenFlows.AggregationOnPackets(machines)];
        var slice = TimeSpan.FromSeconds(run.Options.Small ? 0.1 : 0.5);
        double[] rates = new double[3];
        for (int round = 0; round < run.Scale(FullRounds, 1); round++)
        {
            rates[0] = Math.Max(rates[0], Measure(few, [TwarenLab.Moved], size, slice));
            rates[1] = Math.Max(rates[1], Measure(many, [TwarenLab.Moved], size, slice));
            rates[2] = Math.Max(rates[2], Measure(many, machines, size, slice));
        }
        string found = $"{rates[0] / 1e6:0.0} Mpps with Figure 5, {rates[1] / 1e6:0.0} with {many.Count} entries; all {machines.Count} machines sending {rates[2] / 1e6:0.0}";
        run.Record(TwarenMeasures.Figure5Rate, rates[0] / 1e6);
        run.Record(TwarenMeasures.OneMachineRate, rates[1] / 1e6);
        run.Record(TwarenMeasures.AllMachinesRate, rates[2] / 1e6);
        run.Figure($"AgS2 on one core, {size + FcsLength}-byte frames, K = {machines.Count}", "none given (1 Gbit/s ports)", found);
        run.CheckTime(
            $"with the flows of {machines.Count} machines AgS2 still has the line rate of a card's four ports, on one core", $"{lineRate / 1e6:0.000} Mpps", found,
            Math.Min(rates[1], rates[2]) >= lineRate);
    }

    /// <summary>AgS2's table on a worker of its own; the machines send by port 1.</summary>
    /// <returns>Packets a second of the worker's own time on a processor.</returns>
    public static double Measure(IReadOnlyList<StaticFlow> flows, IReadOnlyList<TwarenMachine> machines, int size, TimeSpan time)
    {
        using var bench = new MeasuredSwitch(new DatapathOptions { Workers = 1, FrameCount = 8192 });
        bench.AddPort(1, ReplayPort.FromFrames("machines", FramesOf(machines, size)));
        for (ushort port = 2; port <= TwarenLab.TunnelPort; port++)
        {
            bench.AddPort(port, new NullPort($"port{port}"));
        }
        foreach (StaticFlow flow in flows.Where(flow => flow.Switch == TwarenLab.SecondAggregationId))
        {
            bench.AddFlow(flow.Flow.Match, flow.Flow.Priority, flow.Flow.Actions);
        }
        using var workers = new MeasuredWorkers(bench.Control.Workers);
        MeasuredWorkers.WarmUp(time.TotalSeconds);
        double rate = workers.Measure(time).PacketsPerCpuSecond;
        workers.Stop();
        if (bench.ReadDrops().Any())
        {
            throw new TestbedException($"AgS2 in memory: {string.Join(", ", bench.ReadDrops())} dropped");
        }
        return rate;
    }

    private static IEnumerable<ReadOnlyMemory<byte>> FramesOf(IReadOnlyList<TwarenMachine> machines, int size)
    {
        byte[] frame = new byte[size];
        for (int i = 0; i < ReplayedFrames; i++)
        {
            TwarenMachine machine = machines[i % machines.Count];
            new FlowHeaders(
                machine.HardwareAddress.Value, TwarenLab.FirstGateway.HardwareAddress.Value, IpProtocol.Udp, machine.Address.Host, Outside, 1024, 9).Write(frame);
            yield return frame;
        }
    }
}
