using System.Globalization;
using Softswitch.Lab.Measures;

namespace Softswitch.Scenarios.Sweeps;

/// <summary>The repetitions of one combination of values.</summary>
/// <param name="Values">As text, by the parameters that vary.</param>
/// <param name="Runs">The runs that count.</param>
internal sealed record SweepRow(IReadOnlyDictionary<Parameter, string> Values, IReadOnlyList<SweepRun> Runs)
{
    /// <summary>Figures of the runs that passed and are not spoiled; where there is none, of the others.</summary>
    public SweepFigure? Find(Measure measure)
    {
        double[] good = ValuesOf(measure, Runs.Where(run => run.DisturbedBy == null && run.Passed));
        double[] all = good.Length > 0 ? good : ValuesOf(measure, Runs);
        return all.Length == 0 ? null : new SweepFigure(all, IsDoubtful: good.Length == 0);
    }

    private static double[] ValuesOf(Measure measure, IEnumerable<SweepRun> runs) =>
        [.. runs.Select(run => run.Find(measure)).OfType<double>()];
}

/// <summary>The values of one measure in several runs.</summary>
/// <param name="Values">At least one.</param>
/// <param name="IsDoubtful">Whether each of them was spoiled by others on the machine, or did not pass.</param>
internal sealed record SweepFigure(IReadOnlyList<double> Values, bool IsDoubtful)
{
    public (double Lower, double Median, double Upper) Quartiles { get; } = Statistic.Quartiles(Values);
}

/// <summary>A sweep as far as it is, a row for each combination of values.</summary>
internal sealed class SweepTable
{
    /// <param name="runs">The runs that count.</param>
    public SweepTable(SweepPlan plan, IReadOnlyList<SweepRun> runs)
    {
        Plan = plan;
        // A folder may hold more than this plan asks for.
        Keys =
        [
            .. plan.Swept,
            .. plan.Scenario.Parameters.Except(plan.Swept).Where(key => runs.Select(run => run.Text(key.Column)).Distinct().Count() > 1),
        ];
        Numbers = [.. Keys.Where(key => key.IsNumber && runs.All(run => TryRead(run.Text(key.Column), out _)))];
        IEnumerable<SweepRow> rows = runs.GroupBy(run => string.Join(' ', Keys.Select(key => run.Text(key.Column))))
            .Select(group => new SweepRow(Keys.ToDictionary(key => key, key => group.First().Text(key.Column)), [.. group]));
        foreach (Parameter key in Keys.Reverse())
        {
            List<string> words = [.. WordsOf(key)];
            rows = rows.OrderBy(row => Numbers.Contains(key) ? Read(row.Values[key]) : words.IndexOf(row.Values[key]));
        }
        Rows = [.. rows];

        // As the person said them, then others.
        IEnumerable<string> WordsOf(Parameter key) =>
            plan.Points.Select(point => point.Values.TextOf(key)).Concat(runs.Select(run => run.Text(key.Column))).Distinct();
    }

    public SweepPlan Plan { get; }

    /// <summary>The parameters that vary: first those that are swept.</summary>
    public IReadOnlyList<Parameter> Keys { get; }

    /// <summary>Of these, those whose values are all numbers.</summary>
    public IReadOnlyList<Parameter> Numbers { get; }

    /// <summary>The parameter on the x axis of charts; null if none varies.</summary>
    public Parameter? X => Numbers.Count > 0 ? Numbers[0] : Keys.Count > 0 ? Keys[0] : null;

    /// <summary>In the order of their values.</summary>
    public IReadOnlyList<SweepRow> Rows { get; }

    /// <summary>Of which something was found.</summary>
    public IEnumerable<Measure> Measures => Plan.Scenario.Measures.Where(measure => Rows.Any(row => row.Find(measure) != null));

    public static double Read(string text) => double.Parse(text, CultureInfo.InvariantCulture);

    public static bool TryRead(string text, out double number) => double.TryParse(text, CultureInfo.InvariantCulture, out number);
}
