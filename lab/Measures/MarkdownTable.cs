using System.Text;

namespace Softswitch.Lab.Measures;

/// <summary>A table in Markdown whose columns line up as plain text too. Cells that begin with a digit stand to the right.</summary>
internal sealed class MarkdownTable(params string[] headings)
{
    private readonly List<string[]> _rows = [];

    public IReadOnlyList<string> Headings => headings;

    public IReadOnlyList<IReadOnlyList<string>> Rows => _rows;

    /// <param name="cells">A cell for each heading.</param>
    public void Add(params string[] cells) => _rows.Add(cells);

    public override string ToString()
    {
        int[] widths = [.. headings.Select((heading, column) => Math.Max(3, _rows.Select(row => row[column].Length).Append(heading.Length).Max()))];
        var text = new StringBuilder();
        Append(text, headings, widths);
        text.Append("\n| ").AppendJoin(" | ", widths.Select((width, column) => IsNumeric(column) ? new string('-', width - 1) + ":" : new string('-', width))).Append(" |");
        foreach (string[] row in _rows)
        {
            text.Append('\n');
            Append(text, row, widths);
        }
        return text.ToString();
    }

    private void Append(StringBuilder text, string[] cells, int[] widths) =>
        text.Append("| ").AppendJoin(" | ", cells.Select((cell, column) => IsNumeric(column) ? cell.PadLeft(widths[column]) : cell.PadRight(widths[column]))).Append(" |");

    private bool IsNumeric(int column) => column > 0 && _rows.Count > 0 && _rows.All(row => row[column].Length > 0 && (char.IsAsciiDigit(row[column][0]) || row[column] == "–"));
}
