using Softswitch.Lab.Measures;
using Spectre.Console;

namespace Softswitch.Scenarios;

/// <summary>A result for people: as lines of text, and as coloured tables for a terminal.</summary>
internal static class ScenarioText
{
    private const string Ok = "ok";
    private const string OkAnyway = "ok (not judged)";
    private const string Failed = "FAILED";
    private const string Missed = "missed (not judged)";

    public static string Format(ScenarioResult result) =>
        $"{result.Scenario.Name}: {result.Scenario.Paper}\n\n{string.Join("\n\n", TablesOf(result).Where(table => table.Rows.Count > 0))}\n\n{Verdict(result)}";

    public static void Show(ScenarioResult result)
    {
        AnsiConsole.Write(new Rule($"[bold]{result.Scenario.Name}[/] {Markup.Escape(result.Scenario.Paper)}").LeftJustified());
        foreach (MarkdownTable table in TablesOf(result).Where(table => table.Rows.Count > 0))
        {
            Table drawn = new Table().AddColumns([.. table.Headings]);
            foreach (IReadOnlyList<string> row in table.Rows)
            {
                drawn.AddRow(row.Select(cell => new Text(cell, StyleOf(cell))));
            }
            AnsiConsole.Write(drawn);
        }
        AnsiConsole.MarkupLine($"[{(result.Passed ? "green" : "red")}]{Markup.Escape(Verdict(result))}[/]");
    }

    /// <summary>The paper's figures and ours, live migrations, and what must hold.</summary>
    private static IEnumerable<MarkdownTable> TablesOf(ScenarioResult result)
    {
        var figures = new MarkdownTable("figure", "the paper's", "ours");
        foreach (ScenarioFigure figure in result.Figures)
        {
            figures.Add(figure.Name, figure.Paper, figure.Ours);
        }
        var migrations = new MarkdownTable([.. ScenarioMigration.Columns]);
        foreach (ScenarioMigration migration in result.Migrations)
        {
            migrations.Add([.. migration.Cells]);
        }
        var checks = new MarkdownTable("", "must hold", "limit", "found");
        foreach (ScenarioCheck check in result.Checks)
        {
            checks.Add(WordOf(check), check.What, check.Wanted, check.Found);
        }
        return [figures, migrations, checks];
    }

    private static Style? StyleOf(string cell) => cell switch
    {
        Ok or OkAnyway => new Style(Color.Green),
        Failed => new Style(Color.Red),
        Missed => new Style(Color.Yellow),
        _ => null,
    };

    /// <summary>What became of a check, in a word or two.</summary>
    public static string WordOf(ScenarioCheck check) => (check.Holds, check.IsJudged) switch
    {
        (true, true) => Ok,
        (true, false) => OkAnyway,
        (false, true) => Failed,
        (false, false) => Missed,
    };

    private static string Verdict(ScenarioResult result) =>
        result.Failure != null ? $"{result.Scenario.Name}: not passed: {result.Failure}"
        : result.Passed ? $"{result.Scenario.Name}: passed"
        : $"{result.Scenario.Name}: not passed";
}
