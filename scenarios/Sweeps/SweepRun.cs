using System.Globalization;
using System.Text.Json.Nodes;
using Softswitch.Lab.Measures;

namespace Softswitch.Scenarios.Sweeps;

/// <summary>What became of a run.</summary>
/// <param name="Result">As the program prints it with <c>--json</c>; null if it did not come so far.</param>
/// <param name="Failure">Why there is no result; null if there is one.</param>
internal sealed record SweepOutcome(JsonObject? Result, string? Failure, Interference Machine, DateTime StartedUtc, TimeSpan Duration);

/// <summary>A run that was made: a row of the table, and all that the program said.</summary>
/// <param name="Row">Cells by their columns, in the order of these.</param>
/// <param name="Result">As of <see cref="SweepOutcome"/>.</param>
internal sealed record SweepRun(JsonObject Row, JsonNode? Result)
{
    /// <summary>Why a run without failure has not passed, for people.</summary>
    public const string NoCheck = "it has no check that decides";

    private const string ResultKey = "result";

    public int Number => Row["run"]!.GetValue<int>();

    public bool Passed => Row["passed"]!.GetValue<bool>();

    /// <summary>Why it did not pass; null if it did.</summary>
    public string? Failure => Row["failure"]?.GetValue<string>();

    /// <summary>The other load that spoiled it, in a line; null for none.</summary>
    public string? DisturbedBy => Row["spoiled_by"]?.GetValue<string>();

    public double Seconds => Row["run_duration_s"]!.GetValue<double>();

    public SweepOrigin Origin => new(
        Text("scenario"), Row["small"]!.GetValue<bool>(), Row["vm"]!.GetValue<bool>(), Text("version"), Text("build"),
        Text("cpu"), Row["cores"]!.GetValue<int>(), Text("kernel"));

    /// <summary>As of <see cref="Interference.Severity"/>.</summary>
    public double Severity =>
        new Interference(LoadAverage: 0, Row["stolen_share"]!.GetValue<double>(), Others: Row["others_cpus"]?.GetValue<double>()).Severity;

    /// <param name="number">Within its folder, from 1 on.</param>
    /// <param name="attempt">How often it was made with the same values, this one too.</param>
    public static SweepRun Create(SweepPlan plan, SweepPoint point, SweepOrigin origin, int number, int attempt, SweepOutcome outcome)
    {
        Interference machine = outcome.Machine;
        var row = new JsonObject
        {
            ["scenario"] = origin.Scenario,
            ["run"] = number,
            ["repetition"] = point.Repetition,
            ["attempt"] = attempt,
        };
        foreach ((string column, JsonNode? value) in point.Values.ToJson())
        {
            row[column] = value?.DeepClone();
        }
        foreach (Measure measure in plan.Scenario.Measures)
        {
            row[measure.Name] = outcome.Result?["measures"]?[measure.Name]?.DeepClone();
        }
        row["passed"] = outcome.Result?["passed"]?.GetValue<bool>() ?? false;
        row["failure"] = outcome.Failure ?? outcome.Result?["failure"]?.GetValue<string>() ?? MissedBy(outcome.Result);
        row["spoiled"] = machine.Reason != null;
        row["spoiled_by"] = machine.Reason;
        row["started_utc"] = outcome.StartedUtc.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        row["run_duration_s"] = Math.Round(outcome.Duration.TotalSeconds, 3);
        row["version"] = origin.Version;
        row["build"] = origin.Build;
        row["small"] = origin.Small;
        row["vm"] = origin.Guests;
        row["cpu"] = origin.Processor;
        row["cores"] = origin.Cores;
        row["kernel"] = origin.Kernel;
        row["load_average_1min"] = machine.LoadAverage;
        row["stolen_share"] = Math.Round(machine.StolenShare, 4);
        row["others_cpus"] = Round(machine.Others);
        row["own_cpus"] = Round(machine.Ours);
        return new SweepRun(row, outcome.Result);
    }

    /// <summary>Reads what <see cref="ToJson"/> wrote.</summary>
    /// <exception cref="FormatException">It is no run.</exception>
    /// <exception cref="System.Text.Json.JsonException">It is no JSON.</exception>
    public static SweepRun Parse(string text)
    {
        JsonObject row = JsonNode.Parse(text) as JsonObject ?? throw new FormatException("it is no JSON object");
        JsonNode? result = row[ResultKey]?.DeepClone();
        row.Remove(ResultKey);
        var run = new SweepRun(row, result);
        try
        {
            // All that is asked of it later.
            _ = (run.Number, run.Passed, run.Failure, run.DisturbedBy, run.Seconds, run.Origin, run.Severity);
        }
        catch (Exception e) when (e is NullReferenceException or InvalidOperationException or FormatException)
        {
            throw new FormatException("it is no run of a sweep", e);
        }
        return run;
    }

    /// <summary>One object: the row, and the result behind it.</summary>
    public JsonObject ToJson()
    {
        JsonObject all = Row.DeepClone().AsObject();
        all[ResultKey] = Result?.DeepClone();
        return all;
    }

    /// <summary>A cell as text, for people and tables; empty where there is nothing.</summary>
    public string Text(string column) => Row[column] switch
    {
        null => string.Empty,
        JsonValue value when value.TryGetValue(out string? text) => text,
        JsonNode other => other.ToJsonString(),
    };

    /// <summary>What it found; null for nothing.</summary>
    public double? Find(Measure measure) => Row[measure.Name]?.GetValue<double>();

    /// <summary>The checks that decide and do not hold, for people; null if there is none.</summary>
    private static string? MissedBy(JsonObject? result)
    {
        string[] missed =
        [
            .. (result?["checks"] as JsonArray ?? [])
                .Where(check => check!["judged"]!.GetValue<bool>() && !check["holds"]!.GetValue<bool>())
                .Select(check => $"{check!["what"]}: {check["found"]}, and not {check["wanted"]}"),
        ];
        return missed.Length == 0 ? null : string.Join("; ", missed);
    }

    private static double? Round(double? processors) => processors is { } known ? Math.Round(known, 3) : null;
}
