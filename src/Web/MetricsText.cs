using System.Globalization;
using System.Text;

namespace Softswitch.Web;

/// <summary>Writes metrics in Prometheus' text format 0.0.4: HELP and TYPE once for each family, then its samples.</summary>
internal sealed class MetricsText
{
    private readonly StringBuilder _text = new();
    private string _family = string.Empty;

    /// <summary>What the label <c>switch</c> of the next samples says; null for samples without it.</summary>
    public string? Switch { get; set; }

    /// <summary>A family whose samples only rise while what they count is there; its name ends in <c>_total</c>.</summary>
    public MetricsText Counter(string name, string help) => Begin(name, "counter", help);

    /// <summary>A family whose samples rise and fall.</summary>
    public MetricsText Gauge(string name, string help) => Begin(name, "gauge", help);

    /// <summary>A sample of the family that was begun last.</summary>
    /// <param name="labels">No two samples of a family have the same.</param>
    public MetricsText Sample(double value, params ReadOnlySpan<(string Name, string Value)> labels)
    {
        _text.Append(_family);
        char before = '{';
        if (Switch != null)
        {
            AppendLabel(ref before, "switch", Switch);
        }
        foreach ((string name, string text) in labels)
        {
            AppendLabel(ref before, name, text);
        }
        // All digits: a counter of bytes has more than a float shows.
        _text.Append(before == ',' ? "} " : " ").Append(value.ToString("R", CultureInfo.InvariantCulture)).Append('\n');
        return this;
    }

    public MetricsText Samples<T>(IEnumerable<T> all, Func<T, double> value, Func<T, (string Name, string Value)[]> labels)
    {
        foreach (T one in all)
        {
            Sample(value(one), labels(one));
        }
        return this;
    }

    public StringBuilder.ChunkEnumerator GetChunks() => _text.GetChunks();

    public override string ToString() => _text.ToString();

    private MetricsText Begin(string name, string type, string help)
    {
        _family = name;
        _text.Append("# HELP ").Append(name).Append(' ').Append(help).Append("\n# TYPE ").Append(name).Append(' ').Append(type).Append('\n');
        return this;
    }

    private void AppendLabel(ref char before, string name, string text)
    {
        _text.Append(before).Append(name).Append("=\"");
        AppendEscaped(text);
        _text.Append('"');
        before = ',';
    }

    private void AppendEscaped(string text)
    {
        foreach (char one in text)
        {
            _ = one switch
            {
                '\\' => _text.Append(@"\\"),
                '"' => _text.Append("\\\""),
                '\n' => _text.Append(@"\n"),
                _ => _text.Append(one),
            };
        }
    }
}
