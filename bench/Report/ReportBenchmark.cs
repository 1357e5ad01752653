using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using Softswitch.Bench.Sides;
using Softswitch.Hosting.Configuration;
using Softswitch.Lab;
using Softswitch.Lab.Charts;
using Softswitch.Lab.Measures;

namespace Softswitch.Bench.Report;

/// <summary>What <c>bench report</c> is to do.</summary>
internal sealed record ReportOptions : IBenchOptions
{
    /// <summary>Folder for the files; made if it is not there.</summary>
    public required string Folder { get; init; }

    /// <summary>What is measured, and what is left out.</summary>
    public required IReadOnlyList<ReportSection> Sections { get; init; }

    /// <summary>As it was called, for the report itself.</summary>
    public required string Command { get; init; }

    /// <summary>Of the benchmarks that are run.</summary>
    public IEnumerable<ReportStep> Steps => Sections.Where(section => section.Omission == null).SelectMany(section => section.Steps);

    public BenchPlan Plan => PlanOf(Sections);

    public static BenchPlan PlanOf(IReadOnlyList<ReportSection> sections)
    {
        BenchPlan[] plans = [.. sections.Where(section => section.Omission == null).SelectMany(section => section.Steps).Select(step => step.Plan)];
        return new BenchPlan($"benchmarks: {plans.Length}", plans.Sum(plan => plan.Seconds))
        {
            TidiesUp = true,
        };
    }
}

/// <summary>Where, when and of what a report was made.</summary>
/// <param name="Date">ISO 8601, UTC.</param>
internal sealed record ReportHead(string Processor, int Cores, string Kernel, string Runtime, string Commit, string Date, string Command)
{
    /// <summary>Benchmarks that were not run, and why.</summary>
    public IReadOnlyList<(string Command, string Reason)> Omissions { get; init; } = [];
}

/// <summary>Runs a set of benchmarks and writes <c>report.md</c>, <c>report.html</c>, <c>report.json</c> and charts.</summary>
internal static class ReportBenchmark
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <exception cref="OptionException">The folder cannot be written.</exception>
    /// <param name="cancellation">Ends it early, and the report is of the benchmarks that were done.</param>
    public static BenchResult Run(ReportOptions options, Action<string> progress, CancellationToken cancellation)
    {
        OutputFolder.Open("--out", options.Folder);
        var head = new ReportHead(
            Machine.Processor, Environment.ProcessorCount, Machine.Kernel, RuntimeInformation.FrameworkDescription, SourceCommit.Read(),
            DateTime.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture), options.Command);
        int steps = options.Steps.Count();
        int done = 0;
        var sections = new List<(ReportTopic Topic, IReadOnlyList<ReportFigure> Figures)>();
        cancellation.Attempt(() =>
        {
            foreach (ReportSection section in options.Sections.Where(section => section.Omission == null))
            {
                var figures = new List<ReportFigure>();
                sections.Add((section.Topic, figures));
                foreach (ReportStep step in section.Steps)
                {
                    progress($"{++done} of {steps}: {step.Command}, {step.Plan.Duration}");
                    figures.Add(ReportRun.Run(step, cancellation));
                }
            }
        });
        sections.RemoveAll(section => section.Figures.Count == 0);
        int measured = sections.Sum(section => section.Figures.Count);
        List<(string Command, string Reason)> omissions =
        [
            .. options.Sections.Where(section => section.Omission != null).SelectMany(section => section.Steps.Select(step => (step.Command, section.Omission!))),
            .. options.Steps.Skip(measured).Select(step => (step.Command, "interrupted")),
        ];
        cancellation.ThrowIfNothing(measured);
        return Write(options.Folder, head with { Omissions = omissions }, sections);
    }

    private static BenchResult Write(string folder, ReportHead head, List<(ReportTopic Topic, IReadOnlyList<ReportFigure> Figures)> sections)
    {
        var files = new List<(string Name, string Content)>
        {
            ("report.md", ReportText.Write(head, sections)),
            ("report.html", ReportText.WritePage(head, sections)),
            ("report.json", ToJson(head, sections).ToJsonString(Indented) + "\n"),
        };
        files.AddRange(sections.SelectMany(section => ReportCharts.Of(section.Topic, section.Figures))
            .Select(chart => ($"{chart.Name}.svg", SvgChart.Draw(chart.Chart))));
        foreach ((string name, string content) in files)
        {
            File.WriteAllText(Path.Combine(folder, name), content);
        }
        var result = new BenchResult("report");
        result.Add("out", Path.GetFullPath(folder));
        result.Add("files", new JsonArray([.. files.Select(file => (JsonNode)file.Name)]));
        result.Add("benchmarks", sections.Sum(section => section.Figures.Count));
        var omitted = new MarkdownTable("not measured", "why");
        foreach ((string command, string reason) in head.Omissions)
        {
            omitted.Add(command, reason);
        }
        if (head.Omissions.Count > 0)
        {
            result.Add("notMeasured", ToJson(head.Omissions), omitted);
        }
        foreach (ReportFigure figure in sections.SelectMany(section => section.Figures))
        {
            foreach (string error in figure.Errors)
            {
                result.Fail($"{figure.Step.Command}: {error}");
            }
        }
        result.Add("commit", head.Commit);
        Machine.Describe(result);
        return result;
    }

    private static JsonObject ToJson(ReportHead head, List<(ReportTopic Topic, IReadOnlyList<ReportFigure> Figures)> sections) => new()
    {
        ["machine"] = new JsonObject { ["cpu"] = head.Processor, ["cores"] = head.Cores, ["kernel"] = head.Kernel, ["runtime"] = head.Runtime },
        ["commit"] = head.Commit,
        ["date"] = head.Date,
        ["command"] = head.Command,
        ["notMeasured"] = ToJson(head.Omissions),
        ["figures"] = new JsonArray(
        [
            .. sections.SelectMany(section => section.Figures.Select(figure => new JsonObject
            {
                ["topic"] = section.Topic.ToString().ToLowerInvariant(),
                ["command"] = figure.Step.Command,
                ["errors"] = new JsonArray([.. figure.Errors.Select(error => (JsonNode)error)]),
                ["disturbance"] = figure.Interference,
                ["result"] = figure.Result?.DeepClone(),
            })),
        ]),
    };

    private static JsonArray ToJson(IReadOnlyList<(string Command, string Reason)> omissions) =>
        [.. omissions.Select(omission => new JsonObject { ["command"] = omission.Command, ["reason"] = omission.Reason })];
}
