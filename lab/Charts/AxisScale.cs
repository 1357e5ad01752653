using System.Globalization;

namespace Softswitch.Lab.Charts;

/// <summary>How an axis shows its numbers.</summary>
internal enum AxisUnit
{
    /// <summary>With k and M for thousands and millions.</summary>
    Number,

    /// <summary>A share, in percent.</summary>
    Percent,
}

/// <summary>An axis as asked for.</summary>
/// <param name="Label">With the unit.</param>
/// <param name="IsLog">By powers of ten; values of 0 and below have no place on it.</param>
/// <param name="Through">A value the axis reaches at least, whatever the data are.</param>
internal sealed record Axis(string Label, bool IsLog = false, AxisUnit Unit = AxisUnit.Number, double? Through = null)
{
    /// <summary>In place of numbers: the value 0 is the first of them. Null for an axis of numbers.</summary>
    public IReadOnlyList<string>? Words { get; init; }
}

/// <summary>From values to places between 0 and 1, and the values worth a tick.</summary>
internal sealed class AxisScale
{
    private const int WantedTicks = 6;

    // Decades with fewer of them on an axis get lines in between.
    private const int FewDecades = 4;

    private readonly Axis _axis;
    private readonly double _least;
    private readonly double _most;

    private AxisScale(Axis axis, double least, double most, double[] ticks, double[] minorTicks)
    {
        _axis = axis;
        _least = least;
        _most = most;
        Ticks = ticks;
        MinorTicks = minorTicks;
    }

    /// <summary>Values with a label, ascending; of numbers, the first and the last are the axis's ends.</summary>
    public IReadOnlyList<double> Ticks { get; }

    /// <summary>Values with a small tick and no label.</summary>
    public IReadOnlyList<double> MinorTicks { get; }

    /// <summary>An axis on which all these values have a place.</summary>
    public static AxisScale For(Axis axis, IEnumerable<double> values)
    {
        if (axis.Words is { } words)
        {
            return new AxisScale(axis, -0.5, words.Count - 0.5, [.. Enumerable.Range(0, words.Count)], []);
        }
        double[] shown = [.. values.Where(value => double.IsFinite(value) && (!axis.IsLog || value > 0))];
        return axis.IsLog ? Logarithmic(axis, shown) : Linear(axis, shown);
    }

    /// <summary>Where a value stands: 0 at the axis's low end, 1 at its high end.</summary>
    public double Place(double value) => _axis.IsLog
        ? (Math.Log10(Math.Max(value, _least)) - Math.Log10(_least)) / (Math.Log10(_most) - Math.Log10(_least))
        : (value - _least) / (_most - _least);

    public string LabelOf(double tick)
    {
        if (_axis.Words is { } words)
        {
            return words[(int)tick];
        }
        if (_axis.Unit == AxisUnit.Percent)
        {
            return $"{Text(100 * tick)} %";
        }
        return tick switch
        {
            >= 1e9 => $"{Text(tick / 1e9)} G",
            >= 1e6 => $"{Text(tick / 1e6)} M",
            >= 1e3 => $"{Text(tick / 1e3)} k",
            < 0 => $"-{LabelOf(-tick)}",
            _ => Text(tick),
        };
    }

    private static AxisScale Logarithmic(Axis axis, double[] values)
    {
        int from = values.Length == 0 ? 0 : (int)Math.Floor(Math.Log10(values.Min()) + 1e-9);
        int to = Math.Max(from + 1, (int)Math.Ceiling(Math.Log10(Math.Max(axis.Through ?? 0, values.DefaultIfEmpty(1).Max())) - 1e-9));
        double[] ticks = [.. Enumerable.Range(from, to - from + 1).Select(power => Math.Pow(10, power))];
        IEnumerable<double> minor = to - from > 2 * FewDecades ? [] : ticks.SkipLast(1).SelectMany(tick => Enumerable.Range(2, 8).Select(digit => digit * tick));
        return new AxisScale(axis, ticks[0], ticks[^1], ticks, [.. minor]);
    }

    /// <summary>With 0 on it: a rate's axis that begins elsewhere makes small differences look large.</summary>
    private static AxisScale Linear(Axis axis, double[] values)
    {
        double least = Math.Min(0, values.DefaultIfEmpty(0).Min());
        double greatest = values.Append(axis.Through ?? 0).Max();
        double most = greatest > least ? greatest : least + 1; // all are 0
        double step = NiceStep((most - least) / (WantedTicks - 1));
        int from = (int)Math.Floor((least / step) + 1e-9);
        int to = (int)Math.Ceiling((most / step) - 1e-9);
        double[] ticks = [.. Enumerable.Range(from, to - from + 1).Select(i => i * step)];
        return new AxisScale(axis, ticks[0], ticks[^1], ticks, []);
    }

    /// <summary>1, 2 or 5 times a power of ten, not below <paramref name="least"/>.</summary>
    private static double NiceStep(double least)
    {
        double power = Math.Pow(10, Math.Floor(Math.Log10(least)));
        double lead = least / power;
        return power * (lead <= 1 + 1e-9 ? 1 : lead <= 2 + 1e-9 ? 2 : lead <= 5 + 1e-9 ? 5 : 10);
    }

    private static string Text(double value) => Math.Round(value, 10).ToString("0.##########", CultureInfo.InvariantCulture);
}
