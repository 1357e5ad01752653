using System.Diagnostics;
using Softswitch.Bench.Flows;
using Softswitch.Bench.Sides;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Ports;
using Softswitch.Lab.Measures;
using Softswitch.NetFpga.Emulator;
using Softswitch.NetFpga.Offload;
using Softswitch.NetFpga.Offload.Planning;
using Softswitch.NetFpga.Registers;
using Softswitch.Ports.Null;

namespace Softswitch.Bench;

/// <summary>What <c>bench netfpga</c> measures.</summary>
internal sealed record NetFpgaBenchOptions : IBenchOptions
{
    /// <summary>Exact entries that are added, changed and deleted.</summary>
    public int Flows { get; init; } = 10_000;

    /// <summary>What one register access takes on the card at hand; by default what the arbiter of its SRAM takes, the least there can be.</summary>
    public int AccessNanoseconds { get; init; } = 256;

    // Five changes to each flow; entries with wildcards, and filling the table six times, take as long with any number.
    private const double FlowSeconds = 1e-4;
    private const double OtherSeconds = 2;

    public BenchPlan Plan => new(
        $"{Flows:N0} exact entries on an emulated card, rows with wildcards, and the table filled",
        BenchPlan.StartSeconds + OtherSeconds + (Flows * FlowSeconds));
}

/// <summary>What keeping a NetFPGA card in step costs: register accesses and time for each kind of flow-mod, and how full the exact table becomes.</summary>
/// <remarks>
/// The card is the emulated one, so accesses are those of a real card and times are the shim's own: on a card each access takes what the bus takes,
/// which is added by the number of accesses.
/// </remarks>
internal static class NetFpgaBenchmark
{
    private const ushort Priority = 0x8000;
    private const int RowRounds = 50;
    private const int RowFlows = 16;

    /// <summary>Flows offered to the 32,768 slots.</summary>
    private static readonly int[] Fills = [8192, 16384, 24576, 28672, 30720, 32768];

    public static BenchResult Run(NetFpgaBenchOptions options, Action<string> progress, CancellationToken cancellation)
    {
        var result = new BenchResult("netfpga");
        List<Cost> costs = [];
        var fills = new BenchRows<Fill>(
            new("offered", fill => fill.Offered, "flows offered"),
            new("placed", fill => fill.Placed, "in slots"),
            new("share", fill => Math.Round(fill.Placed / (double)fill.Offered, 5), "share", "0.00000"),
            new("writesPerFlow", fill => Math.Round(fill.Writes, 2), "register writes a flow"));
        var watch = new MachineWatch();
        cancellation.Attempt(() =>
        {
            progress("warming up");
            MeasureExact(Math.Min(options.Flows, 2000), [], cancellation);
            progress("exact entries");
            MeasureExact(options.Flows, costs, cancellation);
            progress("entries with wildcards");
            MeasureRows(costs, cancellation);
            foreach (int offered in Fills)
            {
                progress($"filling the exact table with {offered}");
                fills.Add(MeasureFill(offered, cancellation));
            }
        });
        var operations = new BenchRows<Cost>(
            new("operation", cost => cost.Name, "operation"),
            new("writes", cost => Math.Round(cost.Writes, 2), "writes"),
            new("mostWrites", cost => cost.MostWrites, "at most"),
            new("reads", cost => Math.Round(cost.Reads, 2), "reads"),
            new("microseconds", cost => Math.Round(cost.Microseconds, 2), "us, shim and emulator"),
            new("perSecondOnBus", cost => Math.Round(cost.PerSecond(options.AccessNanoseconds)), $"a second, at {options.AccessNanoseconds} ns an access"));
        costs.ForEach(operations.Add);
        operations.AddTo(result, "operations");
        fills.AddTo(result, "fill");
        result.Add(watch.ReadMachine());
        result.Add("flows", options.Flows);
        result.Add("accessNanoseconds", options.AccessNanoseconds);
        Machine.Describe(result);
        return result;
    }

    private static void MeasureExact(int flows, List<Cost> costs, CancellationToken cancellation)
    {
        var set = new ExactFlows(flows, CardPort.Count);
        using var bench = new Bench(cancellation);
        FlowAction[] toPort = [FlowAction.Output(1)];
        FlowAction[] toOther = [FlowAction.Output(2)];
        FlowAction[] rewrite = [FlowAction.SetDlDst(new MacAddress(0x0200_0000_0001)), FlowAction.Output(2)];
        var all = Enumerable.Range(0, flows);
        costs.Add(bench.Measure("add, exact", all, flow => new Change(FlowModCommand.Add, set.MatchOf(flow), Priority, toPort)));
        costs.Add(bench.Measure("modify outputs, exact", all, flow => new Change(FlowModCommand.ModifyStrict, set.MatchOf(flow), Priority, toOther)));
        costs.Add(bench.Measure("modify rewrites, exact", all, flow => new Change(FlowModCommand.ModifyStrict, set.MatchOf(flow), Priority, rewrite)));
        costs.Add(bench.Measure("replace, exact", all, flow => new Change(FlowModCommand.Add, set.MatchOf(flow), Priority, toPort)));
        costs.Add(bench.Measure("delete, exact", all, flow => new Change(FlowModCommand.DeleteStrict, set.MatchOf(flow), Priority, [])));
    }

    /// <summary>Sixteen entries on nw_dst and in_port, in any order of their priorities, again and again; then one for the controller above them, which needs a punt.</summary>
    private static void MeasureRows(List<Cost> costs, CancellationToken cancellation)
    {
        Random random = new(1);
        FlowAction[] toPort = [FlowAction.Output(2)];
        FlowAction[] toOther = [FlowAction.Output(3)];
        FlowAction[] toController = [FlowAction.Output(PortNumber.Controller, 128)];
        using var bench = new Bench(cancellation);
        Cost add = new("add, wildcards");
        Cost modify = new("modify, wildcards");
        Cost punt = new("add above, for the controller");
        Cost remove = new("delete, wildcards");
        for (int round = 0; round < RowRounds; round++)
        {
            int[] order = [.. Enumerable.Range(0, RowFlows)];
            random.Shuffle(order);
            bench.Measure(add, order, flow => new Change(FlowModCommand.Add, RowMatch(flow), (ushort)flow, toPort));
            random.Shuffle(order);
            bench.Measure(modify, order, flow => new Change(FlowModCommand.ModifyStrict, RowMatch(flow), (ushort)flow, toOther));
            FlowMatch above = RowMatch(random.Next(RowFlows)) with { NwProto = IpProtocol.Icmp };
            above.Wildcards &= ~FlowWildcards.NwProto;
            bench.Measure(punt, [0], _ => new Change(FlowModCommand.Add, above, Priority, toController));
            bench.Measure(remove, [0], _ => new Change(FlowModCommand.DeleteStrict, above, Priority, []));
            random.Shuffle(order);
            bench.Measure(remove, order, flow => new Change(FlowModCommand.DeleteStrict, RowMatch(flow), (ushort)flow, []));
        }
        costs.AddRange([add, modify, punt, remove]);
    }

    private static FlowMatch RowMatch(int flow)
    {
        FlowMatch match = FlowMatch.Any with
        {
            Wildcards = FlowWildcards.All & ~(FlowWildcards.InPort | FlowWildcards.DlType),
            InPort = 1,
            DlType = EtherType.Ipv4,
            NwDst = 0x0a00_0000u | ((uint)flow << 8),
        };
        match.SetNwWildBits(32, 8);
        return match;
    }

    private static Fill MeasureFill(int offered, CancellationToken cancellation)
    {
        var set = new ExactFlows(offered, CardPort.Count);
        using var bench = new Bench(cancellation);
        Cost cost = bench.Measure("", Enumerable.Range(0, offered), flow => new Change(FlowModCommand.Add, set.MatchOf(flow), Priority, [FlowAction.Output(1)]));
        return new Fill(offered, bench.Offload.SlotsUsed, cost.Writes);
    }

    /// <summary>Flows offered to the exact table, and how many of them found a slot.</summary>
    private sealed record Fill(int Offered, int Placed, double Writes);

    private readonly record struct Change(FlowModCommand Command, FlowMatch Match, ushort Priority, FlowAction[] Actions);

    /// <summary>What flow-mods of one kind took.</summary>
    private sealed class Cost(string name)
    {
        private readonly List<double> _microseconds = [];
        private long _writes;
        private long _reads;

        public string Name => name;

        public double Writes => _writes / (double)_microseconds.Count;

        public double Reads => _reads / (double)_microseconds.Count;

        public long MostWrites { get; private set; }

        /// <summary>Median.</summary>
        public double Microseconds => Statistic.Median(_microseconds);

        public double PerSecond(int accessNanoseconds) => 1e9 / ((Writes + Reads) * accessNanoseconds);

        public void Add(long writes, long reads, TimeSpan time)
        {
            _writes += writes;
            _reads += reads;
            MostWrites = Math.Max(MostWrites, writes);
            _microseconds.Add(time.TotalMicroseconds);
        }
    }

    /// <summary>A switch whose four ports are an emulated card's.</summary>
    private sealed class Bench : IDisposable
    {
        private readonly MeasuredSwitch _switch = new(new DatapathOptions());
        private readonly CountingRegisters _registers = new(new EmulatedCard());
        private readonly CancellationToken _cancellation;

        public Bench(CancellationToken cancellation)
        {
            _cancellation = cancellation;
            ushort[] numbers = [.. Enumerable.Range(1, CardPort.Count).Select(number => (ushort)number)];
            foreach (ushort number in numbers)
            {
                _switch.AddPort(number, new NullPort($"nf2c{number - 1}"));
            }
            Offload = new NetFpgaOffload(_registers, CardLayout.V10, OffloadLevel.On, numbers, static line => throw new InvalidOperationException(line));
            using (_switch.Control.Enter())
            {
                _switch.Control.Flows.Offloads.Attach(Offload);
            }
        }

        public NetFpgaOffload Offload { get; }

        public Cost Measure(string name, IEnumerable<int> flows, Func<int, Change> change)
        {
            Cost cost = new(name);
            Measure(cost, flows, change);
            return cost;
        }

        public void Measure(Cost cost, IEnumerable<int> flows, Func<int, Change> change)
        {
            foreach (int flow in flows.Until(_cancellation))
            {
                Change one = change(flow);
                (long writes, long reads) = (_registers.Writes, _registers.Reads);
                long start = Stopwatch.GetTimestamp();
                ControlError error;
                using (_switch.Control.Enter())
                {
                    error = _switch.Control.Apply(new FlowMod { Command = one.Command, Match = one.Match, Priority = one.Priority, Actions = one.Actions });
                }
                cost.Add(_registers.Writes - writes, _registers.Reads - reads, Stopwatch.GetElapsedTime(start));
                if (error != ControlError.None)
                {
                    throw new InvalidOperationException($"{cost.Name}: {error}");
                }
            }
        }

        public void Dispose() => _switch.Dispose();
    }
}
