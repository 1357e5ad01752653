using System.Text;
using Softswitch.Lab.Measures;

namespace Softswitch.Scenarios.Commands;

/// <summary>What <c>scenario NAME --list</c> shows.</summary>
internal static class ScenarioList
{
    /// <param name="options">Which defaults are shown.</param>
    public static string Format(Scenario scenario, ScenarioOptions options)
    {
        var text = new StringBuilder();
        text.Append($"{scenario.Name}: {scenario.Paper}\n\n");
        var parameters = new MarkdownTable("parameter", "unit", "default", "the paper's", "allowed", "what it is");
        foreach (Parameter one in ParameterValues.Of(scenario))
        {
            parameters.Add(one.Key, one.Unit, one.TextOf(options), one.Paper ?? "none given", one.Allowed, one.What);
        }
        text.Append($"{parameters}\n\n");
        var measures = new MarkdownTable("measured", "what it is");
        foreach (Measure one in scenario.Measures)
        {
            measures.Add(one.Name, one.What);
        }
        text.Append($"{measures}\n");
        if (scenario.PaperFigures.Count > 0)
        {
            var figures = new MarkdownTable("figure", "what it shows");
            foreach (PaperFigure one in scenario.PaperFigures)
            {
                figures.Add(one.Name, one.What);
            }
            text.Append($"\n{figures}\n\n./softswitch scenario {scenario.Name} --figure {scenario.PaperFigures[0].Name} --out DIR\n");
        }
        return text.ToString();
    }
}
