using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Softswitch.Hosting.Configuration;

namespace Softswitch.Scenarios.Sweeps;

/// <summary>The folder of a sweep: <c>runs/NNNN.json</c>, from which all else follows, <c>runs.csv</c> and a page, <c>index.html</c> or <c>FIGURE.html</c>.</summary>
/// <remarks>
/// Files are written beside their places and moved there: an interruption leaves no half-written file. Nothing is ever deleted.
/// Threads: one.
/// </remarks>
internal sealed class SweepFolder : IDisposable
{
    public const string TableName = "runs.csv";
    public const string IndexName = "index.html";
    private const string RunsName = "runs";

    private readonly string _folder;
    private readonly string[] _parameters;
    private readonly FileStream _lock;
    private readonly List<SweepRun> _runs = [];
    private readonly Dictionary<string, List<SweepRun>> _attempts = [];

    private SweepFolder(string folder, SweepPlan plan, FileStream held, List<SweepRun> runs)
    {
        _folder = folder;
        PageName = plan.Figure == null ? IndexName : $"{plan.Figure.Name}.html"; // several figures may share runs
        _parameters = [.. ParameterValues.Of(plan.Scenario).Select(parameter => parameter.Column)];
        _lock = held;
        runs.ForEach(Note);
        if (runs.Count > 0)
        {
            WriteTable(); // a sweep that was stopped after a run had not written it to the table
        }
    }

    public string PageName { get; }

    /// <summary>All runs in the order they were made, spoiled ones too.</summary>
    public IReadOnlyList<SweepRun> Runs => _runs;

    /// <summary>Of each combination of values and seed the run that counts, in the order these were made first.</summary>
    public IReadOnlyList<SweepRun> Standing => [.. _attempts.Values.Select(StandingOf)];

    /// <summary>Opens one, or makes it, for one program at a time.</summary>
    /// <exception cref="OptionException">It cannot be written, or what it holds does not go with what is about to be run.</exception>
    public static SweepFolder Open(string folder, SweepPlan plan, SweepOrigin origin)
    {
        FileStream? held = null;
        try
        {
            Directory.CreateDirectory(folder);
            held = new FileStream(
                Path.Combine(folder, ".lock"), FileMode.OpenOrCreate, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
            List<SweepRun> runs = ReadRuns(Path.Combine(folder, RunsName));
            string? refusal = runs.Count == 0
                ? FindOther(folder)
                : runs.Select(run => origin.Refuse(run.Origin)).FirstOrDefault(reason => reason != null);
            return refusal == null
                ? new SweepFolder(folder, plan, held, runs)
                : throw new OptionException($"--out: {folder}: {refusal}; give another folder");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            held?.Dispose();
            throw new OptionException($"--out: {e.Message}", e);
        }
        catch (OptionException)
        {
            held?.Dispose();
            throw;
        }
    }

    /// <summary>All that were made of a point, in their order.</summary>
    public IReadOnlyList<SweepRun> AttemptsAt(SweepPoint point) => _attempts.GetValueOrDefault(KeyOf(point.Values.ToJson())) ?? [];

    /// <summary>The run that counts: of those with a result one that is not spoiled, else the least spoiled.</summary>
    public static SweepRun StandingOf(IEnumerable<SweepRun> attempts) =>
        attempts.OrderBy(run => run.Result == null).ThenBy(run => run.DisturbedBy == null ? 0 : run.Severity).First();

    /// <summary>Keeps a run, and writes the table anew.</summary>
    public void Add(SweepRun run)
    {
        Directory.CreateDirectory(Path.Combine(_folder, RunsName));
        Write(FileOf(run), run.ToJson().ToJsonString() + "\n");
        Note(run);
        WriteTable();
    }

    /// <summary>The file of a run, as of the folder.</summary>
    public static string FileOf(SweepRun run) => $"{RunsName}/{run.Number.ToString("0000", CultureInfo.InvariantCulture)}.json";

    public void WritePage(string page) => Write(PageName, page);

    public void Dispose() => _lock.Dispose();

    private void WriteTable()
    {
        HashSet<SweepRun> standing = [.. Standing];
        string[] columns = [.. _runs[0].Row.Select(cell => cell.Key)];
        string[] RowOf(SweepRun run) => [.. columns.Select(run.Text), standing.Contains(run) ? "true" : "false"];
        Write(TableName, string.Concat(_runs.Select(RowOf).Prepend([.. columns, "counts"]).Select(Csv.Format)));
    }

    private void Write(string name, string text)
    {
        string path = Path.Combine(_folder, name);
        string unfinished = Path.Combine(Path.GetDirectoryName(path)!, $".{Path.GetFileName(path)}.new");
        try
        {
            File.WriteAllText(unfinished, text);
            File.Move(unfinished, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OptionException($"--out: {e.Message}", e);
        }
    }

    private void Note(SweepRun run)
    {
        _runs.Add(run);
        if (!_attempts.TryAdd(KeyOf(run.Row), [run]))
        {
            _attempts[KeyOf(run.Row)].Add(run);
        }
    }

    private string KeyOf(JsonObject values) => string.Join(' ', _parameters.Select(column => values[column]?.ToJsonString()));

    private static List<SweepRun> ReadRuns(string folder)
    {
        var runs = new List<SweepRun>();
        foreach (string file in Directory.Exists(folder) ? Directory.GetFiles(folder, "*.json") : [])
        {
            try
            {
                runs.Add(SweepRun.Parse(File.ReadAllText(file)));
            }
            catch (Exception e) when (e is JsonException or FormatException)
            {
                throw new OptionException($"--out: {file}: {e.Message}", e);
            }
        }
        return [.. runs.OrderBy(run => run.Number)];
    }

    /// <summary>Another program's file that would be overwritten, for people; null for none. Other files do no harm.</summary>
    private static string? FindOther(string folder) =>
        new[] { IndexName, TableName }.FirstOrDefault(name => File.Exists(Path.Combine(folder, name))) is { } name
            ? $"its {name} is of no sweep"
            : null;
}
