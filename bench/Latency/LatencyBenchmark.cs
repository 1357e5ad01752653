using Softswitch.Bench.Sides;
using Softswitch.Bench.Vhost;
using Softswitch.Lab.Machines;
using Softswitch.Lab.Measures;

namespace Softswitch.Bench.Latency;

/// <summary>What <c>bench latency</c> measures.</summary>
internal sealed record LatencyOptions() : SideOptions(Seconds: 0.5, Rounds: 5)
{
    public IReadOnlyList<VhostCase> Rows { get; init; } = VhostCase.Select("inport");

    /// <summary>Packets a second that are 100 %; null for the lowest of the switches' lossless rates.</summary>
    public double? FullRate { get; init; }

    /// <summary>The share of loss that counts as none.</summary>
    public double Tolerance { get; init; } = 0.001;

    /// <summary>Whether guests, and Open vSwitch, have their memory in huge pages.</summary>
    public bool HugePages { get; init; } = true;

    /// <summary>Whether guest and switch run ahead of everything else while they are measured.</summary>
    public bool RealTime { get; init; }

    public override BenchPlan Plan
    {
        get
        {
            // Ours sleeps, and spins: it is two sides.
            double side = LatencySide.ExpectedSetUp(Seconds, FullRate == null) + (Rounds * LatencyLoad.All.Count * (Seconds + TurnOverheadSeconds));
            return new BenchPlan(
                $"latencies through vhost-user ports{Beside("Open vSwitch with DPDK")}; "
                    + $"rows: {Rows.Count}, loads: {LatencyLoad.All.Count}, rounds of each: {Rounds}",
                Rows.Count * (SideCount + 1) * side, "longer where others take the processors, as trials are repeated")
            {
                TidiesUp = true,
            };
        }
    }

    public override ReservedHugePages? Reserve() => HugePages
        ? VhostSwitches.Reserve(
            ((SideCount + 1) * GuestMiB) + (2 * VhostSwitches.OwnMemoryMiB) + (OpenVSwitch == null ? 0 : VhostSwitches.OvsMemoryMiB))
        : null;

    private const int GuestMiB = 2 * (PollingCard.MemoryBytes >> 20);

    // Until what waited in a switch that stood still is gone, and the last packet is back.
    private const double TurnOverheadSeconds = 0.15;
}

/// <summary>How long packets take from one card of a guest through a switch to another: this switch, sleeping and spinning, and Open vSwitch with DPDK in turns.</summary>
/// <remarks>
/// <code>
/// processor 0: the guest                      the last processor: the switch
/// stamped > transmit ring of card 1  - port 1 | port 2 >  receive ring of card 2 > seen
/// </code>
/// Each switch has a guest of its own.
/// </remarks>
internal sealed class LatencyBenchmark(LatencyOptions options, Action<string> progress, CancellationToken cancellation)
    : SideBenchmark<LatencyOptions, VhostCase, LatencySide>("latency", options, progress, cancellation)
{
    // Fewer packets do not tell what one in ten thousand takes.
    private const int LeastForRarest = 10_000;

    private readonly (int Guest, int Switch) _processors = TakeProcessors();
    private LatencyLoad _load = LatencyLoad.All[0];
    private double _full;

    private readonly BenchRows<Row> _rows = new(
        new("row", row => row.Case.Name),
        new(null, row => row.Case.Title, "row"),
        new("load", row => row.Load.Name, "load"),
        new("offeredMpps", row => Math.Round(row.Figures.Offered / row.Figures.Seconds / 1e6, 6), "Mpps", "0.000"),
        new("switch", row => row.Side.Name, "switch"),
        new("port", row => row.Side.Switch.Description),
        new("losslessMpps", row => row.Side.LosslessRate > 0 ? Math.Round(row.Side.LosslessRate / 1e6, 3) : null),
        new("packets", row => row.Figures.Latencies.Count),
        new("latencyP50Us", row => Quantile(row.Figures, 0.5), "p50 µs", "0.0"),
        new("latencyP99Us", row => Quantile(row.Figures, 0.99), "p99", "0.0"),
        new("latencyP9999Us", row => Quantile(row.Figures, 0.9999), "p99.99", "0.0"),
        new("latencyMaxUs", row => Math.Round(row.Figures.Latencies.MaxNanoseconds / 1e3, 1), "longest", "0.0"),
        new("lost", row => row.Figures.Lost),
        new(null, row => (double)row.Figures.Lost / Math.Max(1, row.Figures.Offered), "lost %", "0.00", Scale: 100),
        new("unsure", row => row.Figures.Unsure),
        new("waitedMilliseconds", row => Math.Round(row.Figures.SwitchWaited.TotalMilliseconds, 2)));

    protected override string NameOf(VhostCase row) => row.Name;

    protected override IEnumerable<LatencySide> Start(VhostCase row, Action<string> say)
    {
        using var switches = new VhostSwitches(Options.OpenVSwitch, Options.HugePages, _processors.Switch, Cancellation);
        yield return Add("softswitch", sockets => switches.StartOwn(sockets));
        yield return Add("softswitch spinning", sockets => switches.StartOwn(sockets, "--idle", "spin"));
        if (Options.OpenVSwitch != null)
        {
            yield return Add("openVSwitch", sockets => switches.StartOpenVSwitch(sockets));
        }

        LatencySide Add(string name, Func<IReadOnlyList<string>, IoSwitch> start)
        {
            say($"{name} starts and warms up");
            var guest = new LatencyGuest(row, Options.HugePages, _processors.Guest);
            return new LatencySide(name, guest, own => start(own.Sockets), Options);
        }
    }

    protected override void Prepare(VhostCase row, LatencySide side) => side.Prepare(row.EntriesBetween(IoSwitch.Input, IoSwitch.Output), Cancellation);

    /// <summary>All are offered the same.</summary>
    protected override void Begin(VhostCase row, IReadOnlyList<LatencySide> sides, Action<string> say)
    {
        if (Options.FullRate is double full)
        {
            _full = full;
            return;
        }
        foreach (LatencySide side in sides)
        {
            side.FindLosslessRate(Cancellation);
            say($"{side.Name}: {side.LosslessRate / 1e6:0.00} Mpps without loss");
        }
        _full = sides.Min(side => side.LosslessRate);
    }

    protected override void TakeRound(VhostCase row, IReadOnlyList<LatencySide> sides, string place, Action<string> say)
    {
        foreach (LatencyLoad load in LatencyLoad.All)
        {
            _load = load;
            base.TakeRound(row, sides, $"{place}, {load.Name}", say);
        }
    }

    protected override void Measure(VhostCase row, LatencySide side, Action<string> say) => side.Measure(_load, _full, Cancellation);

    protected override void Add(VhostCase row, IReadOnlyList<LatencySide> sides)
    {
        foreach (LatencyLoad load in LatencyLoad.All)
        {
            foreach (LatencySide side in sides.Where(side => side.Rounds.Exists(round => round.Load == load)))
            {
                LatencyFigures figures = LatencyFigures.Of(side.Rounds.Where(round => round.Load == load));
                _rows.Add(Result, $"{row.Name}, {load.Name}, {side.Name}", new Row(row, load, side, figures), figures.Interference);
            }
        }
    }

    protected override void Report()
    {
        _rows.AddTo(Result, "rows");
        Result.Add("tolerance", Options.Tolerance, 6);
        Result.Add("realTime", Options.RealTime);
        Result.Add("memory", Options.HugePages ? "huge pages" : "--no-huge");
        Result.Add("gigahertz", Machine.Gigahertz, 3);
    }

    /// <summary>Microseconds; null if there were too few packets to say.</summary>
    private static double? Quantile(LatencyFigures figures, double quantile) =>
        quantile > 0.99 && figures.Latencies.Count < LeastForRarest ? null : Math.Round(figures.Latencies.QuantileMicroseconds(quantile), 2);

    private sealed record Row(VhostCase Case, LatencyLoad Load, LatencySide Side, LatencyFigures Figures);
}
