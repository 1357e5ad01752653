using System.Globalization;
using System.Security;
using System.Text;
using Softswitch.Lab;

namespace Softswitch.Scenarios.Report;

/// <summary>Draws a lab's nodes and cables as SVG, where the scenario has placed them. Tunnels are dashed; numbers at switches are ports, where few enough for them.</summary>
internal static class TopologyDrawing
{
    private const double Column = 210;
    private const double Row = 120;
    private const double Margin = 75;
    private const double BoxWidth = 116;
    private const double BoxHeight = 44;

    // Of more, labels find no free place, after a search that grows with the cube of them.
    private const int MostLabelled = 200;

    public static string Draw(Testbed lab)
    {
        double width = (2 * Margin) + (Column * lab.Nodes.Max(node => node.Place.X));
        double height = (2 * Margin) + (Row * lab.Nodes.Max(node => node.Place.Y));
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"""
            <svg xmlns="http://www.w3.org/2000/svg" width="{width:0}" height="{height:0}" viewBox="0 0 {width:0} {height:0}" font-family="Helvetica, Arial, sans-serif" font-size="12">

            """);
        foreach (LabCable cable in lab.Cables)
        {
            DrawCable(svg, cable);
        }
        foreach (LabNode node in lab.Nodes)
        {
            DrawNode(svg, node);
        }
        var labels = new LabelPlaces(
            [.. lab.Nodes.Select(node => MiddleOf(node)).Select(at => new Box(at.X - (BoxWidth / 2), at.Y - (BoxHeight / 2), BoxWidth, BoxHeight))],
            [.. lab.Cables.Select(cable => (MiddleOf(cable.Near), MiddleOf(cable.Far)))], width, height);
        foreach (LabCable cable in lab.Cables.Count <= MostLabelled ? lab.Cables : [])
        {
            DrawLabel(svg, labels, cable.Near, cable.Far, cable.NearLabel);
            DrawLabel(svg, labels, cable.Far, cable.Near, cable.FarLabel);
        }
        return svg.Append("</svg>\n").ToString();
    }

    private static (double X, double Y) MiddleOf(LabNode node) => (Margin + (Column * node.Place.X), Margin + (Row * node.Place.Y));

    private static void DrawCable(StringBuilder svg, LabCable cable)
    {
        (double X, double Y) near = MiddleOf(cable.Near);
        (double X, double Y) far = MiddleOf(cable.Far);
        string style = cable.IsTunnel ? "stroke=\"#a8431a\" stroke-dasharray=\"6 4\"" : "stroke=\"#555555\"";
        svg.Append(CultureInfo.InvariantCulture, $"<line x1=\"{near.X:0.#}\" y1=\"{near.Y:0.#}\" x2=\"{far.X:0.#}\" y2=\"{far.Y:0.#}\" stroke-width=\"1.6\" {style}/>\n");
    }

    /// <summary>Beside the cable, near the node it is about.</summary>
    private static void DrawLabel(StringBuilder svg, LabelPlaces labels, LabNode from, LabNode to, string text)
    {
        Box place = labels.Take(MiddleOf(from), MiddleOf(to), BoxWidth, BoxHeight, text.Length);
        Text(svg, place.X + (place.Width / 2), place.Y + place.Height - 3, text, "class=\"label\" font-size=\"10\" fill=\"#333333\"");
    }

    private static void DrawNode(StringBuilder svg, LabNode node)
    {
        (double x, double y) = MiddleOf(node);
        (string fill, int round) = node switch
        {
            LabSwitch => ("#d8e6f5", 2),
            LabRouter => ("#eeeeee", 20),
            _ => ("#e3f1dc", 8),
        };
        svg.Append(CultureInfo.InvariantCulture, $"<rect x=\"{x - (BoxWidth / 2):0.#}\" y=\"{y - (BoxHeight / 2):0.#}\" width=\"{BoxWidth}\" height=\"{BoxHeight}\" rx=\"{round}\" fill=\"{fill}\" stroke=\"#333333\"/>\n");
        Text(svg, x, y - 3, node.Name, "font-weight=\"bold\"");
        Text(svg, x, y + 13, node.Caption, "font-size=\"11\"");
    }

    private static void Text(StringBuilder svg, double x, double y, string text, string more) =>
        svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{x:0.#}\" y=\"{y:0.#}\" text-anchor=\"middle\" {more}>{SecurityElement.Escape(text)}</text>\n");
}
