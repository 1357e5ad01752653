namespace Softswitch.Hosting.Reports;

/// <summary>Rows of cells as lines whose columns stand below each other.</summary>
internal static class TextTable
{
    /// <param name="rows">Of equal length; the first is the heading.</param>
    /// <param name="textColumns">So many columns from the left are words, which begin below each other; the others are numbers, which end so.</param>
    public static IEnumerable<string> Lines(IReadOnlyList<string[]> rows, int textColumns)
    {
        int[] widths = [.. Enumerable.Range(0, rows[0].Length).Select(column => rows.Max(row => row[column].Length))];
        return rows.Select(row => string.Join("  ", row.Select((cell, i) => i < textColumns ? cell.PadRight(widths[i]) : cell.PadLeft(widths[i]))).TrimEnd());
    }
}
