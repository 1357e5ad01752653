using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Softswitch.Lab.Measures;

namespace Softswitch.Bench.Sides;

/// <summary>A figure of rows: programs find it by its key, people below its heading.</summary>
/// <param name="Key">Null for a figure that only the table has.</param>
/// <param name="Heading">Null for a figure that only programs get.</param>
/// <param name="Format">Of numbers in the table.</param>
/// <param name="Scale">What numbers in the table are multiplied by: 100 for percent.</param>
internal sealed record BenchColumn<T>(string? Key, Func<T, JsonNode?> Of, string? Heading = null, string Format = "0.##", double Scale = 1)
{
    /// <summary>As the table has it.</summary>
    public string Cell(T item) => Of(item) switch
    {
        null => "–",
        JsonValue value when value.GetValueKind() == JsonValueKind.Number =>
            (double.Parse(value.ToJsonString(), CultureInfo.InvariantCulture) * Scale).ToString(Format, CultureInfo.InvariantCulture),
        JsonNode other => $"{other}",
    };
}

/// <summary>Rows of a result, for programs and for people.</summary>
internal sealed class BenchRows<T>(params BenchColumn<T>[] columns)
{
    private readonly MarkdownTable _table = new([.. columns.Select(column => column.Heading).OfType<string>()]);
    private readonly JsonArray _rows = [];

    /// <param name="name">Of the row, for people.</param>
    /// <param name="found">What disturbed it.</param>
    public void Add(BenchResult result, string name, T item, Interference found)
    {
        JsonObject row = ToJson(item);
        Add(item, row, result.Mark(name, row, found));
    }

    public void Add(T item) => Add(item, ToJson(item), sign: string.Empty);

    /// <param name="unlessEmpty">Whether a result without such rows has no place for them either.</param>
    public void AddTo(BenchResult result, string name, bool unlessEmpty = false)
    {
        if (_rows.Count > 0 || !unlessEmpty)
        {
            result.Add(name, _rows, _table);
        }
    }

    private JsonObject ToJson(T item) =>
        new(columns.Where(column => column.Key != null).Select(column => KeyValuePair.Create(column.Key!, column.Of(item))));

    private void Add(T item, JsonObject row, string sign)
    {
        string[] cells = [.. columns.Where(column => column.Heading != null).Select(column => column.Cell(item))];
        cells[0] += sign;
        _rows.Add(row);
        _table.Add(cells);
    }
}
