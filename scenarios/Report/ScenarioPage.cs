using Softswitch.Lab.Charts;
using Softswitch.Lab.Measures;

namespace Softswitch.Scenarios.Report;

/// <summary>Results as one HTML page that needs nothing besides itself.</summary>
internal static class ScenarioPage
{
    private const int ShownEvents = 200;

    /// <summary>Writes <c>index.html</c> in a folder that exists.</summary>
    /// <returns>Its path.</returns>
    /// <exception cref="IOException">It cannot be written.</exception>
    public static string Write(string folder, IReadOnlyList<ScenarioResult> results, string command)
    {
        string path = Path.Combine(folder, "index.html");
        File.WriteAllText(path, Format(results, command));
        return path;
    }

    public static string Format(IReadOnlyList<ScenarioResult> results, string command)
    {
        var page = new HtmlPage("Systems from papers, on Softswitch");
        string machine = $"{Escape(Machine.Processor)}, {Environment.ProcessorCount} cores, Linux {Escape(Machine.Kernel)}";
        page.Add($"<p>{Escape(DateTime.UtcNow.ToString("yyyy-MM-dd HH:mm"))} UTC, {machine}. Repeat it with <code>{Escape(command)}</code>.</p>");
        page.AddTable(["system", "result", "paper"], results.Select(result =>
            (string[])[$"<a href=\"#{result.Scenario.Name}\">{result.Scenario.Name}</a>", Verdict(result), Escape(result.Scenario.Paper)]));
        foreach (ScenarioResult result in results)
        {
            Append(page, result);
        }
        return page.ToString();
    }

    private static void Append(HtmlPage page, ScenarioResult result)
    {
        Scenario scenario = result.Scenario;
        page.Add($"<h2 id=\"{scenario.Name}\">{scenario.Name}: {Verdict(result)}</h2>\n<p>{Escape(scenario.Paper)}</p>\n<p>{Escape(scenario.Summary)}</p>");
        if (result.UsesGuests)
        {
            page.Add($"<p>{Escape(scenario.WithGuests)}</p>");
        }
        if (result.Failure != null)
        {
            page.Add($"<p class=\"failed\">It could not be run to its end: {Escape(result.Failure)}</p>");
        }
        page.Add($"<h3>Topology</h3>\n<figure class=\"drawing\">{result.Drawing}</figure>");
        page.Add("<h3>The paper's figures and ours</h3>");
        page.AddTable(["figure", "the paper's", "ours"], result.Figures.Select(figure => (string[])[Escape(figure.Name), Escape(figure.Paper), Escape(figure.Ours)]));
        if (result.Migrations.Count > 0)
        {
            page.Add("<h3>Live migrations</h3>");
            page.AddTable(ScenarioMigration.Columns, result.Migrations.Select(migration => (string[])[.. migration.Cells.Select(Escape)]));
        }
        page.Add("<h3>What must hold</h3>");
        page.AddTable(["", "must hold", "limit", "found"], result.Checks.Select(check => (string[])[Judgement(check), Escape(check.What), Escape(check.Wanted), Escape(check.Found)]));
        page.Add("<h3>Loss and delay over time</h3>");
        foreach (LineChart chart in result.Charts)
        {
            page.AddChart(chart);
        }
        page.Add("<h3>Timeline</h3>");
        page.AddTable(["seconds", "event"], result.Timeline.Events.Take(ShownEvents).Select(one => (string[])[$"{result.Timeline.SecondsAt(one.When):0.0000}", Escape(one.What)]));
        page.Add("<h3>Flow tables</h3>");
        foreach (ScenarioTable table in result.Tables)
        {
            string cut = table.Total > table.Flows.Count ? $", the first {table.Flows.Count} of them" : string.Empty;
            page.Add($"<details><summary>{Escape(table.Switch)} {Escape(table.When)}: {table.Total} entries{cut}</summary><pre>{Escape(string.Join('\n', table.Flows))}</pre></details>");
        }
        page.Add($"""
            <h3>Commands</h3>
            <pre>./softswitch scenario {scenario.Name}               # this
            ./softswitch scenario {scenario.Name} --keep        # and leave it running, to look around
            ./softswitch scenario {scenario.Name} --vm          # what moves is a QEMU guest that migrates live
            ./softswitch scenario {scenario.Name} --pcap DIR    # with captures of the cables that were looked at</pre>
            """);
    }

    private static string Judgement(ScenarioCheck check)
    {
        string kind = check.Holds ? "ok" : check.IsJudged ? "failed" : "open";
        return $"<span class=\"{kind}\">{ScenarioText.WordOf(check)}</span>";
    }

    private static string Verdict(ScenarioResult result) => result.Passed ? "<span class=\"ok\">passed</span>" : "<span class=\"failed\">not passed</span>";

    private static string Escape(string text) => HtmlPage.Escape(text);
}
