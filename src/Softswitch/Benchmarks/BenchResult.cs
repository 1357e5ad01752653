using System.Text.Json.Nodes;

namespace Softswitch.Benchmarks;

/// <summary>What a benchmark found: named figures in order, and what was wrong with the run.</summary>
internal sealed class BenchResult
{
    private readonly JsonObject _values = [];
    private readonly List<string> _errors = [];

    public BenchResult(string benchmark) => _values["benchmark"] = benchmark;

    /// <summary>Reasons not to believe the figures; the command then ends with an error.</summary>
    public IReadOnlyList<string> Errors => _errors;

    public void Fail(string error) => _errors.Add(error);

    public void Add(string name, string value) => _values[name] = value;

    public void Add(string name, bool value) => _values[name] = value;

    public void Add(string name, long value) => _values[name] = value;

    /// <param name="digits">Digits behind the point that mean something.</param>
    public void Add(string name, double value, int digits) => _values[name] = Math.Round(value, digits);

    public void Add(string name, JsonNode value) => _values[name] = value;

    /// <summary>One object on one line.</summary>
    public string ToJson() => _values.ToJsonString();

    /// <summary>A line for each figure.</summary>
    public string ToText()
    {
        int width = _values.Max(value => value.Key.Length);
        return string.Join('\n', _values.Select(value => $"{value.Key.PadRight(width)}  {Text(value.Value)}"));
    }

    private static string Text(JsonNode? node) => node is JsonArray array
        ? string.Join(' ', array.Select(item => item is JsonArray pair ? string.Join(':', pair.Select(Text)) : Text(item)))
        : $"{node}";
}
