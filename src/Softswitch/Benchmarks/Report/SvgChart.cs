using System.Globalization;
using System.Security;
using System.Text;

namespace Softswitch.Benchmarks.Report;

/// <summary>Draws charts as SVG 1.1 for a paper: no script, no style sheet, no font but the reader's.</summary>
/// <remarks>Lines differ in dashes and markers as well as in shade: they can be told apart in black and white.</remarks>
internal static class SvgChart
{
    private const int Width = 640;
    private const int Height = 400;
    private const int Left = 72;
    private const int Right = 20;
    private const int Top = 44;
    private const int Bottom = 56;
    private const int PlotWidth = Width - Left - Right;
    private const int PlotHeight = Height - Top - Bottom;
    private const int TickLength = 5;
    private const int MinorTickLength = 3;
    private const int LegendLine = 18;
    private const int LegendSample = 34;
    private const double MarkerRadius = 3.6;
    private const double CharacterWidth = 6.4;

    private static readonly string[] Shades = ["#000000", "#1f5a96", "#a8431a", "#3d7a3d", "#6a3d8f", "#555555"];
    private static readonly string[] Dashes = ["", "7 3", "2 3", "9 3 2 3", "12 4", "4 2"];

    /// <summary>The drawing as a file's whole text.</summary>
    public static string Draw(LineChart chart)
    {
        AxisScale x = AxisScale.For(chart.X, chart.Lines.SelectMany(line => line.Points.Select(point => point.X)));
        AxisScale y = AxisScale.For(chart.Y, chart.Lines.SelectMany(line => line.Points.Select(point => point.Y)));
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"""
            <svg xmlns="http://www.w3.org/2000/svg" width="{Width}" height="{Height}" viewBox="0 0 {Width} {Height}" font-family="Helvetica, Arial, sans-serif" font-size="12" fill="#000000">
            <title>{Escape(chart.Title)}</title>
            <rect width="{Width}" height="{Height}" fill="#ffffff"/>

            """);
        Text(svg, Left + (PlotWidth / 2.0), 22, chart.Title, "middle", "font-size=\"14\" font-weight=\"bold\"");
        DrawGrid(svg, x, y);
        DrawLabels(svg, chart, x, y);
        for (int i = 0; i < chart.Lines.Count; i++)
        {
            DrawLine(svg, chart, i, x, y);
        }
        DrawLegend(svg, chart, x, y);
        return svg.Append("</svg>\n").ToString();
    }

    private static void DrawGrid(StringBuilder svg, AxisScale x, AxisScale y)
    {
        foreach (double tick in x.Ticks)
        {
            Line(svg, At(x, tick), Top, At(x, tick), Top + PlotHeight, "#dddddd");
        }
        foreach (double tick in y.Ticks)
        {
            Line(svg, Left, Up(y, tick), Left + PlotWidth, Up(y, tick), "#dddddd");
        }
        svg.Append(CultureInfo.InvariantCulture, $"<rect x=\"{Left}\" y=\"{Top}\" width=\"{PlotWidth}\" height=\"{PlotHeight}\" fill=\"none\" stroke=\"#000000\"/>\n");
        foreach ((double tick, int length) in x.Ticks.Select(tick => (tick, TickLength)).Concat(x.MinorTicks.Select(tick => (tick, MinorTickLength))))
        {
            Line(svg, At(x, tick), Top + PlotHeight, At(x, tick), Top + PlotHeight - length, "#000000");
        }
        foreach ((double tick, int length) in y.Ticks.Select(tick => (tick, TickLength)).Concat(y.MinorTicks.Select(tick => (tick, MinorTickLength))))
        {
            Line(svg, Left, Up(y, tick), Left + length, Up(y, tick), "#000000");
        }
    }

    private static void DrawLabels(StringBuilder svg, LineChart chart, AxisScale x, AxisScale y)
    {
        foreach (double tick in x.Ticks)
        {
            Text(svg, At(x, tick), Top + PlotHeight + 17, x.LabelOf(tick), "middle");
        }
        foreach (double tick in y.Ticks)
        {
            Text(svg, Left - 7, Up(y, tick) + 4, y.LabelOf(tick), "end");
        }
        Text(svg, Left + (PlotWidth / 2.0), Height - 16, chart.X.Label, "middle");
        double middle = Top + (PlotHeight / 2.0);
        Text(svg, 18, middle, chart.Y.Label, "middle", string.Create(CultureInfo.InvariantCulture, $"transform=\"rotate(-90 18 {middle:0.##})\""));
    }

    private static void DrawLine(StringBuilder svg, LineChart chart, int index, AxisScale x, AxisScale y)
    {
        (double X, double Y)[] places =
        [
            .. chart.Lines[index].Points.Where(point => HasPlace(chart, point)).Select(point => (At(x, point.X), Up(y, point.Y))),
        ];
        if (places.Length == 0)
        {
            return;
        }
        svg.Append("<polyline points=\"").AppendJoin(' ', places.Select(place => string.Create(CultureInfo.InvariantCulture, $"{place.X:0.##},{place.Y:0.##}")));
        svg.Append("\" fill=\"none\" ").Append(Stroke(index)).Append("/>\n");
        if (chart.HasMarkers)
        {
            foreach ((double px, double py) in places)
            {
                DrawMarker(svg, index, px, py);
            }
        }
    }

    private static bool HasPlace(LineChart chart, (double X, double Y) point) =>
        double.IsFinite(point.X) && double.IsFinite(point.Y) && (!chart.X.IsLog || point.X > 0) && (!chart.Y.IsLog || point.Y > 0);

    /// <summary>In the corner of the plot that the fewest points are in.</summary>
    private static void DrawLegend(StringBuilder svg, LineChart chart, AxisScale x, AxisScale y)
    {
        double width = LegendSample + 16 + (CharacterWidth * chart.Lines.Select(line => line.Name.Length).DefaultIfEmpty(0).Max());
        double height = (LegendLine * chart.Lines.Count) + 8;
        (double X, double Y)[] corners =
        [
            (Left + PlotWidth - width - 10, Top + 10), (Left + 10, Top + 10),
            (Left + 10, Top + PlotHeight - height - 10), (Left + PlotWidth - width - 10, Top + PlotHeight - height - 10),
        ];
        (double X, double Y)[] ink = [.. chart.Lines.SelectMany(line => Ink(chart, line, x, y))];
        (double cx, double cy) = corners.MinBy(corner => ink.Count(point =>
            point.X > corner.X - 6 && point.X < corner.X + width + 6 && point.Y > corner.Y - 6 && point.Y < corner.Y + height + 6));
        svg.Append(CultureInfo.InvariantCulture, $"<rect x=\"{cx:0.##}\" y=\"{cy:0.##}\" width=\"{width:0.##}\" height=\"{height:0.##}\" fill=\"#ffffff\" stroke=\"#999999\" stroke-width=\"0.7\"/>\n");
        for (int i = 0; i < chart.Lines.Count; i++)
        {
            double middle = cy + 4 + (LegendLine * (i + 0.5));
            svg.Append(CultureInfo.InvariantCulture, $"<line x1=\"{cx + 6:0.##}\" y1=\"{middle:0.##}\" x2=\"{cx + 6 + LegendSample:0.##}\" y2=\"{middle:0.##}\" {Stroke(i)}/>\n");
            if (chart.HasMarkers)
            {
                DrawMarker(svg, i, cx + 6 + (LegendSample / 2.0), middle);
            }
            Text(svg, cx + 12 + LegendSample, middle + 4, chart.Lines[i].Name, "start");
        }
    }

    /// <summary>Points along a line, close enough together to tell what it runs through.</summary>
    private static IEnumerable<(double X, double Y)> Ink(LineChart chart, Series line, AxisScale x, AxisScale y)
    {
        const int Steps = 12;
        (double X, double Y)[] places = [.. line.Points.Where(point => HasPlace(chart, point)).Select(point => (At(x, point.X), Up(y, point.Y)))];
        return places.Length == 1 ? places : places.Zip(places.Skip(1), (a, b) => Enumerable.Range(0, Steps + 1)
            .Select(i => (a.X + ((b.X - a.X) * i / Steps), a.Y + ((b.Y - a.Y) * i / Steps)))).SelectMany(part => part);
    }

    private static void DrawMarker(StringBuilder svg, int index, double x, double y)
    {
        string shade = Shades[index % Shades.Length];
        string fill = index % 2 == 0 ? shade : "#ffffff";
        const double R = MarkerRadius;
        string shape = (index % 4) switch
        {
            0 => string.Create(CultureInfo.InvariantCulture, $"<circle cx=\"{x:0.##}\" cy=\"{y:0.##}\" r=\"{R}\""),
            1 => string.Create(CultureInfo.InvariantCulture, $"<rect x=\"{x - R:0.##}\" y=\"{y - R:0.##}\" width=\"{2 * R}\" height=\"{2 * R}\""),
            2 => Polygon((x, y - (1.2 * R)), (x + (1.2 * R), y + R), (x - (1.2 * R), y + R)),
            _ => Polygon((x, y - (1.3 * R)), (x + (1.3 * R), y), (x, y + (1.3 * R)), (x - (1.3 * R), y)),
        };
        svg.Append(CultureInfo.InvariantCulture, $"{shape} fill=\"{fill}\" stroke=\"{shade}\" stroke-width=\"1.4\"/>\n");
    }

    private static string Polygon(params ReadOnlySpan<(double X, double Y)> corners)
    {
        var text = new StringBuilder("<polygon points=\"");
        foreach ((double x, double y) in corners)
        {
            text.Append(CultureInfo.InvariantCulture, $"{x:0.##},{y:0.##} ");
        }
        return text.Append('"').ToString();
    }

    private static string Stroke(int index)
    {
        string dash = Dashes[index % Dashes.Length];
        string dashes = dash.Length == 0 ? string.Empty : $" stroke-dasharray=\"{dash}\"";
        return $"stroke=\"{Shades[index % Shades.Length]}\" stroke-width=\"1.8\" stroke-linejoin=\"round\"{dashes}";
    }

    private static void Line(StringBuilder svg, double x1, double y1, double x2, double y2, string colour) =>
        svg.Append(CultureInfo.InvariantCulture, $"<line x1=\"{x1:0.##}\" y1=\"{y1:0.##}\" x2=\"{x2:0.##}\" y2=\"{y2:0.##}\" stroke=\"{colour}\"/>\n");

    private static void Text(StringBuilder svg, double x, double y, string text, string anchor, string more = "") =>
        svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{x:0.##}\" y=\"{y:0.##}\" text-anchor=\"{anchor}\" {more}>{Escape(text)}</text>\n");

    private static double At(AxisScale x, double value) => Left + (PlotWidth * x.Place(value));

    private static double Up(AxisScale y, double value) => Top + (PlotHeight * (1 - y.Place(value)));

    private static string Escape(string text) => SecurityElement.Escape(text);
}
