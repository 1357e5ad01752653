using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Softswitch.Hosting.Reports;

namespace Softswitch.Lab.Manual;

/// <summary>A page of the manual made of a document, so that both say the same: its Markdown as man(7) with tbl(1).</summary>
internal sealed partial class DocumentPage
{
    private readonly StringBuilder _text = new();
    private readonly Queue<string> _lines;
    private bool _isBehindHeading = true;

    private DocumentPage(IEnumerable<string> lines) => _lines = new Queue<string>(lines);

    /// <param name="name">Of the page: <c>softswitch.yaml</c>.</param>
    /// <param name="section">Of the manual: 5 or 7.</param>
    /// <param name="line">What it is, as apropos shows it.</param>
    /// <param name="date">As <c>2026-01-31</c>.</param>
    /// <param name="document">Lines of Markdown. The title is left out: the page has its name.</param>
    /// <param name="others">Pages to see.</param>
    public static string Of(
        string name, int section, string line, string date, string version, IEnumerable<string> document, params IEnumerable<string> others)
    {
        DocumentPage page = new(document);
        string title = ManualPage.Escape(name.ToUpperInvariant());
        page._text.Append(CultureInfo.InvariantCulture, $"'\\\" t\n.TH \"{title}\" {section} {date} \"softswitch {version}\"\n");
        page._text.Append(CultureInfo.InvariantCulture, $".SH NAME\n{ManualPage.Escape(name)} \\- {ManualPage.Escape(line)}\n");
        page.Line(".SH DESCRIPTION");
        while (page._lines.Count > 0)
        {
            page.AppendBlock();
        }
        string see = string.Join(",\n", others.Select(other => $"\\fB{ManualPage.Escape(other)}\\fR"));
        page._text.Append(CultureInfo.InvariantCulture, $".SH SEE ALSO\n{see},\n\\fI/usr/share/doc/softswitch/docs\\fR\n");
        return page._text.ToString();
    }

    private void AppendBlock()
    {
        string line = _lines.Peek();
        if (line.Trim().Length == 0 || line.StartsWith("# ", StringComparison.Ordinal) || line.StartsWith("<!--", StringComparison.Ordinal))
        {
            _lines.Dequeue();
        }
        else if (line.StartsWith("## ", StringComparison.Ordinal))
        {
            string title = _lines.Dequeue()[3..];
            Line($".SH \"{Inline(Words().Replace(title, part => part.Value[0] == '`' ? part.Value : part.Value.ToUpperInvariant()))}\"");
        }
        else if (line.StartsWith("### ", StringComparison.Ordinal))
        {
            Line($".SS \"{Inline(_lines.Dequeue()[4..])}\"");
        }
        else if (line.StartsWith("```", StringComparison.Ordinal))
        {
            _lines.Dequeue();
            AppendExample([.. TakeWhile(next => !next.StartsWith("```", StringComparison.Ordinal))]);
            _lines.Dequeue();
        }
        else if (line.StartsWith("    ", StringComparison.Ordinal))
        {
            AppendExample([.. TakeWhile(next => next.StartsWith("    ", StringComparison.Ordinal)).Select(next => next[4..])]);
        }
        else if (line.StartsWith('|'))
        {
            AppendTable([.. TakeWhile(next => next.StartsWith('|')).Select(Cells)]);
        }
        else if (ItemStart().Match(line) is { Success: true } start)
        {
            string first = _lines.Dequeue()[start.Length..];
            IEnumerable<string> rest = TakeWhile(next => next.StartsWith("  ", StringComparison.Ordinal)).Select(next => next.Trim());
            AppendItem(start.Groups[1].Value, string.Join(' ', rest.Prepend(first)));
        }
        else
        {
            Paragraph();
            Text(string.Join(' ', TakeWhile(next => next is not ([] or ['|', ..] or ['`', '`', '`', ..]) && !ItemStart().IsMatch(next))));
        }
    }

    private IEnumerable<string> TakeWhile(Func<string, bool> goesOn)
    {
        while (_lines.TryPeek(out string? line) && goesOn(line))
        {
            yield return _lines.Dequeue();
        }
    }

    /// <param name="mark">A dash, or a number with its point.</param>
    private void AppendItem(string mark, string text)
    {
        // "**key**: what it is" is an item by that name, and "**Rule.** It says" one by its rule.
        if (mark == "-" && BoldStart().Match(text) is { Success: true } bold)
        {
            Line(".TP");
            Text($"**{bold.Groups[1].Value.TrimEnd('.', ':', '*')}**");
            Text(text[bold.Length..]);
            return;
        }
        Line(mark == "-" ? ".IP \\(bu 2" : $".IP {mark} 4");
        Text(text);
    }

    private void AppendExample(IReadOnlyList<string> lines)
    {
        Paragraph();
        Line(".RS 4\n.EX");
        foreach (string line in lines)
        {
            Line(Protected(ManualPage.Escape(line)));
        }
        Line(".EE\n.RE");
    }

    /// <summary>Two columns, and the table of reasons for drops, as items by what stands in the first; others as a table.</summary>
    /// <param name="rows">The heading, the line below it, and the rows.</param>
    private void AppendTable(string[][] rows)
    {
        string[] heading = rows[0];
        bool isOfReasons = heading[0] == "reason";
        if (heading.Length > 2 && !isOfReasons)
        {
            Paragraph();
            Line(".na\n.nh\n.TS"); // columns are too narrow to be made even
            Line($"{string.Join(' ', heading.Select(_ => "lB"))}\n{string.Join(' ', heading.Select((_, i) => i == 0 ? "l" : "lx"))}.");
            foreach (string[] row in rows.Where((_, i) => i != 1))
            {
                Line(string.Join('\t', row.Select(cell => cell.Length == 0 ? "" : $"T{{\n{Protected(Inline(cell))}\nT}}")));
            }
            Line(".TE\n.hy\n.ad");
            return;
        }
        foreach (string[] row in rows[2..])
        {
            Line(".TP");
            Text(row[0].Length > 0 ? row[0] : heading[0]);
            Text(isOfReasons && row[2] != "-" ? $"{row[1]} ({heading[2]}: {row[2]})" : row[1]);
            if (isOfReasons)
            {
                Line($".br\n> {ManualPage.Escape(DropTexts.Of(row[0].Trim('`')).Advice)}"); // as softswitch drops says it
            }
        }
    }

    /// <summary>Cells are parted by bars; one in code is none.</summary>
    private static string[] Cells(string row) =>
        [.. Bar().Split(row.Trim().Trim('|')).Select(cell => cell.Trim().Replace("\\|", "|", StringComparison.Ordinal))];

    private void Text(string markdown) => Line(Protected(Inline(markdown.Trim())));

    private void Line(string text)
    {
        _isBehindHeading = text.StartsWith(".S", StringComparison.Ordinal);
        _text.Append(text).Append('\n');
    }

    /// <summary>What follows a heading is one already.</summary>
    private void Paragraph()
    {
        if (!_isBehindHeading)
        {
            Line(".PP");
        }
    }

    /// <summary>What begins as a request would is none.</summary>
    private static string Protected(string text) => text.StartsWith('.') || text.StartsWith('\'') ? $"\\&{text}" : text;

    private static string Inline(string markdown)
    {
        StringBuilder text = new();
        int at = 0;
        foreach (Match mark in Marks().Matches(markdown))
        {
            text.Append(ManualPage.Escape(markdown[at..mark.Index]));
            at = mark.Index + mark.Length;
            text.Append(
                mark.Groups["code"] is { Success: true } code ? $"\\fB{ManualPage.Escape(code.Value)}\\fR"
                : mark.Groups["bold"] is { Success: true } bold ? $"\\fB{ManualPage.Escape(bold.Value.Trim('`'))}\\fR"
                : mark.Groups["italic"] is { Success: true } italic ? $"\\fI{ManualPage.Escape(italic.Value)}\\fR"
                : Link(mark.Groups["link"].Value, mark.Groups["target"].Value));
        }
        return text.Append(ManualPage.Escape(markdown[at..])).ToString();
    }

    /// <summary>Another document is named by its file: the package has them all.</summary>
    private static string Link(string text, string target)
    {
        string file = target.Split('#')[0];
        string name = file.Contains("://", StringComparison.Ordinal) ? file : Path.GetFileName(file);
        return name.Length == 0 || text == name ? Inline(text) : $"{Inline(text)} (\\fI{ManualPage.Escape(name)}\\fR)";
    }

    [GeneratedRegex(@"^(-|\d+\.) +")]
    private static partial Regex ItemStart();

    [GeneratedRegex(@"^\*\*([^*]+(?:[.:]\*\*|\*\*:)) ")]
    private static partial Regex BoldStart();

    [GeneratedRegex(@"`[^`]*`|[^`]+")]
    private static partial Regex Words();

    [GeneratedRegex(@"(?<!\\)\|(?=(?:[^`]*`[^`]*`)*[^`]*$)")]
    private static partial Regex Bar();

    [GeneratedRegex(
        @"`(?<code>[^`]+)`|\*\*(?<bold>[^*]+)\*\*|(?<![\w*])\*(?<italic>[^*\s][^*]*)\*(?![\w*])|"
        + @"\[(?<link>[^\]]+)\]\((?<target>[^)]+)\)")]
    private static partial Regex Marks();
}
