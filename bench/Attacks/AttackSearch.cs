using System.Diagnostics;
using System.Text.Json.Nodes;
using Softswitch.Hosting.Configuration;
using Softswitch.Lab.Measures;

namespace Softswitch.Bench.Attacks;

/// <summary>Measures several attacks, those that are known or ever slower ones.</summary>
internal static class AttackSearch
{
    /// <summary>In place of a kind: all known.</summary>
    public const string Worst = "worst";

    /// <summary>In place of a kind: a search for a slower one.</summary>
    public const string Search = "search";

    private const int Seed = 20_190_827;
    public const double TurnSeconds = 0.2;
    private const int MostChanges = 3;

    private static readonly string[] Figures =
    [
        "mpps", "mppsPerCpu", "cpuShare", "entries", "masks", "subtables", "flowModsPerSecond", "flowModsPerSecondLeast", "slowestFlowModUs",
    ];

    // So often in vain, and it goes on from the next that is known.
    private const int Patience = 24;

    // To add an entry, change a part of them under traffic, and take the table down.
    private const double EntrySeconds = 2e-5;
    private const double AttackSeconds = 1;

    /// <summary>About how long all that are known take.</summary>
    public static double ExpectedSeconds(PipelineOptions options) =>
        AttackSpec.Known.Count * (AttackSeconds + (EntrySeconds * options.Flows) + MeasuredWorkers.ExpectedWarmUp(options.Seconds) + options.Seconds);

    /// <summary>A row for each known attack, and the slowest of them as the result.</summary>
    public static BenchResult RunKnown(PipelineOptions options, Action<string> progress, CancellationToken cancellation)
    {
        List<Trial> trials = [];
        foreach (AttackSpec spec in AttackSpec.Known.TakeWhile(_ => !cancellation.IsCancellationRequested))
        {
            progress($"{trials.Count + 1} of {AttackSpec.Known.Count}: {spec}");
            cancellation.Attempt(() => trials.AddRange(Measure(options, spec, cancellation) is { } trial ? [trial] : []));
        }
        cancellation.ThrowIfNothing(trials.Count);
        return Report(options, trials);
    }

    /// <summary>Climbs: changes a parameter or a few of the slowest attack so far, and goes on from what is slower still.</summary>
    /// <remarks>
    /// By the worker's processor time, in short turns. What seems slower is measured again, and the better of both counts: a turn that
    /// something disturbed is not believed. The seed is fixed; what is found depends on the machine all the same.
    /// </remarks>
    public static BenchResult RunSearch(PipelineOptions options, Action<string> progress, CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        bool IsTime() => Stopwatch.GetElapsedTime(start).TotalSeconds < options.Seconds && !cancellation.IsCancellationRequested;
        PipelineOptions turn = options with { Seconds = TurnSeconds };
        var random = new Random(Seed);
        List<Trial> starts = [];
        foreach (AttackSpec spec in AttackSpec.Known.TakeWhile(_ => !cancellation.IsCancellationRequested))
        {
            progress($"{starts.Count + 1} of {AttackSpec.Known.Count} to begin with: {spec}");
            cancellation.Attempt(() => starts.AddRange(Measure(turn, spec, cancellation) is { } trial ? [trial] : []));
        }
        cancellation.ThrowIfNothing(starts.Count);
        Queue<Trial> next = new(starts.OrderBy(trial => trial.Rate));
        List<Trial> summits = [];
        int tried = starts.Count;
        while (IsTime() && next.TryDequeue(out Trial? current))
        {
            for (int inVain = 0; inVain < Patience && IsTime(); inVain++, tried++)
            {
                AttackSpec changed = Change(current.Spec, random);
                Trial? Again() => Measure(turn, changed, cancellation);
                if (IsSlower(Again, current) is { } trial && IsSlower(Again, current) is { } again)
                {
                    current = again.Rate > trial.Rate ? again : trial;
                    inVain = -1;
                    progress($"{tried} tried, {current.Rate:0.000} Mpps: {changed}");
                }
            }
            summits.Add(current);
        }
        BenchResult result = Report(options, [.. summits, .. next]);
        result.Add("tried", tried);
        return result;
    }

    /// <summary>A trial, if it is slower than that; null also if it was cut short.</summary>
    private static Trial? IsSlower(Func<Trial?> measure, Trial current)
    {
        try
        {
            return measure() is { } trial && trial.Rate < current.Rate ? trial : null;
        }
        catch (OperationCanceledException)
        {
            return null;
        }
    }

    private static AttackSpec Change(AttackSpec spec, Random random)
    {
        AttackSpec changed = spec;
        for (int count = random.Next(1, MostChanges + 1); count > 0 || changed == spec; count--)
        {
            changed = AttackParameter.All[random.Next(AttackParameter.All.Count)].Change(changed, random);
        }
        return changed;
    }

    /// <summary>Measures one; null if there are not as many different entries.</summary>
    private static Trial? Measure(PipelineOptions options, AttackSpec spec, CancellationToken cancellation) =>
        AttackSet.TryMake(spec, options.Flows, options.Traffic ?? AttackSet.DefaultTraffic, options.Workers) is { } set
            ? new Trial(spec, PipelineBenchmark.Run(options with { Attack = $"{spec}" }, set, static _ => { }, cancellation))
            : null;

    private static BenchResult Report(PipelineOptions options, List<Trial> trials)
    {
        var result = new BenchResult("pipeline");
        Trial slowest = trials.MinBy(trial => trial.Rate) ?? throw new OptionException("--flows: no attack known has as many entries");
        foreach (string figure in Figures)
        {
            result.Add(figure, slowest.Result[figure]!.DeepClone());
        }
        result.Add("attack", $"{slowest.Spec}");
        result.Add("flows", options.Flows);
        result.Add("seconds", options.Seconds, 3);
        var rows = new JsonArray();
        var table = new TextTable(["attack", .. Figures]);
        foreach (Trial trial in trials.OrderBy(trial => trial.Rate))
        {
            var row = new JsonObject { ["attack"] = $"{trial.Spec}" };
            Array.ForEach(Figures, figure => row[figure] = trial.Result[figure]?.DeepClone());
            string sign = result.Mark($"{trial.Spec}", row, trial.Result.Disturbance);
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
