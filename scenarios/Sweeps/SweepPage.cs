using System.Globalization;
using Softswitch.Lab.Charts;

namespace Softswitch.Scenarios.Sweeps;

/// <summary>What a sweep has found so far, as one HTML page.</summary>
internal static class SweepPage
{
    /// <param name="runs">The runs that count.</param>
    /// <param name="command">The command as typed, to be copied.</param>
    /// <param name="paper">All points the scenario has.</param>
    public static string Format(SweepPlan plan, IReadOnlyList<SweepRun> runs, string command, IReadOnlyList<PaperPoint> paper)
    {
        var table = new SweepTable(plan, runs);
        var page = new HtmlPage($"{plan.Scenario.Name}: {TitleOf(plan)}");
        page.Add($"<p>{Escape(plan.Scenario.Paper)}</p>\n<p>{Escape(plan.Scenario.Summary)}</p>");
        page.Add($"<pre>{Escape(command)}</pre>");
        foreach (SweepOrigin origin in runs.Select(run => run.Origin).Distinct())
        {
            string machine = $"{Escape(origin.Processor)}, {origin.Cores} cores, Linux {Escape(origin.Kernel)}";
            page.Add($"<p>{machine}; version {Escape(origin.Version)}, build {Escape(origin.Build)}.</p>");
        }
        int due = plan.Points.Count - plan.Points.Count(point => runs.Any(run => IsOf(run, point)));
        string rest = due == 0 ? string.Empty : $", {due} still to be made";
        page.Add($"""
            <p>{runs.Count} runs{rest}.
            {runs.Count(run => !run.Passed)} did not pass, {runs.Count(run => run.DisturbedBy != null)} stay spoiled.
            All of them, with those that were made again: <a href="{SweepFolder.TableName}">{SweepFolder.TableName}</a>.</p>
            """);
        Measure[] shown = [.. plan.Figure?.Measures ?? table.Measures.Where(measure => Varies(table, measure))];
        Measure[] others = plan.Figure == null ? [.. table.Measures.Except(shown)] : [];
        if (table.X != null)
        {
            page.Add("""
                <h2>Charts</h2>
                <p>Medians and, as bars, quartiles of the runs that passed and that nothing spoiled.
                A cross is the median where there is no such run. The paper's points are of the paper's own settings.</p>
                """);
            AddCharts(page, table, shown, command, paper);
            if (others.Length > 0)
            {
                string names = string.Join(", ", others.Select(measure => measure.Name));
                page.Add($"<details><summary>The same everywhere: {Escape(names)}</summary>");
                AddCharts(page, table, others, command, paper);
                page.Add("</details>");
            }
        }
        AddTable(page, table, [.. shown, .. others]);
        AddBadRuns(page, runs);
        AddParameters(page, plan, runs);
        return page.ToString();
    }

    private static void AddCharts(
        HtmlPage page, SweepTable table, IEnumerable<Measure> measures, string command, IReadOnlyList<PaperPoint> paper)
    {
        string note = $"{(table.Plan.Figure == null ? string.Empty : $"{Escape(table.Plan.Figure.Name)}: ")}<code>{Escape(command)}</code>";
        foreach (Measure measure in measures.Where(measure => table.Measures.Contains(measure)))
        {
            page.AddChart(SweepCharts.Draw(table, measure, paper), note);
            string[] notes =
            [
                .. SweepCharts.PointsBeside(table, measure, paper).Where(beside => beside.Point.Note.Length > 0 || !beside.HasPlace)
                    .Select(beside => $"{beside.Point.Legend}: {(beside.HasPlace ? string.Empty : $"{Text(beside.Point.Y)}, beyond the chart. ")}{beside.Point.Note}"),
            ];
            page.Add(string.Concat(notes.Distinct().Select(note => $"<p>{Escape(note)}</p>")));
        }
    }

    private static void AddTable(HtmlPage page, SweepTable table, IReadOnlyList<Measure> measures)
    {
        Measure[] found = [.. measures.Where(measure => table.Measures.Contains(measure))];
        page.Add("""
            <h2>Medians</h2>
            <p>With the quartiles in brackets where there are several runs: as numpy.quantile and R have them, linear between neighbours.
            * stands where every run was spoiled or did not pass.</p>
            """);
        page.AddTable(
            [.. table.Keys.Select(key => key.Column), "runs", "spoiled", "not passed", .. found.Select(measure => measure.Name)],
            table.Rows.Select(row => (string[])
            [
                .. table.Keys.Select(key => Escape(row.Values[key])),
                $"{row.Runs.Count}", $"{row.Runs.Count(run => run.DisturbedBy != null)}", $"{row.Runs.Count(run => !run.Passed)}",
                .. found.Select(measure => row.Find(measure) is { } figure ? Cell(figure) : "–"),
            ]));
        page.AddTable(["measured", "what it is"], found.Select(measure => (string[])[Escape(measure.Name), Escape(measure.What)]));
    }

    private static string Cell(SweepFigure figure)
    {
        (double lower, double median, double upper) = figure.Quartiles;
        string spread = figure.Values.Count > 1 ? $" ({Text(lower)} to {Text(upper)})" : string.Empty;
        return $"{Text(median)}{spread}{(figure.IsDoubtful ? " *" : string.Empty)}";
    }

    /// <summary>Runs to look at, with their files.</summary>
    private static void AddBadRuns(HtmlPage page, IReadOnlyList<SweepRun> runs)
    {
        string LinkOf(SweepRun run) => $"<a href=\"{SweepFolder.FileOf(run)}\">{run.Number}</a>";
        SweepRun[] failed = [.. runs.Where(run => !run.Passed)];
        if (failed.Length > 0)
        {
            page.Add("<h2>Runs that did not pass</h2>");
            page.AddTable(["run", "why"], failed.Select(run => (string[])[LinkOf(run), Escape(run.Failure ?? SweepRun.NoCheck)]));
        }
        SweepRun[] spoiled = [.. runs.Where(run => run.DisturbedBy != null)];
        if (spoiled.Length > 0)
        {
            page.Add($"<details><summary>{spoiled.Length} runs that stay spoiled</summary>");
            page.AddTable(["run", "by"], spoiled.Select(run => (string[])[LinkOf(run), Escape(run.DisturbedBy!)]));
            page.Add("</details>");
        }
    }

    private static void AddParameters(HtmlPage page, SweepPlan plan, IReadOnlyList<SweepRun> runs)
    {
        page.Add("<h2>Parameters</h2>");
        page.AddTable(["parameter", "values", "the paper's", "what it is"], ParameterValues.Of(plan.Scenario).Select(one => (string[])
        [
            one.Column, Escape(string.Join(", ", runs.Select(run => run.Text(one.Column)).Distinct())),
            Escape(one.Paper ?? "none given"), Escape(one.What),
        ]));
    }

    private static bool Varies(SweepTable table, Measure measure) =>
        table.Rows.SelectMany(row => row.Find(measure)?.Values ?? []).Distinct().Count() > 1;

    private static bool IsOf(SweepRun run, SweepPoint point) =>
        point.Values.Parameters.All(parameter => run.Text(parameter.Column) == point.Values.TextOf(parameter));

    private static string TitleOf(SweepPlan plan) =>
        plan.Figure != null ? $"{plan.Figure.Name}, {plan.Figure.What}"
        : plan.Swept.Count > 0 ? $"a sweep over {string.Join(" and ", plan.Swept.Select(key => key.Key))}"
        : "repetitions";

    /// <summary>Four digits that count, and never a power of ten.</summary>
    private static string Text(double value)
    {
        int digits = value == 0 ? 0 : Math.Clamp(3 - (int)Math.Floor(Math.Log10(Math.Abs(value))), 0, 6);
        return Math.Round(value, digits).ToString("0.######", CultureInfo.InvariantCulture);
    }

    private static string Escape(string text) => HtmlPage.Escape(text);
}
