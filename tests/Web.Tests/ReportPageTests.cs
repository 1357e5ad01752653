using Softswitch.Lab.Charts;

namespace Softswitch.Web.Tests;

/// <summary>A report's page in a browser: it has the style of the switch's.</summary>
[Trait("Ring", "all")]
public sealed class ReportPageTests : IDisposable
{
    private readonly Browser _browser = new();
    private readonly string _file = Path.ChangeExtension(Path.GetTempFileName(), ".html");

    public void Dispose()
    {
        _browser.Dispose();
        File.Delete(_file);
    }

    [Fact]
    public void It_fits_a_screen_and_a_phone_with_charts_drawn_for_each()
    {
        Series Line(string name, double factor) => new(name, [.. new double[] { 1, 64, 1000, 8000, 32_000, 1_000_000 }.Select(flows => (flows, factor * 30 / (1 + (Math.Log10(flows) / 6))))]);
        var chart = new LineChart("Forwarding rate against the number of flow entries", new Axis("flow entries", IsLog: true), new Axis("rate (Mpps)"),
            [Line("exact, output", 1), Line("host routes, rewrite", 0.7) with { Disturbed = [(100_000, 44)] }]);
        File.WriteAllText(_file, new HtmlPage("Softswitch: benchmark report")
            .Add("<h2>Forwarding rate</h2><p>60-byte frames from memory to a null port, one worker.</p>")
            .AddChart(chart)
            .AddTable(
                ["command", "Mpps", "ns a packet", "kept", "barrier p99 (µs)", "checked"],
                Enumerable.Repeat<string[]>(["<code>./softswitch bench pipeline --match exact --actions output --flows 1000000 --seconds 3</code>", "25.01", "39.9", "0.998", "1520.4", "1,022,976"], 3))
            .ToString());
        _browser.Open(new Uri(_file).AbsoluteUri);
        foreach ((int width, string shown, string hidden, bool dark) in ((int, string, string, bool)[])[(Browser.Screen, ".on-screen", ".on-phone", false), (Browser.Phone, ".on-phone", ".on-screen", true)])
        {
            _browser.Look(width, dark);
            Assert.Equal((long)width, _browser.Run("return document.documentElement.scrollWidth"));
            Assert.True(_browser.Find($"{shown} svg").Displayed);
            Assert.False(_browser.Find($"{hidden} svg").Displayed);
            // As wide as the page, but for margins and the figure's border.
            Assert.InRange(_browser.Find($"{shown} svg").Size.Width, width * 0.85, width);
            _browser.Keep($"report-{width}");
        }
        Assert.Empty(_browser.Complaints());
    }
}
