using Softswitch.Lab.Charts;

namespace Softswitch.Lab.Tests.Charts;

/// <summary>What all reports have in common.</summary>
public sealed class HtmlPageTests
{
    [Fact]
    public void It_is_whole_fits_a_phone_and_escapes_what_it_is_given()
    {
        string page = new HtmlPage("a < b").AddTable(["<i>"], [["<code>x</code>"]]).ToString();
        Assert.Contains("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">", page, StringComparison.Ordinal);
        Assert.Contains("prefers-color-scheme: dark", page, StringComparison.Ordinal);
        Assert.Contains("<h1>a &lt; b</h1>", page, StringComparison.Ordinal);
        Assert.Contains("<th scope=\"col\">&lt;i&gt;</th>", page, StringComparison.Ordinal);
        Assert.Contains("<td><code>x</code></td>", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<script", page, StringComparison.Ordinal);
        Assert.EndsWith("</html>\n", page, StringComparison.Ordinal);
    }

    [Fact]
    public void A_chart_is_drawn_as_wide_as_a_screen_and_as_a_phone_with_its_title_above()
    {
        string page = new HtmlPage("t").AddChart(new LineChart("rate < limit", new Axis("flows", IsLog: true), new Axis("Mpps"), [new Series("exact", [(1, 2), (1000, 1)])])).ToString();
        Assert.Contains("<figcaption>rate &lt; limit</figcaption>", page, StringComparison.Ordinal);
        Assert.Contains("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1120\"", page, StringComparison.Ordinal);
        Assert.Contains("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"340\"", page, StringComparison.Ordinal);
    }

    [Fact]
    public void A_caption_may_have_a_second_line() => Assert.Contains(
        "<figcaption>t<br><code>x</code></figcaption>", new HtmlPage("t").AddChart(new LineChart("t", new Axis("x"), new Axis("y"), []), "<code>x</code>").ToString(),
        StringComparison.Ordinal);

    [Fact]
    public void What_stands_between_back_quotes_is_code() =>
        Assert.Equal("run <code>a &lt; b</code> (disturbed)", HtmlPage.Inline("run `a < b` (disturbed)"));
}
