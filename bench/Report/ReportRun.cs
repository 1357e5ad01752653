using System.Globalization;
using System.Text.Json.Nodes;
using Softswitch.Lab;

namespace Softswitch.Bench.Report;

/// <summary>A benchmark that was run.</summary>
/// <param name="Result">What it printed; null if it printed nothing that can be read.</param>
/// <param name="Errors">What it complained of; then its figures are not to be believed.</param>
internal sealed record ReportFigure(ReportStep Step, JsonObject? Result, IReadOnlyList<string> Errors)
{
    // Slices with and without flow-mods are next to each other: chance makes them differ by some percent, not by more.
    private const double MostKept = 1.1;

    /// <summary>Why its figures cannot be, or are of what others left of the machine; null if neither.</summary>
    public string? Interference => Number("kept") is { } kept && kept > MostKept
        ? string.Create(
            CultureInfo.InvariantCulture,
            $"more than all of the rate cannot be kept (kept {kept:0.00}): something else took the processor in between; load average {Number("loadAverage"):0.0} on {Number("cores") ?? Environment.ProcessorCount:0} cores, the worker had {Number("cpuShare"):0.00} of a core with flow-mods and {Number("cpuShareIdle"):0.00} without")
        : ReportFigureRows.InterferenceOf(Result);

    /// <summary>A figure by name, or null.</summary>
    public double? Number(string name) => Result?[name] is JsonValue value && value.TryGetValue(out double number) ? number : null;
}

/// <summary>Runs benchmarks one after the other, each in a process of its own: its figures are those its command gives a person.</summary>
internal static class ReportRun
{
    // A benchmark warms up and measures; none is meant to take nearly as long.
    private static readonly TimeSpan Limit = TimeSpan.FromHours(4);

    /// <exception cref="OperationCanceledException">Cancelled; what ran has ended.</exception>
    public static ReportFigure Run(ReportStep step, CancellationToken cancellation)
    {
        ProgramRun run = ProgramRun.Of(["bench", .. step.Arguments], Limit, cancellation);
        IReadOnlyList<string> errors = run.Said.ExitCode == 0 && run.Result != null ? [] : run.Complaints;
        return new ReportFigure(step, run.Result, run.Result == null && errors.Count == 0 ? [$"ended with exit code {run.Said.ExitCode}"] : errors);
    }
}
