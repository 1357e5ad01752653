using Softswitch.Lab.Charts;

namespace Softswitch.Scenarios.Sweeps;

/// <summary>What a sweep found as charts: medians with their quartiles, and the paper's own points beside them.</summary>
internal static class SweepCharts
{
    // From one value to another of the same axis.
    private const double ManyTimes = 100;

    // The paper's of ours, before ours lie flat on the axis.
    private const double FarBeyond = 50;

    // A longer label has no place along the axis.
    private const int LongLabel = 46;

    private const string OnlyLine = "Softswitch";

    /// <param name="paper">All that the scenario has; those of other measures, and over other parameters, have no place here.</param>
    public static LineChart Draw(SweepTable table, Measure measure, IReadOnlyList<PaperPoint> paper)
    {
        Parameter key = table.X ?? throw new InvalidOperationException("nothing varies");
        bool isNumber = table.Numbers.Contains(key);
        PaperPoint[] beside = [.. PointsBeside(table, measure, paper).Where(point => point.HasPlace).Select(point => point.Point)];
        string[] words = isNumber ? [] : [.. table.Rows.Select(row => row.Values[key]).Concat(beside.Select(point => point.X)).Distinct()];
        double At(string value) => isNumber ? SweepTable.Read(value) : Array.IndexOf(words, value);

        Parameter[] others = [.. table.Keys.Where(other => other != key)];
        Series[] lines =
        [
            .. table.Rows.GroupBy(row => string.Join(", ", others.Select(other => $"{other.Key}={row.Values[other]}")))
                .Select(line => LineOf(line.Key.Length > 0 ? line.Key : OnlyLine, [.. line])),
        ];
        // Runs of other parts may have found nothing of this measure.
        lines =
        [
            .. lines.Where(line => line.All.Any()),
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
            return new Series(name, [.. found.Where(one => !one.Figure.IsDoubtful).Select(Median)])
            {
                Disturbed = [.. found.Where(one => one.Figure.IsDoubtful).Select(Median)],
                Spreads = [.. found.Where(one => one.Figure.Values.Count > 1).Select(Spread)],
                IsJoined = isNumber,
            };
        }
    }

    /// <summary>The paper's points over the key of a measure's chart, and whether they have a place on it.</summary>
    /// <remarks>They have none where an axis that has to show 0 too would leave ours no height.</remarks>
    public static IReadOnlyList<(PaperPoint Point, bool HasPlace)> PointsBeside(SweepTable table, Measure measure, IEnumerable<PaperPoint> paper)
    {
        PaperPoint[] points =
        [
            .. paper.Where(point => point.Measure == measure.Name && point.Key == table.X?.Key)
                .Where(point => !table.Numbers.Contains(table.X) || SweepTable.TryRead(point.X, out _)),
        ];
        double[] ours = [.. table.Rows.Select(row => row.Find(measure)).OfType<SweepFigure>().Select(figure => figure.Quartiles.Median)];
        double most = ours.DefaultIfEmpty(0).Max();
        bool showsZero = ours.Concat(points.Select(point => point.Y)).Any(y => y <= 0);
        return [.. points.Select(point => (point, !showsZero || most <= 0 || point.Y <= FarBeyond * most))];
    }

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
