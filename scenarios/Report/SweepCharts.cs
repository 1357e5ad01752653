using Softswitch.Lab.Charts;
using Softswitch.Scenarios.Parameters;
using Softswitch.Scenarios.Sweeps;

namespace Softswitch.Scenarios.Report;

/// <summary>What a sweep found as charts: medians with their quartiles, and the paper's own points beside them.</summary>
internal static class SweepCharts
{
    // From one value to another of the same axis.
    private const double ManyTimes = 100;

    // A longer label has no place along the axis.
    private const int LongLabel = 46;

    private const string OnlyLine = "Softswitch";

    /// <param name="paper">All that the scenario has; those of other measures, and over other parameters, have no place here.</param>
    public static LineChart Draw(SweepTable table, Measure measure, IReadOnlyList<PaperPoint> paper)
    {
        Parameter key = table.X ?? throw new InvalidOperationException("nothing varies");
        bool isNumber = table.Numbers.Contains(key);
        PaperPoint[] beside = [.. PointsBeside(table, measure, paper)];
        string[] words = isNumber ? [] : [.. table.Rows.Select(row => row.Values[key]).Concat(beside.Select(point => point.X)).Distinct()];
        double At(string value) => isNumber ? SweepTable.Read(value) : Array.IndexOf(words, value);

        Parameter[] others = [.. table.Keys.Where(other => other != key)];
        Series[] lines =
        [
            .. table.Rows.GroupBy(row => string.Join(", ", others.Select(other => $"{other.Key}={row.Values[other]}")))
                .Select(line => LineOf(line.Key.Length > 0 ? line.Key : OnlyLine, [.. line])),
            .. beside.GroupBy(point => point.Legend).Select(PaperLineOf),
        ];
        (double X, double Y)[] all = [.. lines.SelectMany(line => line.All)];
        return new LineChart(
            $"{measure.What}, over {key.Key}",
            new Axis(key.Unit.Length == 0 ? key.Key : $"{key.Key} ({key.Unit})", isNumber && SpansMuch(all.Select(point => point.X)))
            {
                Words = isNumber ? null : words,
            },
            new Axis(measure.What.Length > LongLabel ? measure.Name : measure.What, SpansMuch(all.Select(point => point.Y))),
            lines);

        Series PaperLineOf(IGrouping<string, PaperPoint> series) =>
            new(series.Key, [.. series.Select(point => (At(point.X), point.Y))]) { IsJoined = false };

        Series LineOf(string name, SweepRow[] rows)
        {
            (double X, SweepFigure Figure)[] found =
            [
                .. from row in rows
                   let figure = row.Find(measure)
                   where figure != null
                   orderby At(row.Values[key])
                   select (At(row.Values[key]), figure),
            ];
            return new Series(name, [.. found.Where(one => !one.Figure.IsSpoiled).Select(Median)])
            {
                Disturbed = [.. found.Where(one => one.Figure.IsSpoiled).Select(Median)],
                Spreads = [.. found.Where(one => one.Figure.Values.Count > 1).Select(Spread)],
                IsJoined = isNumber,
            };
        }
    }

    /// <summary>The paper's points that have a place on the chart of a measure.</summary>
    public static IEnumerable<PaperPoint> PointsBeside(SweepTable table, Measure measure, IEnumerable<PaperPoint> paper) =>
        paper.Where(point => point.Measure == measure.Name && point.Key == table.X?.Key)
            .Where(point => !table.Numbers.Contains(table.X) || SweepTable.TryRead(point.X, out _));

    private static (double X, double Y) Median((double X, SweepFigure Figure) one) => (one.X, one.Figure.Quartiles.Median);

    private static (double X, double Low, double High) Spread((double X, SweepFigure Figure) one) =>
        (one.X, one.Figure.Quartiles.Lower, one.Figure.Quartiles.Upper);

    /// <summary>Whether an axis is better by powers of ten.</summary>
    private static bool SpansMuch(IEnumerable<double> values)
    {
        double[] all = [.. values];
        return all.Length > 0 && all.Min() > 0 && all.Max() / all.Min() >= ManyTimes;
    }
}
