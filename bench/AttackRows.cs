using System.Text.Json.Nodes;
using Softswitch.Bench.Attacks;
using Softswitch.Bench.Sides;
using Softswitch.Hosting.Configuration;
using Softswitch.Lab.Measures;

namespace Softswitch.Bench;

/// <summary>Measures all kinds of attacks, a row each.</summary>
internal static class AttackRows
{
    /// <summary>In place of a kind.</summary>
    public const string Worst = "worst";

    private static readonly string[] Figures =
    [
        "mpps", "mppsPerCpu", "cpuShare", "entries", "masks", "subtables", "flowModsPerSecond", "flowModsPerSecondLeast", "slowestFlowModUs",
    ];

    // To add an entry, change a part of them under traffic, and take the table down.
    private const double EntrySeconds = 2e-5;
    private const double AttackSeconds = 1;

    /// <summary>About how long one kind takes.</summary>
    public static double ExpectedSeconds(PipelineOptions options) =>
        AttackSeconds + (EntrySeconds * options.Flows) + MeasuredWorkers.ExpectedWarmUp(options.Seconds) + options.Seconds;

    /// <summary>The slowest of them is the result.</summary>
    public static BenchResult Run(PipelineOptions options, Action<string> progress, CancellationToken cancellation)
    {
        List<Trial> trials = [];
        foreach (AttackSpec spec in AttackSpec.Kinds.TakeWhile(_ => !cancellation.IsCancellationRequested))
        {
            progress($"{trials.Count + 1} of {AttackSpec.Kinds.Count}: {spec}");
            cancellation.Attempt(() => trials.AddRange(Measure(options, spec, cancellation) is { } trial ? [trial] : []));
        }
        cancellation.ThrowIfNothing(trials.Count);
        return Report(options, trials);
    }

    /// <summary>Measures one; null if there are not as many different entries.</summary>
    private static Trial? Measure(PipelineOptions options, AttackSpec spec, CancellationToken cancellation) =>
        AttackSet.TryMake(spec, options.Flows, options.Traffic ?? AttackSet.DefaultTraffic, options.Workers) is { } set
            ? new Trial(spec, PipelineBenchmark.Run(options with { Attack = $"{spec}" }, set, static _ => { }, cancellation))
            : null;

    private static BenchResult Report(PipelineOptions options, List<Trial> trials)
    {
        var result = new BenchResult("pipeline");
        Trial slowest = trials.MinBy(trial => trial.Rate) ?? throw new OptionException("--flows: no attack has as many entries");
        foreach (string figure in Figures)
        {
            result.Add(figure, slowest.Result[figure]!.DeepClone());
        }
        result.Add("attack", $"{slowest.Spec}");
        result.Add("flows", options.Flows);
        result.Add("seconds", options.Seconds, 3);
        var rows = new JsonArray();
        var table = new MarkdownTable(["attack", .. Figures]);
        foreach (Trial trial in trials.OrderBy(trial => trial.Rate))
        {
            var row = new JsonObject { ["attack"] = $"{trial.Spec}" };
            Array.ForEach(Figures, figure => row[figure] = trial.Result[figure]?.DeepClone());
            string sign = result.Mark($"{trial.Spec}", row, trial.Result.Interference);
            rows.Add(row);
            table.Add([$"{trial.Spec}{sign}", .. Figures.Select(figure => $"{trial.Result[figure]}")]);
            foreach (string error in trial.Result.Errors)
            {
                result.Fail($"{trial.Spec}: {error}");
            }
        }
        result.Add("attacks", rows, table);
        Machine.Describe(result);
        return result;
    }

    /// <summary>An attack, and what it left of the rate.</summary>
    private sealed record Trial(AttackSpec Spec, BenchResult Result)
    {
        /// <summary>Million packets for each second of the worker's processor time.</summary>
        public double Rate { get; } = Result["mppsPerCpu"]!.GetValue<double>();
    }
}
