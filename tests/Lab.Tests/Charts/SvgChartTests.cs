using System.Globalization;
using System.Xml.Linq;
using Softswitch.Lab.Charts;

namespace Softswitch.Lab.Tests.Charts;

public sealed class SvgChartTests
{
    private static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    [Fact]
    public void Each_line_is_drawn_inside_the_plot_and_named_in_the_legend()
    {
        XElement chart = Draw(new Series("exact", [(64, 40), (1000, 38.5), (32_000, 31)]), new Series("routes", [(64, 20), (1000, 14)]));
        XElement[] lines = [.. chart.Elements(Svg + "polyline")];
        Assert.Equal(2, lines.Length);
        XElement plot = chart.Elements(Svg + "rect").Single(rect => (string?)rect.Attribute("fill") == "none");
        double left = Number(plot, "x");
        double top = Number(plot, "y");
        Assert.Equal(3, PointsOf(lines[0]).Length);
        Assert.All(lines.SelectMany(PointsOf), point =>
        {
            Assert.InRange(point.X, left, left + Number(plot, "width"));
            Assert.InRange(point.Y, top, top + Number(plot, "height"));
        });
        string[] texts = [.. chart.Elements(Svg + "text").Select(text => text.Value)];
        Assert.Contains("exact", texts);
        Assert.Contains("routes", texts);
        Assert.Contains("flow entries", texts);
        Assert.Contains("rate (Mpps)", texts);
    }

    [Fact]
    public void More_flows_stand_further_right_and_higher_rates_higher_up()
    {
        (double X, double Y)[] points = PointsOf(Draw(new Series("exact", [(10, 1), (100, 2), (1000, 4)])).Element(Svg + "polyline")!);
        Assert.True(points[0].X < points[1].X && points[1].X < points[2].X);
        Assert.True(points[0].Y > points[1].Y && points[1].Y > points[2].Y);
        Assert.Equal(points[1].X - points[0].X, points[2].X - points[1].X, 1);
    }

    [Fact]
    public void Lines_differ_without_colours()
    {
        XElement chart = Draw([.. Enumerable.Range(0, 6).Select(i => new Series($"line {i}", [(10, i + 1), (100, i + 2)]))]);
        Assert.Equal(6, chart.Elements(Svg + "polyline").Select(line => (string?)line.Attribute("stroke-dasharray") ?? string.Empty).Distinct().Count());
    }

    [Fact]
    public void Spreads_are_bars_within_the_plot_in_the_shade_of_their_line()
    {
        XElement chart = Draw(new Series("first", [(10, 1)]), new Series("second", [(10, 2), (100, 3)]) { Spreads = [(10, 1.5, 2.5), (100, 2, 9)] });
        XElement[] bars = [.. chart.Elements(Svg + "path").Where(path => (string?)path.Attribute("class") == "spread")];
        Assert.Equal(2, bars.Length);
        Assert.All(bars, bar => Assert.Equal((string)chart.Elements(Svg + "polyline").ElementAt(1).Attribute("stroke")!, (string)bar.Attribute("stroke")!));
        double top = Number(chart.Elements(Svg + "rect").Single(rect => (string?)rect.Attribute("fill") == "none"), "y");
        double upper = Parse(((string)bars[1].Attribute("d")!).Split('V')[1].Split('M')[0]);
        Assert.True(upper >= top);
        Assert.True(upper < PointsOf(chart.Elements(Svg + "polyline").ElementAt(1))[1].Y);
    }

    [Fact]
    public void A_name_that_is_too_long_beside_the_axis_begins_further_left_on_a_phone()
    {
        const string Name = "size=1514, make-before-break=off";
        var chart = new LineChart("t", new Axis("x"), new Axis("y"), [new Series(Name, [(1, 1)])]);
        XElement text = XDocument.Parse(SvgChart.Draw(chart, 340)).Root!.Elements(Svg + "text").Single(text => text.Value == Name);
        Assert.InRange(Number(text, "x"), 0, 340 - (7 * Name.Length));
    }

    [Fact]
    public void Points_that_are_not_joined_have_markers_and_no_line_in_the_legend_either()
    {
        XElement chart = Draw(new Series("paper", [(10, 1), (100, 2)]) { IsJoined = false });
        Assert.Empty(chart.Elements(Svg + "polyline"));
        Assert.Equal(3, chart.Elements(Svg + "circle").Count());
        Assert.DoesNotContain(chart.Elements(Svg + "line"), line => line.Attribute("stroke-width") != null);
    }

    [Fact]
    public void Points_that_are_not_joined_are_seen_where_a_line_meets_them()
    {
        XElement chart = Draw(new Series("ours", [(10, 1), (100, 2)]), new Series("paper", [(10, 1)]) { IsJoined = false });
        XElement paper = chart.Elements(Svg + "rect").Last(); // in the legend, and on the plot
        XElement ours = chart.Elements(Svg + "circle").First(circle => circle.IsAfter(paper));
        Assert.Equal(Number(ours, "cx"), Number(paper, "x") + (Number(paper, "width") / 2), 1);
        Assert.True(Number(paper, "width") > 2 * Number(ours, "r"));
    }

    [Fact]
    public void Words_along_the_axis_are_all_there_and_none_covers_its_neighbour()
    {
        string[] words = ["packet", "xdp", "tap", "vhost-user", "a longer word"];
        var chart = new LineChart("t", new Axis("backend") { Words = words }, new Axis("y"), [new Series("a", [(0, 1), (4, 2)]) { IsJoined = false }]);
        XElement[] labels = [.. XDocument.Parse(SvgChart.Draw(chart, 340)).Root!.Elements(Svg + "text").Where(text => words.Contains(text.Value))];
        Assert.Equal(words, labels.Select(label => label.Value));
        Assert.All(labels.Zip(labels.Skip(1)), pair => Assert.NotEqual(Number(pair.First, "y"), Number(pair.Second, "y")));
    }

    [Fact]
    public void Names_cannot_break_the_drawing()
    {
        XElement chart = Draw(new Series("a < b & \"c\"", [(10, 1)]));
        Assert.Contains("a < b & \"c\"", chart.Elements(Svg + "text").Select(text => text.Value));
    }

    [Fact]
    public void What_has_no_place_on_a_logarithmic_axis_is_left_out()
    {
        XElement chart = Draw(new Series("tail", [(0, 1), (10, 2), (double.NaN, 3), (100, 4)]));
        Assert.Equal(2, PointsOf(chart.Element(Svg + "polyline")!).Length);
    }

    [Fact]
    public void A_chart_without_points_is_still_a_drawing() => Assert.Empty(Draw(new Series("nothing", [])).Elements(Svg + "polyline"));

    [Fact]
    public void A_long_legend_takes_more_rows_and_stays_within_the_drawing()
    {
        XElement one = Draw(Named("short"));
        XElement many = Draw([.. Enumerable.Range(0, 6).Select(i => Named($"a rather long name, number {i}"))]);
        Assert.True(Number(many, "height") > Number(one, "height"));
        double top = Number(many.Elements(Svg + "rect").Single(rect => (string?)rect.Attribute("fill") == "none"), "y");
        Assert.All(many.Elements(Svg + "text").Where(text => text.Value.StartsWith("a rather", StringComparison.Ordinal)), text =>
        {
            Assert.InRange(Number(text, "y"), 0, top);
            Assert.InRange(Number(text, "x"), 0, Number(many, "width") - (6 * text.Value.Length));
        });

        static Series Named(string name) => new(name, [(10, 1), (100, 2)]);
    }

    private static XElement Draw(params Series[] lines) =>
        XDocument.Parse(SvgChart.Draw(new LineChart("title", new Axis("flow entries", IsLog: true), new Axis("rate (Mpps)"), lines))).Root!;

    private static (double X, double Y)[] PointsOf(XElement line) =>
        [.. ((string)line.Attribute("points")!).Split(' ').Select(point => point.Split(',')).Select(pair => (Parse(pair[0]), Parse(pair[1])))];

    private static double Number(XElement element, string name) => Parse((string)element.Attribute(name)!);

    private static double Parse(string text) => double.Parse(text, CultureInfo.InvariantCulture);
}
