using Softswitch.Lab.Charts;
using Softswitch.Lab.Measures;

namespace Softswitch.Scenarios;

/// <summary>Streams over the time of a run.</summary>
internal static class StreamCharts
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(50);

    /// <param name="what">A delay or a round trip.</param>
    public static void AddDelays(this ScenarioRun run, string title, string what, params IEnumerable<NumberedStream> streams) => run.Result.Add(new LineChart(
        title, new Axis("seconds"), new Axis($"longest {what} in 50 ms, ms"),
        [.. streams.Select(stream => new Series(stream.Name, stream.Record.DelaySeries(run.Result.Timeline.Start, Interval)))], HasMarkers: false));

    /// <param name="what">Packets or pings.</param>
    /// <param name="through">As of <see cref="Axis"/>.</param>
    public static void AddLosses(this ScenarioRun run, string title, string what, double? through, params IEnumerable<NumberedStream> streams) => run.Result.Add(new LineChart(
        title, new Axis("seconds"), new Axis($"{what} lost in 50 ms", Through: through),
        [.. streams.Select(stream => new Series(stream.Name, stream.Record.LossSeries(run.Result.Timeline.Start, Interval)))], HasMarkers: false));
}
