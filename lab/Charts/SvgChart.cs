using System.Globalization;
using System.Security;
using System.Text;

namespace Softswitch.Lab.Charts;

/// <summary>Draws charts as SVG 1.1 for a paper: no script, no style sheet, no font but the reader's.</summary>
/// <remarks>Lines differ in dashes and markers as well as in shade: they can be told apart in black and white.</remarks>
internal static class SvgChart
{
    private const int PaperWidth = 640;
    private const int Left = 96; // labels such as 0.00001 % beside the turned one
    private const int Right = 20;
    private const int Bottom = 56;
    private const int PlotHeight = 300;
    private const int TitleHeight = 34;
    private const int LabelWidth = 48;
    private const int TickLength = 5;
    private const int MinorTickLength = 3;
    private const int LegendLine = 18;
    private const int LegendSample = 34;
    private const int LegendGap = 24;
    private const double MarkerRadius = 3.6;
    private const double SpreadHalfWidth = 4;

    // Of the fonts a reader may have, a wide one's; the legend leaves room for it.
    private const double CharacterWidth = 7;

    private static readonly string[] Shades = ["#000000", "#1f5a96", "#a8431a", "#3d7a3d", "#6a3d8f", "#555555"];
    private static readonly string[] Dashes = ["", "7 3", "2 3", "9 3 2 3", "12 4", "4 2"];

    /// <summary>The drawing as a file's whole text.</summary>
    /// <param name="width">In points; the height is the same for all.</param>
    /// <param name="hasTitle">Whether it says its title itself.</param>
    public static string Draw(LineChart chart, int width = PaperWidth, bool hasTitle = true)
    {
        (double X, int Row)[] legend = PlaceLegend(chart, width);
        int legendTop = hasTitle ? TitleHeight : 4;
        int top = legendTop + (LegendLine * (1 + legend.Select(item => item.Row).DefaultIfEmpty(0).Max())) + 8;
        var plot = new Plot(
            chart, top, width - Left - Right,
            AxisScale.For(chart.X, chart.Lines.SelectMany(line => line.All.Select(point => point.X))),
            AxisScale.For(chart.Y, chart.Lines.SelectMany(line => line.All.Select(point => point.Y))));
        int height = top + PlotHeight + Bottom;
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"""
            <svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" font-family="Helvetica, Arial, sans-serif" font-size="12" fill="#000000">
            <title>{Escape(chart.Title)}</title>
            <rect width="{width}" height="{height}" fill="#ffffff"/>

            """);
        if (hasTitle)
        {
            Text(svg, Left + (plot.Width / 2.0), 22, chart.Title, "middle", "font-size=\"14\" font-weight=\"bold\"");
        }
        DrawLegend(svg, chart, legend, legendTop);
        DrawGrid(svg, plot);
        DrawLabels(svg, plot);
        // Single points are larger and below: a line that meets them does not hide them.
        foreach (int i in Enumerable.Range(0, chart.Lines.Count).OrderBy(i => chart.Lines[i].IsJoined))
        {
            DrawLine(svg, plot, i);
        }
        return svg.Append("</svg>\n").ToString();
    }

    /// <summary>Names side by side above the plot, where they cover no data, in as many rows as they need.</summary>
    private static (double X, int Row)[] PlaceLegend(LineChart chart, int width)
    {
        double[] needed = [.. chart.Lines.Select(line => LegendSample + 6 + (CharacterWidth * line.Name.Length))];
        double left = Math.Max(4, Math.Min(Left, width - Right - needed.DefaultIfEmpty(0).Max()));
        double x = left;
        int row = 0;
        var places = new (double, int)[needed.Length];
        for (int i = 0; i < places.Length; i++)
        {
            if (x > left && x + needed[i] > width - Right)
            {
                x = left;
                row++;
            }
            places[i] = (x, row);
            x += needed[i] + LegendGap;
        }
        return places;
    }

    private static void DrawLegend(StringBuilder svg, LineChart chart, (double X, int Row)[] places, int top)
    {
        for (int i = 0; i < places.Length; i++)
        {
            (double x, int row) = places[i];
            double middle = top + (LegendLine * (row + 0.5));
            if (chart.Lines[i].IsJoined)
            {
                svg.Append(CultureInfo.InvariantCulture, $"<line x1=\"{x:0.##}\" y1=\"{middle:0.##}\" x2=\"{x + LegendSample:0.##}\" y2=\"{middle:0.##}\" {Stroke(i)}/>\n");
            }
            if (chart.HasMarkers)
            {
                DrawMarker(svg, i, x + (LegendSample / 2.0), middle, RadiusOf(chart.Lines[i]));
            }
            Text(svg, x + LegendSample + 6, middle + 4, chart.Lines[i].Name, "start");
        }
    }

    private static void DrawGrid(StringBuilder svg, Plot plot)
    {
        int bottom = plot.Top + PlotHeight;
        foreach (double tick in plot.X.Ticks)
        {
            Line(svg, plot.At(tick), plot.Top, plot.At(tick), bottom, "#dddddd");
        }
        foreach (double tick in plot.Y.Ticks)
        {
            Line(svg, Left, plot.Up(tick), Left + plot.Width, plot.Up(tick), "#dddddd");
        }
        svg.Append(CultureInfo.InvariantCulture, $"<rect x=\"{Left}\" y=\"{plot.Top}\" width=\"{plot.Width}\" height=\"{PlotHeight}\" fill=\"none\" stroke=\"#000000\"/>\n");
        foreach ((double tick, int length) in WithLengths(plot.X))
        {
            Line(svg, plot.At(tick), bottom, plot.At(tick), bottom - length, "#000000");
        }
        foreach ((double tick, int length) in WithLengths(plot.Y))
        {
            Line(svg, Left, plot.Up(tick), Left + length, plot.Up(tick), "#000000");
        }
    }

    private static IEnumerable<(double Tick, int Length)> WithLengths(AxisScale scale) =>
        scale.Ticks.Select(tick => (tick, TickLength)).Concat(scale.MinorTicks.Select(tick => (tick, MinorTickLength)));

    private static void DrawLabels(StringBuilder svg, Plot plot)
    {
        int bottom = plot.Top + PlotHeight;
        int every = Math.Max(1, plot.X.Ticks.Count * LabelWidth / plot.Width); // where all have no room beside each other
        IReadOnlyList<string>? words = plot.Chart.X.Words;
        bool isCrowded = words?.Max(word => word.Length) * CharacterWidth > plot.Width / words?.Count;
        foreach ((int index, double tick) in plot.X.Ticks.Index().Where(tick => words != null || tick.Index % every == 0))
        {
            // No word can be left out: where they are long, every other one stands lower.
            Text(svg, plot.At(tick), bottom + (isCrowded && index % 2 == 1 ? 29 : 17), plot.X.LabelOf(tick), "middle");
        }
        foreach (double tick in plot.Y.Ticks)
        {
            Text(svg, Left - 7, plot.Up(tick) + 4, plot.Y.LabelOf(tick), "end");
        }
        Text(svg, Left + (plot.Width / 2.0), bottom + 40, plot.Chart.X.Label, "middle");
        double middle = plot.Top + (PlotHeight / 2.0);
        Text(svg, 18, middle, plot.Chart.Y.Label, "middle", string.Create(CultureInfo.InvariantCulture, $"transform=\"rotate(-90 18 {middle:0.##})\""));
    }

    private static void DrawLine(StringBuilder svg, Plot plot, int index)
    {
        Series line = plot.Chart.Lines[index];
        foreach ((double at, double low, double high) in line.Spreads.Where(one => plot.HasPlace((one.X, one.High)))
            .Select(one => (plot.At(one.X), plot.Up(one.Low), plot.Up(one.High))))
        {
            svg.Append(CultureInfo.InvariantCulture, $"<path class=\"spread\" d=\"M{at - SpreadHalfWidth:0.##} {low:0.##}h{2 * SpreadHalfWidth}M{at:0.##} {low:0.##}V{high:0.##}");
            svg.Append(CultureInfo.InvariantCulture, $"M{at - SpreadHalfWidth:0.##} {high:0.##}h{2 * SpreadHalfWidth}\" fill=\"none\" stroke=\"{Shades[index % Shades.Length]}\"/>\n");
        }
        foreach ((double x, double y) in line.Disturbed.Where(plot.HasPlace).Select(point => (plot.At(point.X), plot.Up(point.Y))))
        {
            const double R = 1.8 * MarkerRadius;
            if (plot.Chart.HasMarkers)
            {
                DrawMarker(svg, index, x, y, RadiusOf(line)); // tells whose it is, where there are no colours
            }
            svg.Append(CultureInfo.InvariantCulture, $"<path class=\"disturbed\" d=\"M{x - R:0.##} {y - R:0.##}l{2 * R:0.##} {2 * R:0.##}m0 {-2 * R:0.##}l{-2 * R:0.##} {2 * R:0.##}\" ");
            svg.Append(CultureInfo.InvariantCulture, $"fill=\"none\" stroke=\"{Shades[index % Shades.Length]}\" stroke-width=\"1.8\"><title>disturbed</title></path>\n");
        }
        (double X, double Y)[] places = [.. line.Points.Where(plot.HasPlace).Select(point => (plot.At(point.X), plot.Up(point.Y)))];
        if (places.Length == 0)
        {
            return;
        }
        if (line.IsJoined)
        {
            svg.Append("<polyline points=\"").AppendJoin(' ', places.Select(place => string.Create(CultureInfo.InvariantCulture, $"{place.X:0.##},{place.Y:0.##}")));
            svg.Append("\" fill=\"none\" ").Append(Stroke(index)).Append("/>\n");
        }
        if (plot.Chart.HasMarkers)
        {
            foreach ((double x, double y) in places)
            {
                DrawMarker(svg, index, x, y, RadiusOf(line));
            }
        }
    }

    private static double RadiusOf(Series line) => line.IsJoined ? MarkerRadius : 1.5 * MarkerRadius;

    private static void DrawMarker(StringBuilder svg, int index, double x, double y, double radius)
    {
        string shade = Shades[index % Shades.Length];
        string fill = (index + (index / 6)) % 2 == 0 ? shade : "#ffffff"; // twelve different ones, though of four shapes
        string shape = (index % 6) switch
        {
            0 => string.Create(CultureInfo.InvariantCulture, $"<circle cx=\"{x:0.##}\" cy=\"{y:0.##}\" r=\"{radius:0.##}\""),
            1 or 4 => string.Create(
                CultureInfo.InvariantCulture,
                $"<rect x=\"{x - radius:0.##}\" y=\"{y - radius:0.##}\" width=\"{2 * radius:0.##}\" height=\"{2 * radius:0.##}\""),
            2 or 5 => Polygon((x, y - (1.2 * radius)), (x + (1.2 * radius), y + radius), (x - (1.2 * radius), y + radius)),
            _ => Polygon((x, y - (1.3 * radius)), (x + (1.3 * radius), y), (x, y + (1.3 * radius)), (x - (1.3 * radius), y)),
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

    private static string Escape(string text) => SecurityElement.Escape(text);

    /// <summary>A chart's axes, where the plot begins, and how wide it is.</summary>
    private sealed record Plot(LineChart Chart, int Top, int Width, AxisScale X, AxisScale Y)
    {
        public double At(double value) => Left + (Width * X.Place(value));

        public double Up(double value) => Top + (PlotHeight * (1 - Y.Place(value)));

        public bool HasPlace((double X, double Y) point) =>
            double.IsFinite(point.X) && double.IsFinite(point.Y) && (!Chart.X.IsLog || point.X > 0) && (!Chart.Y.IsLog || point.Y > 0);
    }
}
