using System.Text.Json.Nodes;

namespace Softswitch.Lab.Measures;

/// <summary>What a benchmark found: named figures in order, and what was wrong with the run.</summary>
internal sealed class BenchResult
{
    private readonly JsonObject _values = [];
    private readonly Dictionary<string, MarkdownTable> _tables = [];
    private readonly List<string> _errors = [];
    private readonly List<string> _notes = [];

    public BenchResult(string benchmark) => _values["benchmark"] = benchmark;

    /// <summary>Reasons not to believe the figures; the command then ends with an error.</summary>
    public IReadOnlyList<string> Errors => _errors;

    /// <summary>A figure; null if there is none of that name.</summary>
    public JsonNode? this[string name] => _values[name];

    /// <summary>Of a result without rows.</summary>
    public Interference Interference { get; private set; }

    public void Fail(string error) => _errors.Add(error);

    public void Add(string name, string value) => _values[name] = value;

    public void Add(string name, bool value) => _values[name] = value;

    public void Add(string name, long value) => _values[name] = value;

    /// <param name="digits">Digits behind the point that mean something.</param>
    public void Add(string name, double value, int digits) => _values[name] = Math.Round(value, digits);

    public void Add(string name, JsonNode value) => _values[name] = value;

    /// <summary>Rows that people read better as a table.</summary>
    public void Add(string name, JsonArray rows, MarkdownTable table)
    {
        _values[name] = rows;
        _tables[name] = table;
    }

    /// <summary>Other load of the machine meanwhile; of a result without rows.</summary>
    public void Add(Interference found)
    {
        Interference = found;
        found.AddTo(_values);
    }

    /// <summary>As <see cref="Add(Interference)"/>, of one row.</summary>
    /// <param name="name">Of the row, for people.</param>
    /// <returns>The sign that stands behind its name in the table, if it is disturbed.</returns>
    public string Mark(string name, JsonObject row, Interference found)
    {
        found.AddTo(row);
        if (found.Reason is not { } reason)
        {
            return string.Empty;
        }
        _notes.Add($"{Interference.Sign} {name}: disturbed: {reason}");
        return $" {Interference.Sign}";
    }

    /// <summary>One object on one line.</summary>
    public string ToJson() => _values.ToJsonString();

    /// <summary>A line for each figure, tables at the end, and below them what disturbed their rows.</summary>
    public string ToText()
    {
        KeyValuePair<string, JsonNode?>[] lines = [.. _values.Where(value => !_tables.ContainsKey(value.Key))];
        int width = lines.Max(value => value.Key.Length);
        IEnumerable<string> notes = _notes.Count > 0 ? _notes.Prepend(string.Empty) : [];
        return string.Join('\n',
            [.. lines.Select(value => $"{value.Key.PadRight(width)}  {Text(value.Value)}"), .. _tables.Values.Where(table => table.Rows.Count > 0).Select(table => $"\n{table}"), .. notes]);
    }

    private static string Text(JsonNode? node) => node is JsonArray array
        ? string.Join(' ', array.Select(item => item is JsonArray pair ? string.Join(':', pair.Select(Text)) : Text(item)))
        : $"{node}";
}
