using System.Diagnostics;
using Softswitch.Bench.Sides;
using Softswitch.Datapath.Control;
using Softswitch.Lab;
using Softswitch.Lab.Measures;

namespace Softswitch.Bench;

/// <summary>What <c>bench churn</c> measures.</summary>
internal sealed record ChurnOptions : IBenchOptions
{
    /// <summary>Flows of the traffic, each with an entry.</summary>
    public int Flows { get; init; } = 1000;

    /// <summary>Flow-mods a second; infinity for as many as the switch takes.</summary>
    public double Rate { get; init; } = 100_000;

    public ChurnKind Kind { get; init; }

    public double Seconds { get; init; } = 4;

    /// <summary>Where a journal is kept meanwhile; null for none.</summary>
    public string? State { get; init; }

    public BenchPlan Plan => new(
        $"{Flows:N0} flows while the table changes: {ChurnBenchmark.WordOf(Kind)}, "
            + (double.IsPositiveInfinity(Rate) ? "as many flow-mods as it takes" : $"{Rate:N0} flow-mods a second"),
        BenchPlan.StartSeconds + (Flows * ChurnBenchmark.FlowSeconds) + MeasuredWorkers.ExpectedWarmUp(Seconds) + Seconds)
    {
        TidiesUp = State != null
    };
}

/// <summary>How much forwarding is left while the table changes, and whether every packet is treated right.</summary>
/// <remarks>
/// Slices with and without flow-mods alternate, so that what the machine's neighbours do hits both alike; what is kept is the median of
/// neighbouring slices' ratios. The flow-mods come over TCP on loopback.
/// </remarks>
internal static class ChurnBenchmark
{
    /// <summary>To make an entry and its frames.</summary>
    public const double FlowSeconds = 3e-6;

    private const double SliceSeconds = 0.2;

    public static BenchResult Run(ChurnOptions options, Action<string> progress, CancellationToken cancellation)
    {
        WorkerPlacement.KeepOff(workers: 1);
        progress("making flows");
        using MeasuredSwitch bench = CreateSwitch(options.Flows);
        bench.KeepState(options.State);
        var churn = new Churn(bench, options.Kind, options.Flows, cancellation);
        bench.StartService();
        using var workers = new MeasuredWorkers(bench.Control.Workers);
        using var driver = new ChurnDriver(bench.Listen(), churn, options.Rate);
        progress("warming up");
        driver.SetActive(true);
        MeasuredWorkers.WarmUp(options.Seconds, cancellation);
        driver.SetActive(false);

        int pairs = Math.Max(3, (int)Math.Round(options.Seconds / (2 * SliceSeconds)));
        TimeSpan slice = TimeSpan.FromSeconds(options.Seconds / (2 * pairs));
        List<(SliceRates Idle, SliceRates Busy)> slices = [];
        List<double> rates = [];
        var watch = new MachineWatch();
        for (int i = 0; i < pairs && !cancellation.IsCancellationRequested; i++)
        {
            SliceRates idle = workers.Measure(slice);
            driver.SetActive(true);
            long start = Stopwatch.GetTimestamp();
            long confirmed = driver.Confirmed;
            SliceRates busy = workers.Measure(slice);
            rates.Add((driver.Confirmed - confirmed) / Stopwatch.GetElapsedTime(start).TotalSeconds);
            driver.SetActive(false);
            slices.Add((idle, busy));
            progress($"{i + 1} of {pairs} slices, {idle.PacketsPerSecond / 1e6:0.00} Mpps, with {rates[^1]:0} flow-mods/s {busy.PacketsPerSecond / 1e6:0.00} Mpps");
        }
        workers.Stop();
        cancellation.ThrowIfNothing(slices.Count);

        var result = new BenchResult("churn");
        Report(result, slices, rates, driver);
        result.Add(watch.ReadThread(Statistic.Median([.. slices.Select(pair => Math.Min(pair.Idle.CpuShare, pair.Busy.CpuShare))])));
        Check(result, bench, churn, driver);
        if (bench.State is { } state)
        {
            result.Add("state", state.IsBehind ? $"behind: {state.Reason}" : "in step");
            result.Add("stateMiB", state.Bytes / (double)(1 << 20), 1);
        }
        result.Add("kind", WordOf(options.Kind));
        result.Add("flows", options.Flows);
        result.Add("otherEntries", options.Kind is ChurnKind.Exact or ChurnKind.Wildcard ? Churn.OtherEntries : 0);
        result.Add("rate", double.IsPositiveInfinity(options.Rate) ? "max" : $"{options.Rate}");
        result.Add("burst", driver.BurstSize);
        result.Add("seconds", options.Seconds, 3);
        Machine.Describe(result);
        return result;
    }

    /// <summary>A switch with room for the traffic's entries and those that come and go.</summary>
    public static MeasuredSwitch CreateSwitch(int flows) => new(new DatapathOptions
    {
        MaxExactEntries = Math.Max(1 << 16, flows + Churn.OtherEntries),
        MaxWildcardEntries = Math.Max(1 << 16, flows + Churn.OtherEntries),
    });

    public static string WordOf(ChurnKind kind) => kind.ToString().ToLowerInvariant();

    /// <summary>Counts every packet: what was lost, and what came out wrong, makes the run a failure.</summary>
    public static void Check(BenchResult result, MeasuredSwitch bench, Churn churn, ChurnDriver driver)
    {
        long received = Churn.ReadReceived(bench);
        long lost = received - churn.Right - churn.Misdirected;
        result.Add("lost", lost);
        result.Add("misdirected", churn.Misdirected);
        result.Add("checked", churn.Right + churn.Misdirected);
        result.Add("errors", driver.ErrorCount);
        if (lost != 0)
        {
            result.Fail($"of {received} packets {lost} did not come out: {string.Join(", ", bench.ReadDrops().Select(drop => $"{drop.Count} {drop.Reason}"))}");
        }
        if (churn.Misdirected != 0)
        {
            result.Fail($"{churn.Misdirected} packets came out by the wrong port or with the wrong header");
        }
        if (received == 0)
        {
            result.Fail("nothing was received");
        }
        if (driver.ErrorCount > 0)
        {
            result.Fail($"the switch answered {driver.ErrorCount} errors to flow-mods");
        }
    }

    private static void Report(BenchResult result, List<(SliceRates Idle, SliceRates Busy)> slices, List<double> rates, ChurnDriver driver)
    {
        result.Add("mppsIdle", Statistic.Median([.. slices.Select(pair => pair.Idle.PacketsPerSecond)]) / 1e6, 3);
        result.Add("mpps", Statistic.Median([.. slices.Select(pair => pair.Busy.PacketsPerSecond)]) / 1e6, 3);
        result.Add("kept", Statistic.Median([.. slices.Select(pair => pair.Busy.PacketsPerSecond / pair.Idle.PacketsPerSecond)]), 3);
        result.Add("mppsIdlePerCpu", Statistic.Median([.. slices.Select(pair => pair.Idle.PacketsPerCpuSecond)]) / 1e6, 3);
        result.Add("mppsPerCpu", Statistic.Median([.. slices.Select(pair => pair.Busy.PacketsPerCpuSecond)]) / 1e6, 3);
        result.Add("keptPerCpu", Statistic.Median([.. slices.Select(pair => pair.Busy.PacketsPerCpuSecond / pair.Idle.PacketsPerCpuSecond)]), 3);
        result.Add("cpuShareIdle", Statistic.Median([.. slices.Select(pair => pair.Idle.CpuShare)]), 3);
        result.Add("cpuShare", Statistic.Median([.. slices.Select(pair => pair.Busy.CpuShare)]), 3);
        result.Add("flowModsPerSecond", Statistic.Median(rates), 0);
        result.Add("barrierP50Us", driver.Barriers.QuantileMicroseconds(0.5), 1);
        result.Add("barrierP99Us", driver.Barriers.QuantileMicroseconds(0.99), 1);
        result.Add("barriers", driver.Barriers.Count);
        result.Add("allocatedBytes", slices.Sum(pair => pair.Idle.AllocatedBytes + pair.Busy.AllocatedBytes));
    }
}
