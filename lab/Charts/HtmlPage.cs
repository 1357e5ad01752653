using System.Globalization;
using System.Security;
using System.Text;
using Softswitch.Web;

namespace Softswitch.Lab.Charts;

/// <summary>A report as one HTML file that needs nothing besides itself, in the style of a switch's page: readable on a phone, in dark and light.</summary>
internal sealed class HtmlPage
{
    // A chart is drawn for a screen and for a phone, and the style shows one: scaled, its text would be too large or too small.
    private const int ScreenWidth = 1120;
    private const int PhoneWidth = 340;

    private readonly StringBuilder _html = new();

    public HtmlPage(string title) => _html.Append(CultureInfo.InvariantCulture, $"""
        <!DOCTYPE html>
        <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>{Escape(title)}</title>
        <style>{PageStyle.Text}</style></head><body class="report">
        <h1>{Escape(title)}</h1>

        """);

    /// <summary>Text that is HTML already.</summary>
    public HtmlPage Add(string html)
    {
        _html.Append(html).Append('\n');
        return this;
    }

    /// <summary>A table with a row of headings.</summary>
    /// <param name="rows">Of cells that are HTML already, as many as there are headings.</param>
    public HtmlPage AddTable(IEnumerable<string> headings, IEnumerable<IEnumerable<string>> rows)
    {
        _html.Append("<div class=\"scroll\"><table><thead><tr>")
            .AppendJoin(string.Empty, headings.Select(heading => $"<th scope=\"col\">{Escape(heading)}</th>")).Append("</tr></thead><tbody>\n");
        foreach (IEnumerable<string> row in rows)
        {
            _html.Append("<tr>").AppendJoin(string.Empty, row.Select(cell => $"<td{(IsNumber(cell) ? " class=\"number\"" : string.Empty)}>{cell}</td>")).Append("</tr>\n");
        }
        _html.Append("</tbody></table></div>\n");
        return this;
    }

    /// <param name="note">A second line of the caption, which is HTML already.</param>
    public HtmlPage AddChart(LineChart chart, string? note = null)
    {
        _html.Append("<figure class=\"chart\"><figcaption>").Append(Escape(chart.Title)).Append(note == null ? string.Empty : $"<br>{note}").Append("</figcaption>\n")
            .Append("<div class=\"on-screen\">").Append(SvgChart.Draw(chart, ScreenWidth, hasTitle: false))
            .Append("</div><div class=\"on-phone\">").Append(SvgChart.Draw(chart, PhoneWidth, hasTitle: false)).Append("</div></figure>\n");
        return this;
    }

    public static string Escape(string text) => SecurityElement.Escape(text);

    /// <summary>With what Markdown has between back-quotes as code.</summary>
    public static string Inline(string markdown) =>
        string.Concat(markdown.Split('`').Select((part, index) => index % 2 == 0 ? Escape(part) : $"<code>{Escape(part)}</code>"));

    private static bool IsNumber(string cell) => cell == "–" || (cell.Length > 0 && cell.All(one => char.IsAsciiDigit(one) || one is '.' or ',' or '-'));

    /// <returns>The whole file.</returns>
    public override string ToString() => $"{_html}</body></html>\n";
}
