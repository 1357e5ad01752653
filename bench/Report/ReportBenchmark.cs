using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using Softswitch.Hosting;
using Softswitch.Lab.Charts;
using Softswitch.Lab.Measures;

namespace Softswitch.Bench.Report;

/// <summary>What <c>bench report</c> is to do.</summary>
internal sealed record ReportOptions
{
    /// <summary>Folder for the files; made if it is not there.</summary>
    public required string Folder { get; init; }

    public bool Quick { get; init; }

    /// <summary>For each benchmark.</summary>
    public double Seconds { get; init; } = 3;

    public bool Compare { get; init; }

    /// <summary>As it was called, for the report itself.</summary>
    public required string Command { get; init; }
}

/// <summary>Where, when and of what a report was made.</summary>
/// <param name="Date">ISO 8601, UTC.</param>
internal sealed record ReportHead(string Processor, int Cores, string Kernel, string Runtime, string Commit, string Date, string Command);

/// <summary>Runs a set of benchmarks and writes <c>report.md</c>, <c>report.html</c>, <c>report.json</c> and charts.</summary>
internal static class ReportBenchmark
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <exception cref="OptionException">The folder cannot be written.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; nothing was written.</exception>
    public static BenchResult Run(ReportOptions options, Action<string> progress, CancellationToken cancellation)
    {
        CheckFolder(options.Folder);
        var head = new ReportHead(
            Machine.Processor, Environment.ProcessorCount, Machine.Kernel, RuntimeInformation.FrameworkDescription, SourceCommit.Read(),
            DateTime.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture), options.Command);
        IReadOnlyList<ReportSection> plan = ReportPlan.Make(options.Quick, options.Seconds, options.Compare);
        int steps = plan.Sum(section => section.Steps.Count);
        int done = 0;
        var sections = new List<(ReportTopic Topic, IReadOnlyList<ReportFigure> Figures)>();
        foreach (ReportSection section in plan)
        {
            var figures = new List<ReportFigure>();
            foreach (ReportStep step in section.Steps)
            {
                progress($"{++done} of {steps}: {step.Command}");
                figures.Add(ReportRun.Run(step, cancellation));
            }
            sections.Add((section.Topic, figures));
        }
        return Write(options.Folder, head, sections);
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
        ["figures"] = new JsonArray(
        [
            .. sections.SelectMany(section => section.Figures.Select(figure => new JsonObject
            {
                ["topic"] = section.Topic.ToString().ToLowerInvariant(),
                ["command"] = figure.Step.Command,
                ["errors"] = new JsonArray([.. figure.Errors.Select(error => (JsonNode)error)]),
                ["disturbance"] = figure.Disturbance,
                ["result"] = figure.Result?.DeepClone(),
            })),
        ]),
    };

    /// <summary>Found out before anything is measured.</summary>
    private static void CheckFolder(string folder)
    {
        try
        {
            Directory.CreateDirectory(folder);
            using FileStream probe = new(
                Path.Combine(folder, $".probe-{Environment.ProcessId}"), FileMode.Create, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new OptionException($"--out: {e.Message}", e);
        }
    }
}
