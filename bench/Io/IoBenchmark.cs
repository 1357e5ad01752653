using System.Globalization;
using System.Text.Json.Nodes;
using Softswitch.Hosting.Configuration;
using Softswitch.Lab;
using Softswitch.Lab.Measures;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Processes;

namespace Softswitch.Bench.Io;

/// <summary>Packets through real interfaces: rates, loss, order, latency and processor time of switches in processes of their own.</summary>
internal static class IoBenchmark
{
    // RFC 2544 wants to know the rate itself; figures here move by more than this from round to round.
    private const double Resolution = 0.02;

    // See RateSearch.
    private const int Attempts = 2;

    // A trial with loss in which generator or switch were kept from their processors for longer than this says nothing of either: it is repeated.
    private static readonly TimeSpan MostWaited = TimeSpan.FromMilliseconds(1);
    private const int MostRepeats = 3;

    // Until the compiler of ours is done with what it has seen, and caches of either are filled. On the switch's only processor the compiler comes to
    // its turn while the worker has little to do; what the worker does in plenty is seen in between.
    public static readonly (double Rate, TimeSpan Duration)[] WarmUp =
    [
        (50_000, TimeSpan.FromSeconds(1)),
        (double.PositiveInfinity, TimeSpan.FromSeconds(0.5)),
        (50_000, TimeSpan.FromSeconds(1.5)),
        (double.PositiveInfinity, TimeSpan.FromSeconds(0.2)),
        (50_000, TimeSpan.FromSeconds(0.5)),
    ];

    /// <param name="cancellation">Ends it early, with the rounds measured until then; all that was started is ended by then.</param>
    /// <exception cref="OptionException">It cannot be measured here, and why.</exception>
    public static BenchResult Run(IoOptions options, Action<string> progress, CancellationToken cancellation)
    {
        (int generatorProcessor, int switchProcessor) = Processors();
        var result = new BenchResult("io");
        var rows = new JsonArray();
        var table = new TextTable("backend", "switch", "offered Mpps", "delivered", "lost %", "cycles/packet", "without loss Mpps", "cycles/packet there", "p50 µs", "p99", "p99.9", "longest");
        var ratios = new JsonArray();
        var ratioTable = new TextTable("ours by theirs", "delivered", "without loss", "cycles/packet");
        foreach (IoBackend backend in options.Backends.TakeWhile(_ => !cancellation.IsCancellationRequested))
        {
            List<IoSide> sides = [];
            void Say(string text) => progress($"{Text(backend)}: {text}");
            try
            {
                cancellation.Attempt(() =>
                {
                    Start(sides, options, backend, Say, generatorProcessor, switchProcessor, cancellation);
                    Measure(sides, options, Say, cancellation);
                });
                foreach (IoSide side in sides.Where(side => side.Rounds.Count > 0))
                {
                    JsonObject row = ToJson(backend, side);
                    string sign = result.Mark($"{Text(backend)}, {side.Name}", row, Disturbance.Median([.. side.Rounds.Select(round => round.Disturbance)]));
                    rows.Add(row);
                    AddTo(table, Text(backend) + sign, side);
                    Judge(result, backend, side);
                }
                if (sides.Count > 1 && sides.TrueForAll(side => side.Rounds.Count > 0))
                {
                    JsonObject ratio = Compare(backend, sides[0], sides[1]);
                    ratioTable.Add([.. ratio.Select(part => part.Value?.ToString() ?? "–")]);
                    ratios.Add(ratio);
                }
            }
            catch (SystemCallException e) when (e.IsRefusal)
            {
                throw new OptionException($"network namespaces and BPF programs are needed ({e.Message}): run it as root", e);
            }
            finally
            {
                sides.ForEach(side => side.Dispose());
            }
        }
        result.Add("rows", rows, table);
        if (ratios.Count > 0)
        {
            result.Add("ratios", ratios, ratioTable);
        }
        result.Add("frame", options.FrameLength);
        result.Add("flows", options.Flows);
        result.Add("tolerance", options.Tolerance, 6);
        Describe(result, options);
        return result;
    }

    /// <summary>Keeps this process off the switch's processor. The first other one has the generator.</summary>
    /// <exception cref="OptionException">There is only one.</exception>
    public static (int Generator, int Switch) Processors()
    {
        (int forSwitch, int[] others) = WorkerPlacement.ProcessorsOfOneWorker();
        if (others.Contains(forSwitch))
        {
            throw new OptionException("two processors are needed: one for the switch, one for what talks through it");
        }
        WorkerPlacement.KeepOff(workers: 1);
        return (others[0], forSwitch);
    }

    /// <summary>How it was measured, and where.</summary>
    public static void Describe(BenchResult result, IoOptions options)
    {
        result.Add("seconds", options.Seconds, 3);
        result.Add("rounds", options.Rounds);
        result.Add("gigahertz", Machine.Gigahertz, 3);
        if (options.OpenVSwitch is { } installation)
        {
            result.Add("openVSwitch", installation.Version);
        }
        Machine.Describe(result);
    }

    public static string Text(IoBackend backend) => backend == IoBackend.Xdp ? "xdp" : "packet";

    private static void Start(
        List<IoSide> sides, IoOptions options, IoBackend backend, Action<string> progress, int generator, int processor, CancellationToken cancellation)
    {
        Add("softswitch", network => new OwnIoSwitch(backend, IoTestbed.InputName, IoTestbed.OutputName, network, processor, cancellation));
        if (options.OpenVSwitch is { } installation)
        {
            Add("openVSwitch", network => new OvsIoSwitch(installation, backend, IoTestbed.InputName, IoTestbed.OutputName, network, processor, [], cancellation));
        }

        void Add(string name, Func<NetworkNamespace, IoSwitch> start)
        {
            progress($"{name} starts and warms up");
            TimeSpan longest = TimeSpan.FromSeconds(Math.Max(options.Seconds, WarmUp.Max(phase => phase.Duration.TotalSeconds)));
            var testbed = new IoTestbed(options.FrameLength, options.Flows, longest, generator, processor);
            try
            {
                IoSwitch device = start(testbed.Switch);
                sides.Add(new IoSide(name, testbed, device));
                device.Connect();
                foreach ((double rate, TimeSpan duration) in WarmUp)
                {
                    _ = testbed.Run(device, rate, duration, cancellation);
                }
                device.Rest();
            }
            catch when (sides.All(side => side.Testbed != testbed))
            {
                testbed.Dispose();
                throw;
            }
        }
    }

    private static void Measure(List<IoSide> sides, IoOptions options, Action<string> progress, CancellationToken cancellation)
    {
        for (int round = 0; round < options.Rounds; round++)
        {
            foreach (IoSide side in round % 2 == 0 ? sides : Enumerable.Reverse(sides))
            {
                string place = $"round {round + 1} of {options.Rounds}, {side.Name}";
                progress(place);
                side.Switch.Resume();
                side.Rounds.Add(MeasureRound(side, options, text => progress($"{place}: {text}"), cancellation));
                side.Switch.Rest();
            }
        }
    }

    private static IoRound MeasureRound(IoSide side, IoOptions options, Action<string> progress, CancellationToken cancellation)
    {
        TimeSpan duration = TimeSpan.FromSeconds(options.Seconds);
        var watch = new MachineWatch(side.Switch.ProcessId);
        int disturbed = 0;
        IoTrial Try(double rate)
        {
            List<IoTrial> trials = [];
            do
            {
                IoTrial trial = side.Testbed.Run(side.Switch, rate, duration, cancellation);
                progress(string.Create(CultureInfo.InvariantCulture, $"{trial.OfferedPerSecond / 1e6:0.000} Mpps offered, {trial.Lost} of {trial.Offered} lost"));
                trials.Add(trial);
            }
            while (trials[^1].Waited > MostWaited && trials[^1].LossShare > options.Tolerance && trials.Count <= MostRepeats);
            disturbed += trials.Count - 1;
            return trials.MinBy(trial => trial.LossShare > options.Tolerance ? trial.Waited : TimeSpan.Zero)!;
        }
        // What was waiting while it stood still is gone after a moment's traffic.
        _ = side.Testbed.Run(side.Switch, 10_000, TimeSpan.FromMilliseconds(100), cancellation);
        IoTrial unlimited = Try(double.PositiveInfinity);
        IoTrial? lossless = new RateSearch(options.Tolerance, Resolution, Attempts).Find(unlimited, Try);
        Disturbance disturbance = watch.ReadProcesses();
        double generatorShare = 1 - (unlimited.GeneratorWaited / unlimited.Elapsed);
        return new IoRound(unlimited, lossless, disturbed, disturbance with { Share = Math.Min(disturbance.Share ?? 1, generatorShare) });
    }

    private static void Judge(BenchResult result, IoBackend backend, IoSide side)
    {
        IEnumerable<IoTrial> trials = side.Rounds.SelectMany(round => (IoTrial[])(round.Lossless is { } lossless ? [round.Unlimited, lossless] : [round.Unlimited]));
        long duplicates = trials.Sum(trial => trial.Arrived.Duplicates);
        long reordered = trials.Sum(trial => trial.Arrived.Reordered);
        if (duplicates + reordered > 0)
        {
            result.Fail($"{Text(backend)}: {side.Name} duplicated {duplicates} and reordered {reordered} packets");
        }
        if (side.Median(round => round.Unlimited.DeliveredPerSecond) == 0)
        {
            result.Fail($"{Text(backend)}: {side.Name} delivered nothing");
        }
    }

    private static JsonObject ToJson(IoBackend backend, IoSide side)
    {
        string[] places = [.. side.Rounds.SelectMany(round => round.Unlimited.Drops.Keys).Distinct()];
        var lostAt = new JsonObject();
        foreach (string place in places)
        {
            lostAt[place] = Math.Round(side.Median(round => round.Unlimited.Drops.GetValueOrDefault(place)));
        }
        lostAt["uncounted"] = Math.Round(side.Median(round => round.Unlimited.Uncounted));
        return new JsonObject
        {
            ["backend"] = Text(backend),
            ["switch"] = side.Name,
            ["port"] = side.Switch.Description,
            ["offeredMpps"] = Rounded(side.Median(round => round.Unlimited.OfferedPerSecond) / 1e6),
            ["deliveredMpps"] = Rounded(side.Median(round => round.Unlimited.DeliveredPerSecond) / 1e6),
            ["lost"] = Math.Round(side.Median(round => round.Unlimited.Lost)),
            ["lostShare"] = Math.Round(side.Median(round => round.Unlimited.LossShare), 6),
            ["lostAt"] = lostAt,
            ["duplicates"] = side.Rounds.Sum(round => round.Unlimited.Arrived.Duplicates),
            ["reordered"] = side.Rounds.Sum(round => round.Unlimited.Arrived.Reordered),
            ["cyclesPerPacket"] = Math.Round(side.Median(round => round.Unlimited.CyclesPerPacket)),
            ["losslessMpps"] = Rounded(side.Median(round => round.LosslessMpps)),
            ["losslessCyclesPerPacket"] = Math.Round(side.Median(round => round.Lossless?.CyclesPerPacket ?? 0)),
            ["losslessIsGeneratorsLimit"] = side.Rounds.All(round => round.Lossless == round.Unlimited),
            ["disturbedTrials"] = side.Rounds.Sum(round => round.Disturbed),
            ["waitedMilliseconds"] = Math.Round(side.Median(round => round.Unlimited.Waited.TotalMilliseconds), 1),
            ["latencyP50Us"] = Quantile(side, 0.5),
            ["latencyP90Us"] = Quantile(side, 0.9),
            ["latencyP99Us"] = Quantile(side, 0.99),
            ["latencyP999Us"] = Quantile(side, 0.999),
            ["latencyMaxUs"] = Longest(side),
            ["offeredRounds"] = new JsonArray([.. side.Rounds.Select(round => (JsonNode)Rounded(round.Unlimited.OfferedPerSecond / 1e6))]),
            ["deliveredRounds"] = new JsonArray([.. side.Rounds.Select(round => (JsonNode)Rounded(round.Unlimited.DeliveredPerSecond / 1e6))]),
            ["losslessRounds"] = new JsonArray([.. side.Rounds.Select(round => (JsonNode)Rounded(round.LosslessMpps))]),
        };
    }

    /// <summary>Ours by theirs; a round's two halves are neighbours in time.</summary>
    private static JsonObject Compare(IoBackend backend, IoSide ours, IoSide theirs)
    {
        double? Ratio(Func<IoRound, double> figure)
        {
            double[] ratios = [.. ours.Rounds.Zip(theirs.Rounds, (a, b) => figure(b) > 0 ? figure(a) / figure(b) : 0).Where(ratio => ratio > 0)];
            return ratios.Length == 0 ? null : Math.Round(Statistic.Median(ratios), 2);
        }
        return new JsonObject
        {
            ["backend"] = Text(backend),
            ["delivered"] = Ratio(round => round.Unlimited.DeliveredPerSecond),
            ["lossless"] = Ratio(round => round.LosslessMpps),
            ["cyclesPerPacket"] = Ratio(round => round.Unlimited.CyclesPerPacket),
        };
    }

    private static void AddTo(TextTable table, string name, IoSide side) => table.Add(
        name,
        side.Name,
        Format("0.000", side.Median(round => round.Unlimited.OfferedPerSecond) / 1e6),
        Format("0.000", side.Median(round => round.Unlimited.DeliveredPerSecond) / 1e6),
        Format("0.00", 100 * side.Median(round => round.Unlimited.LossShare)),
        Format("0", side.Median(round => round.Unlimited.CyclesPerPacket)),
        Format("0.000", side.Median(round => round.LosslessMpps)),
        Format("0", side.Median(round => round.Lossless?.CyclesPerPacket ?? 0)),
        Format("0", Quantile(side, 0.5)),
        Format("0", Quantile(side, 0.99)),
        Format("0", Quantile(side, 0.999)),
        Format("0", Longest(side)));

    private static double Quantile(IoSide side, double quantile) => Math.Round(side.Median(round => round.Lossless?.Latencies.QuantileMicroseconds(quantile) ?? 0), 1);

    private static double Longest(IoSide side) => Math.Round(side.Median(round => (round.Lossless?.Latencies.MaxNanoseconds ?? 0) / 1e3), 1);

    private static double Rounded(double mpps) => Math.Round(mpps, 3);

    private static string Format(string format, double value) => value.ToString(format, CultureInfo.InvariantCulture);
}
