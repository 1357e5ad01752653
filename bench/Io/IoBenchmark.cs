using System.Text.Json.Nodes;
using Softswitch.Bench.Sides;
using Softswitch.Lab.Measures;
using Softswitch.Ports.Linux.Processes;

namespace Softswitch.Bench.Io;

/// <summary>Packets through real interfaces: rates, loss, order, latency and processor time of switches in processes of their own.</summary>
internal sealed class IoBenchmark(IoOptions options, Action<string> progress, CancellationToken cancellation)
    : SideBenchmark<IoOptions, IoBackend, IoSide>("io", options, progress, cancellation)
{
    private readonly (int Generator, int Switch) _processors = TakeProcessors();

    private readonly BenchRows<(IoBackend Backend, IoSide Side)> _rows = new(
        new("backend", row => Text(row.Backend), "backend"),
        new("switch", row => row.Side.Name, "switch"),
        new("port", row => row.Side.Switch.Description),
        Mpps("offeredMpps", round => round.Unlimited.OfferedPerSecond / 1e6, "offered Mpps"),
        Mpps("deliveredMpps", round => round.Unlimited.DeliveredPerSecond / 1e6, "delivered"),
        Median("lost", round => round.Unlimited.Lost, 0),
        Median("lostShare", round => round.Unlimited.LossShare, 6, "lost %", "0.00", scale: 100),
        new("lostAt", row => LostAt(row.Side)),
        new("duplicates", row => row.Side.Rounds.Sum(round => round.Unlimited.Arrived.Duplicates)),
        new("reordered", row => row.Side.Rounds.Sum(round => round.Unlimited.Arrived.Reordered)),
        Median("cyclesPerPacket", round => round.Unlimited.CyclesPerPacket, 0, "cycles/packet"),
        Mpps("losslessMpps", round => round.LosslessMpps, "without loss Mpps"),
        Median("losslessCyclesPerPacket", round => round.Lossless?.CyclesPerPacket ?? 0, 0, "cycles/packet there"),
        new("losslessIsGeneratorsLimit", row => row.Side.Rounds.All(round => round.Lossless == round.Unlimited)),
        new("disturbedTrials", row => row.Side.Rounds.Sum(round => round.Disturbed)),
        Median("waitedMilliseconds", round => round.Unlimited.Waited.TotalMilliseconds, 1),
        Quantile("latencyP50Us", 0.5, "p50 µs"),
        Quantile("latencyP90Us", 0.9),
        Quantile("latencyP99Us", 0.99, "p99"),
        Quantile("latencyP999Us", 0.999, "p99.9"),
        Median("latencyMaxUs", round => (round.Lossless?.Latencies.MaxNanoseconds ?? 0) / 1e3, 1, "longest", "0"),
        new("offeredRounds", row => row.Side.Each(round => round.Unlimited.OfferedPerSecond / 1e6, 3)),
        new("deliveredRounds", row => row.Side.Each(round => round.Unlimited.DeliveredPerSecond / 1e6, 3)),
        new("losslessRounds", row => row.Side.Each(round => round.LosslessMpps, 3)));

    private readonly BenchRows<(IoBackend Backend, IoSide Ours, IoSide Theirs)> _ratios = new(
        new("backend", row => Text(row.Backend), "ours by theirs"),
        new("delivered", row => row.Ours.RatioTo(row.Theirs, round => round.Unlimited.DeliveredPerSecond), "delivered"),
        new("lossless", row => row.Ours.RatioTo(row.Theirs, round => round.LosslessMpps), "without loss"),
        new("cyclesPerPacket", row => row.Ours.RatioTo(row.Theirs, round => round.Unlimited.CyclesPerPacket), "cycles/packet"));

    protected override string Needs => "network namespaces and BPF programs";

    public static string Text(IoBackend backend) => $"{backend}".ToLowerInvariant();

    protected override string NameOf(IoBackend row) => Text(row);

    protected override IEnumerable<IoSide> Start(IoBackend row, Action<string> say)
    {
        yield return Add("softswitch", network => new OwnIoSwitch(row, IoTestbed.InputName, IoTestbed.OutputName, network, _processors.Switch, Cancellation));
        if (row == IoBackend.Kernel && Options.Bridge)
        {
            yield return Add("linuxBridge", network => new BridgeIoSwitch(IoTestbed.InputName, IoTestbed.OutputName, network));
        }
        else if (row != IoBackend.Kernel && Options.OpenVSwitch is { } installation)
        {
            yield return Add("openVSwitch", network => new OvsIoSwitch(
                installation, row, IoTestbed.InputName, IoTestbed.OutputName, network, _processors.Switch, [], Cancellation));
        }

        IoSide Add(string name, Func<NetworkNamespace, IoSwitch> start)
        {
            say($"{name} starts and warms up");
            TimeSpan longest = TimeSpan.FromSeconds(Math.Max(Options.Seconds, IoSide.WarmUps.Max(phase => phase.Duration.TotalSeconds)));
            var testbed = new IoTestbed(Options.FrameLength, Options.Flows, longest, _processors.Generator, _processors.Switch);
            return new IoSide(name, testbed, own => start(own.Switch));
        }
    }

    protected override void Prepare(IoBackend row, IoSide side) => side.Prepare(IoSwitch.BothWays, Cancellation);

    protected override void Measure(IoBackend row, IoSide side, Action<string> say) => side.Measure(Options, say, Cancellation);

    protected override void Add(IoBackend row, IReadOnlyList<IoSide> sides)
    {
        foreach (IoSide side in sides)
        {
            _rows.Add(Result, $"{Text(row)}, {side.Name}", (row, side), side.Interference);
            Judge(row, side);
        }
        if (sides.Count > 1)
        {
            _ratios.Add((row, sides[0], sides[1]));
        }
    }

    protected override void Report()
    {
        _rows.AddTo(Result, "rows");
        _ratios.AddTo(Result, "ratios", unlessEmpty: true);
        Result.Add("frame", Options.FrameLength);
        Result.Add("flows", Options.Flows);
        Result.Add("tolerance", Options.Tolerance, 6);
        Result.Add("gigahertz", Machine.Gigahertz, 3);
    }

    private void Judge(IoBackend backend, IoSide side)
    {
        IEnumerable<IoTrial> trials = side.Rounds.SelectMany(round => (IoTrial[])(round.Lossless is { } lossless ? [round.Unlimited, lossless] : [round.Unlimited]));
        long duplicates = trials.Sum(trial => trial.Arrived.Duplicates);
        long reordered = trials.Sum(trial => trial.Arrived.Reordered);
        if (duplicates + reordered > 0)
        {
            Result.Fail($"{Text(backend)}: {side.Name} duplicated {duplicates} and reordered {reordered} packets");
        }
        if (side.Median(round => round.Unlimited.DeliveredPerSecond) == 0)
        {
            Result.Fail($"{Text(backend)}: {side.Name} delivered nothing");
        }
    }

    private static JsonObject LostAt(IoSide side)
    {
        string[] places = [.. side.Rounds.SelectMany(round => round.Unlimited.Drops.Keys).Distinct()];
        var lostAt = new JsonObject();
        foreach (string place in places)
        {
            lostAt[place] = Math.Round(side.Median(round => round.Unlimited.Drops.GetValueOrDefault(place)));
        }
        lostAt["uncounted"] = Math.Round(side.Median(round => round.Unlimited.Uncounted));
        return lostAt;
    }

    private static BenchColumn<(IoBackend Backend, IoSide Side)> Median(
        string key, Func<IoRound, double> figure, int digits, string? heading = null, string format = "0", double scale = 1) =>
        new(key, row => Math.Round(row.Side.Median(figure), digits), heading, format, scale);

    private static BenchColumn<(IoBackend Backend, IoSide Side)> Mpps(string key, Func<IoRound, double> figure, string heading) =>
        Median(key, figure, 3, heading, "0.000");

    private static BenchColumn<(IoBackend Backend, IoSide Side)> Quantile(string key, double quantile, string? heading = null) =>
        Median(key, round => round.Lossless?.Latencies.QuantileMicroseconds(quantile) ?? 0, 1, heading);
}
