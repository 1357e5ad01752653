using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Softswitch.Bench.Sides;
using Softswitch.Lab;
using Softswitch.Lab.Measures;

namespace Softswitch.Bench;

/// <summary>What <c>bench stall</c> measures.</summary>
internal sealed record StallOptions : IBenchOptions
{
    public int Flows { get; init; } = 1000;

    /// <summary>Flow-mods a second meanwhile; 0 for none.</summary>
    public double Rate { get; init; } = 100_000;

    public ChurnKind Kind { get; init; }

    public double Seconds { get; init; } = 10;

    public BenchPlan Plan => new(
        $"{Flows:N0} flows under {(Rate > 0 ? $"{Rate:N0} flow-mods a second" : "no flow-mods")}",
        BenchPlan.StartSeconds + (Flows * ChurnBenchmark.FlowSeconds) + MeasuredWorkers.ExpectedWarmUp(Seconds) + Seconds);
}

/// <summary>How long a worker stands still while it forwards, its table changes and its statistics are read.</summary>
internal static class StallBenchmark
{
    private const double ProgressSeconds = 0.5;

    // For each second of passes, the thread reads the clock for so long, on the same processor under the same flow-mods: what holds that up holds passes up, too.
    private const double ClockShare = 0.25;

    // Nanoseconds: the clocks are not read at quite the same moment.
    private const long SuspiciousSteal = 10_000;
    private static readonly TimeSpan StatisticsInterval = TimeSpan.FromMilliseconds(20);

    public static BenchResult Run(StallOptions options, Action<string> progress, CancellationToken cancellation)
    {
        WorkerPlacement.KeepOff(workers: 1);
        progress("making flows");
        using MeasuredSwitch bench = ChurnBenchmark.CreateSwitch(options.Flows);
        var churn = new Churn(bench, options.Kind, options.Flows, cancellation);
        bench.StartService();
        using var gaps = new GapRecorder();
        using var clockGaps = new GapRecorder();
        using var workers = new MeasuredWorkers(bench.Control.Workers, gaps, clockGaps);
        using var driver = new ChurnDriver(bench.Listen(), churn, options.Rate, StatisticsInterval);
        progress("warming up");
        workers.SetRecording(true);
        driver.SetActive(options.Rate > 0);
        MeasuredWorkers.WarmUp(options.Seconds, cancellation);
        workers.SetRecording(false);
        WorkerSample[] before = workers.TakeSamples(); // the worker has left its recording loop: what it recorded so far can be forgotten
        gaps.Clear();

        int collections = GC.CollectionCount(0);
        TimeSpan pauses = GC.GetTotalPauseDuration();
        long stolen = Machine.StolenMilliseconds;
        long confirmed = driver.Confirmed;
        long statistics = driver.StatisticsRead;
        long start = Stopwatch.GetTimestamp();
        workers.SetRecording(true);
        var watch = new MachineWatch();
        double step = Math.Min(ProgressSeconds, options.Seconds);
        double measured = 0;
        for (; measured < options.Seconds && !cancellation.IsCancellationRequested; measured += step)
        {
            cancellation.WaitHandle.WaitOne(TimeSpan.FromSeconds(step));
            workers.SetReadingClock(true);
            Thread.Sleep(TimeSpan.FromSeconds(step * ClockShare));
            workers.SetReadingClock(false);
            progress($"{measured + step:0.0} of {options.Seconds:0} s");
        }
        workers.SetRecording(false);
        Interference interference = watch.ReadThread(MeasuredWorkers.Rates(before, workers.TakeSamples()).CpuShare);
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;

        var result = new BenchResult("stall");
        Report(result, gaps, measured);
        ReportClock(result, clockGaps, measured * ClockShare);
        result.Add(interference);
        result.Add("stolenMilliseconds", Machine.StolenMilliseconds - stolen);
        result.Add("collections", GC.CollectionCount(0) - collections);
        result.Add("collectionPausesUs", (GC.GetTotalPauseDuration() - pauses).TotalMicroseconds, 1);
        result.Add("flowModsPerSecond", (driver.Confirmed - confirmed) / seconds, 0);
        result.Add("statisticsPerSecond", (driver.StatisticsRead - statistics) / seconds, 1);
        driver.SetActive(false);
        workers.Stop();
        ChurnBenchmark.Check(result, bench, churn, driver);
        result.Add("kind", options.Kind.ToString().ToLowerInvariant());
        result.Add("flows", options.Flows);
        result.Add("rate", options.Rate, 0);
        result.Add("seconds", seconds, 3);
        Machine.Describe(result);
        return result;
    }

    private static void Report(BenchResult result, GapRecorder gaps, double seconds)
    {
        result.Add("passes", gaps.All.Count);
        result.Add("passP50Us", gaps.Own.QuantileMicroseconds(0.5), 2);
        result.Add("passP99Us", gaps.Own.QuantileMicroseconds(0.99), 2);
        result.Add("passP9999Us", gaps.Own.QuantileMicroseconds(0.9999), 2);
        result.Add("longestUs", gaps.Own.MaxNanoseconds / 1e3, 1);
        result.Add("over20UsPerSecond", gaps.Own.CountFrom(20_000) / seconds, 2);
        result.Add("over50UsPerSecond", gaps.Own.CountFrom(50_000) / seconds, 2);
        result.Add("over100Us", gaps.Own.CountFrom(100_000));
        result.Add("longestWithPreemptionUs", gaps.All.MaxNanoseconds / 1e3, 1);
        result.Add("preemptions", gaps.Preempted.Count);
        result.Add("preemptedUs", gaps.PreemptedNanoseconds / 1e3, 0);
        result.Add("longestPreemptionUs", gaps.Preempted.MaxNanoseconds / 1e3, 1);
        result.Add("preemptionKnown", gaps.KnowsPreemption);
        result.Add("thefts", gaps.Stolen.CountFrom(SuspiciousSteal));
        result.Add("stolenUs", gaps.StolenNanoseconds / 1e3, 0);
        result.Add("longestTheftUs", gaps.Stolen.MaxNanoseconds / 1e3, 1);
        result.Add("longPasses", new JsonArray([.. gaps.Longest.Select(ToJson)]), ToTable(gaps.Longest));
        result.Add("passTailUs", gaps.Own.ToTail());
        // Pairs: nanoseconds from which on, up to twice that, and how many passes.
        result.Add("histogram", new JsonArray([.. gaps.Own.PowersOfTwo().Select(bucket => new JsonArray(bucket.FromNanoseconds, bucket.Count))]));
    }

    /// <summary>The same of the thread that only reads the clock.</summary>
    private static void ReportClock(BenchResult result, GapRecorder gaps, double seconds)
    {
        result.Add("clockSeconds", seconds, 3);
        result.Add("clockOver20UsPerSecond", gaps.Own.CountFrom(20_000) / seconds, 2);
        result.Add("clockOver50UsPerSecond", gaps.Own.CountFrom(50_000) / seconds, 2);
        result.Add("clockOver100Us", gaps.Own.CountFrom(100_000));
        result.Add("clockLongestUs", gaps.Own.MaxNanoseconds / 1e3, 1);
    }

    private static JsonObject ToJson(LongPass pass) => new()
    {
        ["us"] = Microseconds(pass.OwnNanoseconds),
        ["preemptedUs"] = Microseconds(pass.PreemptedNanoseconds),
        ["stolenUs"] = Microseconds(pass.StolenNanoseconds),
        ["packets"] = pass.Packets,
        ["pageFaults"] = pass.PageFaults,
        ["compiledMethods"] = pass.Compiled,
        ["collectionUs"] = Math.Round(pass.Paused.TotalMicroseconds, 1),
    };

    private static MarkdownTable ToTable(IEnumerable<LongPass> passes)
    {
        var table = new MarkdownTable("longest passes", "µs", "preempted", "stolen", "packets", "page faults", "methods compiled", "collection µs");
        int number = 0;
        foreach (LongPass pass in passes)
        {
            table.Add([$"{++number}", .. ToJson(pass).Select(part => string.Create(CultureInfo.InvariantCulture, $"{part.Value}"))]);
        }
        return table;
    }

    private static double Microseconds(long nanoseconds) => Math.Round(nanoseconds / 1e3, 1);
}
