using System.Text;
using Softswitch.Lab.Measures;
using Spectre.Console;

namespace Softswitch.Scenarios;

/// <summary>A result for people: as lines of text, and as coloured tables for a terminal.</summary>
internal static class ScenarioText
{
    public static string Format(ScenarioResult result)
    {
        var text = new StringBuilder();
        text.Append($"{result.Scenario.Name}: {result.Scenario.Paper}\n");
        if (result.Figures.Count > 0)
        {
            var figures = new TextTable("figure", "the paper's", "ours");
            foreach (ScenarioFigure figure in result.Figures)
            {
                figures.Add(figure.Name, figure.Paper, figure.Ours);
            }
            text.Append($"\n{figures}\n");
        }
        if (result.Migrations.Count > 0)
        {
            var migrations = new TextTable([.. ScenarioMigration.Columns]);
            foreach (ScenarioMigration migration in result.Migrations)
            {
                migrations.Add([.. migration.Cells]);
            }
            text.Append($"\n{migrations}\n");
        }
        var checks = new TextTable("", "must hold", "limit", "found");
        foreach (ScenarioCheck check in result.Checks)
        {
            checks.Add(WordOf(check), check.What, check.Wanted, check.Found);
        }
        return text.Append($"\n{checks}\n\n{Verdict(result)}").ToString();
    }

    public static void Show(ScenarioResult result)
    {
        AnsiConsole.Write(new Rule($"[bold]{result.Scenario.Name}[/] {Markup.Escape(result.Scenario.Paper)}").LeftJustified());
        Table figures = new Table().AddColumns("figure", "the paper's", "ours");
        foreach (ScenarioFigure figure in result.Figures)
        {
            figures.AddRow(new Text(figure.Name), new Text(figure.Paper), new Text(figure.Ours));
        }
        AnsiConsole.Write(figures);
        if (result.Migrations.Count > 0)
        {
            Table migrations = new Table().AddColumns([.. ScenarioMigration.Columns]);
            foreach (ScenarioMigration migration in result.Migrations)
            {
                migrations.AddRow([.. migration.Cells.Select(cell => new Text(cell))]);
            }
            AnsiConsole.Write(migrations);
        }
        Table checks = new Table().AddColumns("", "must hold", "limit", "found");
        foreach (ScenarioCheck check in result.Checks)
        {
            string colour = check.Holds ? "green" : check.IsJudged ? "red" : "yellow";
            checks.AddRow(new Markup($"[{colour}]{WordOf(check)}[/]"), new Text(check.What), new Text(check.Wanted), new Text(check.Found));
        }
        AnsiConsole.Write(checks);
        AnsiConsole.MarkupLine($"[{(result.Passed ? "green" : "red")}]{Markup.Escape(Verdict(result))}[/]");
    }

    /// <summary>What became of a check, in a word or two.</summary>
    public static string WordOf(ScenarioCheck check) => (check.Holds, check.IsJudged) switch
    {
        (true, true) => "ok",
        (true, false) => "ok (not judged)",
        (false, true) => "FAILED",
        (false, false) => "missed (not judged)",
    };

    private static string Verdict(ScenarioResult result) =>
        result.Failure != null ? $"{result.Scenario.Name}: not passed: {result.Failure}"
        : result.Passed ? $"{result.Scenario.Name}: passed"
        : $"{result.Scenario.Name}: not passed";
}
