using System.Globalization;
using Softswitch.Lab;

namespace Softswitch.Scenarios.Sweeps;

/// <summary>A point of a paper's figure, or a cell of its table, in the names of our parameters and measures.</summary>
/// <param name="Source">Figure or table: <c>Fig. 9</c>.</param>
/// <param name="Page">Empty where it is not known.</param>
/// <param name="Measure">Of <see cref="Scenarios.Measure.Name"/>.</param>
/// <param name="Key">Of <see cref="Scenarios.Parameter.Key"/>: what X is a value of.</param>
/// <param name="Series">For the legend.</param>
/// <param name="X">A number, or a word where the parameter's values are.</param>
/// <param name="Note">For people: what has to be known of it.</param>
internal sealed record PaperPoint(string Source, string Page, string Measure, string Key, string Series, string X, double Y, string Note)
{
    private const string Header = "source,page,measure,key,series,x,y,note";

    /// <summary>The series' name with where it is to be found.</summary>
    public string Legend => $"{Series} ({Source}{(Page.Length == 0 ? string.Empty : $", p. {Page}")})";

    /// <summary>All points that a scenario's folder <c>paper</c> has.</summary>
    public static IReadOnlyList<PaperPoint> Of(Scenario scenario)
    {
        string folder = $"scenarios/{scenario.Name}/paper/";
        return
        [
            .. typeof(PaperPoint).Assembly.GetManifestResourceNames()
                .Where(name => name.StartsWith(folder, StringComparison.Ordinal)).Order(StringComparer.Ordinal)
                .SelectMany(name => Parse(name, FlowFile.ReadText(name["scenarios/".Length..]))),
        ];
    }

    /// <summary>Reads a file of points.</summary>
    /// <param name="name">For the complaint.</param>
    /// <exception cref="TestbedException">It is none; the message names the row.</exception>
    public static IReadOnlyList<PaperPoint> Parse(string name, string text)
    {
        try
        {
            IReadOnlyList<string[]> rows = Csv.Parse(text);
            return rows.Count > 0 && string.Join(',', rows[0]) == Header
                ? [.. rows.Skip(1).Select(Read)]
                : throw new FormatException($"the first line is not {Header}");
        }
        catch (FormatException e)
        {
            throw new TestbedException($"{name}: {e.Message}", e);
        }
    }

    private static PaperPoint Read(string[] row) =>
        row.Length == 8 && double.TryParse(row[6], CultureInfo.InvariantCulture, out double y)
            ? new PaperPoint(row[0], row[1], row[2], row[3], row[4], row[5], y, row[7])
            : throw new FormatException($"not source, page, measure, key, series, x, y (a number) and note: {string.Join(',', row)}");
}
