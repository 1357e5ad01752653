using System.Security;
using System.Text;
using Softswitch.Lab.Charts;
using Softswitch.Lab.Measures;

namespace Softswitch.Scenarios.Report;

/// <summary>Results as one HTML page that needs nothing besides itself.</summary>
internal static class ScenarioPage
{
    private const int ShownEvents = 200;

    private const string Style = """
        body { font-family: Helvetica, Arial, sans-serif; max-width: 70em; margin: 2em auto; padding: 0 1em; color: #111; line-height: 1.4 }
        table { border-collapse: collapse; margin: 1em 0 } td, th { border: 1px solid #ccc; padding: .3em .6em; text-align: left; vertical-align: top }
        pre { background: #f6f6f6; padding: .8em; overflow-x: auto } svg { max-width: 100%; height: auto }
        .ok { color: #2c6b2c } .failed { color: #b00020; font-weight: bold } .open { color: #8a6d00 } h2 { border-top: 2px solid #333; padding-top: 1em }
        """;

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
        var html = new StringBuilder();
        html.Append($"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Softswitch: systems from papers</title><style>{Style}</style></head><body>\n");
        html.Append("<h1>Systems from papers, on Softswitch</h1>\n");
        html.Append($"<p>{Escape(DateTime.UtcNow.ToString("yyyy-MM-dd HH:mm"))} UTC, {Escape(Machine.Processor)}, {Environment.ProcessorCount} cores, Linux {Escape(Machine.Kernel)}. ");
        html.Append($"Repeat it with <code>{Escape(command)}</code>.</p>\n");
        html.Append("<table><tr><th>system</th><th>result</th><th>paper</th></tr>\n");
        foreach (ScenarioResult result in results)
        {
            html.Append($"<tr><td><a href=\"#{result.Scenario.Name}\">{result.Scenario.Name}</a></td><td>{Verdict(result)}</td><td>{Escape(result.Scenario.Paper)}</td></tr>\n");
        }
        html.Append("</table>\n");
        foreach (ScenarioResult result in results)
        {
            Append(html, result);
        }
        return html.Append("</body></html>\n").ToString();
    }

    private static void Append(StringBuilder html, ScenarioResult result)
    {
        Scenario scenario = result.Scenario;
        html.Append($"<h2 id=\"{scenario.Name}\">{scenario.Name}: {Verdict(result)}</h2>\n<p>{Escape(scenario.Paper)}</p>\n<p>{Escape(scenario.Summary)}</p>\n");
        if (result.Failure != null)
        {
            html.Append($"<p class=\"failed\">It could not be run to its end: {Escape(result.Failure)}</p>\n");
        }
        html.Append($"<h3>Topology</h3>\n{result.Drawing}");
        html.Append("<h3>The paper's figures and ours</h3>\n<table><tr><th>figure</th><th>the paper's</th><th>ours</th></tr>\n");
        foreach (ScenarioFigure figure in result.Figures)
        {
            html.Append($"<tr><td>{Escape(figure.Name)}</td><td>{Escape(figure.Paper)}</td><td>{Escape(figure.Ours)}</td></tr>\n");
        }
        html.Append("</table>\n<h3>What must hold</h3>\n<table><tr><th></th><th>must hold</th><th>limit</th><th>found</th></tr>\n");
        foreach (ScenarioCheck check in result.Checks)
        {
            string kind = check.Holds ? "ok" : check.IsJudged ? "failed" : "open";
            html.Append($"<tr><td class=\"{kind}\">{ScenarioText.WordOf(check)}</td><td>{Escape(check.What)}</td><td>{Escape(check.Wanted)}</td><td>{Escape(check.Found)}</td></tr>\n");
        }
        html.Append("</table>\n<h3>Loss and delay over time</h3>\n");
        foreach (LineChart chart in result.Charts)
        {
            html.Append(SvgChart.Draw(chart));
        }
        AppendTimeline(html, result.Timeline);
        AppendTables(html, result);
        html.Append("<h3>Commands</h3>\n<pre>");
        html.Append($"./softswitch scenario {scenario.Name}               # this\n");
        html.Append($"./softswitch scenario {scenario.Name} --keep        # and leave it running, to look around\n");
        html.Append($"./softswitch scenario {scenario.Name} --pcap DIR    # with captures of the cables that were looked at</pre>\n");
    }

    private static void AppendTimeline(StringBuilder html, Timeline timeline)
    {
        html.Append("<h3>Timeline</h3>\n<table><tr><th>seconds</th><th>event</th></tr>\n");
        foreach (TimelineEvent one in timeline.Events.Take(ShownEvents))
        {
            html.Append($"<tr><td>{timeline.SecondsAt(one.When):0.0000}</td><td>{Escape(one.What)}</td></tr>\n");
        }
        html.Append("</table>\n");
    }

    private static void AppendTables(StringBuilder html, ScenarioResult result)
    {
        html.Append("<h3>Flow tables</h3>\n");
        foreach (ScenarioTable table in result.Tables)
        {
            string cut = table.Total > table.Flows.Count ? $", the first {table.Flows.Count} of them" : string.Empty;
            html.Append($"<details><summary>{Escape(table.Switch)} {Escape(table.When)}: {table.Total} entries{cut}</summary><pre>{Escape(string.Join('\n', table.Flows))}</pre></details>\n");
        }
    }

    private static string Verdict(ScenarioResult result) => result.Passed ? "<span class=\"ok\">passed</span>" : "<span class=\"failed\">not passed</span>";

    private static string Escape(string text) => SecurityElement.Escape(text);
}
