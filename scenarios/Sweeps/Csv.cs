using System.Text;

namespace Softswitch.Scenarios.Sweeps;

/// <summary>Tables with commas between their cells (RFC 4180), but for lines that end as Linux's do.</summary>
internal static class Csv
{
    private const char Quote = '"';

    /// <summary>A row with its end of line.</summary>
    public static string Format(IEnumerable<string> cells) => $"{string.Join(',', cells.Select(Format))}\n";

    /// <summary>The rows of a text.</summary>
    /// <exception cref="FormatException">A quotation has no end.</exception>
    public static IReadOnlyList<string[]> Parse(string text)
    {
        var rows = new List<string[]>();
        var row = new List<string>();
        var cell = new StringBuilder();
        bool isQuoted = false;
        for (int i = 0; i < text.Length; i++)
        {
            char one = text[i];
            if (isQuoted && one == Quote && i + 1 < text.Length && text[i + 1] == Quote)
            {
                cell.Append(Quote);
                i++;
            }
            else if (one == Quote)
            {
                isQuoted = !isQuoted;
            }
            else if (!isQuoted && (one is ',' or '\n'))
            {
                End(one == '\n');
            }
            else if (isQuoted || one != '\r')
            {
                cell.Append(one);
            }
        }
        if (isQuoted)
        {
            throw new FormatException("a quotation has no end");
        }
        if (cell.Length > 0 || row.Count > 0)
        {
            End(endsRow: true);
        }
        return rows;

        void End(bool endsRow)
        {
            row.Add(cell.ToString());
            cell.Clear();
            if (endsRow)
            {
                rows.Add([.. row]);
                row.Clear();
            }
        }
    }

    private static string Format(string cell) => cell.AsSpan().ContainsAny(",\"\r\n")
        ? $"\"{cell.Replace("\"", "\"\"", StringComparison.Ordinal)}\""
        : cell;
}
