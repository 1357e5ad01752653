namespace Softswitch.Scenarios.Report;

/// <summary>A rectangle by its upper left corner.</summary>
internal readonly record struct Box(double X, double Y, double Width, double Height)
{
    public bool Meets(Box other) => X < other.X + other.Width && other.X < X + Width && Y < other.Y + other.Height && other.Y < Y + Height;

    /// <summary>Whether a straight line from one point to another passes through (Liang and Barsky).</summary>
    public bool Meets((double X, double Y) from, (double X, double Y) to)
    {
        (double enter, double leave) = (0, 1);
        return Clip(to.X - from.X, X - from.X, X + Width - from.X, ref enter, ref leave) && Clip(to.Y - from.Y, Y - from.Y, Y + Height - from.Y, ref enter, ref leave);
    }

    private static bool Clip(double way, double low, double high, ref double enter, ref double leave)
    {
        if (Math.Abs(way) < 1e-9)
        {
            return low <= 0 && high >= 0;
        }
        enter = Math.Max(enter, Math.Min(low / way, high / way));
        leave = Math.Min(leave, Math.Max(low / way, high / way));
        return enter <= leave;
    }
}

/// <summary>Finds places for labels at cables' ends where they cover neither a node nor a cable nor each other.</summary>
internal sealed class LabelPlaces(IReadOnlyList<Box> nodes, IReadOnlyList<((double X, double Y) From, (double X, double Y) To)> cables, double width, double height)
{
    // Of the font the labels are written in.
    private const double CharacterWidth = 5.8;
    private const double TextHeight = 12;

    private const double Gap = 3;
    private const double Step = 4;

    private readonly List<Box> _taken = [];

    /// <summary>The place closest to the node at <paramref name="from"/>, on either side of its cable; where all is covered, the one that is least so.</summary>
    /// <param name="nodeWidth">Of the node's box, around <paramref name="from"/>.</param>
    /// <param name="nodeHeight">The same.</param>
    /// <param name="length">Characters.</param>
    public Box Take((double X, double Y) from, (double X, double Y) to, double nodeWidth, double nodeHeight, int length)
    {
        (double x, double y) = (to.X - from.X, to.Y - from.Y);
        double distance = Math.Max(1, Math.Sqrt((x * x) + (y * y)));
        (double along, double down) = (x / distance, y / distance);
        double half = length * CharacterWidth / 2;
        // From the cable to the label's middle, so that its nearest corner keeps the gap.
        double aside = (Math.Abs(down) * half) + (Math.Abs(along) * TextHeight / 2) + Gap;
        double edge = Math.Min(nodeWidth / 2 / Math.Max(Math.Abs(along), 1e-9), nodeHeight / 2 / Math.Max(Math.Abs(down), 1e-9));
        (Box Place, int Covered) best = (default, int.MaxValue);
        for (double at = edge; at < distance * 0.6 && best.Covered > 0; at += Step)
        {
            foreach (int side in (ReadOnlySpan<int>)[-1, 1])
            {
                (double middleX, double middleY) = (from.X + (along * at) - (down * aside * side), from.Y + (down * at) + (along * aside * side));
                var place = new Box(middleX - half, middleY - (TextHeight / 2), 2 * half, TextHeight);
                int covered = Covered(place);
                if (covered < best.Covered)
                {
                    best = (place, covered);
                }
            }
        }
        _taken.Add(best.Place);
        return best.Place;
    }

    private int Covered(Box place)
    {
        bool isOutside = place.X < 0 || place.Y < 0 || place.X + place.Width > width || place.Y + place.Height > height;
        return nodes.Concat(_taken).Count(place.Meets) + cables.Count(cable => place.Meets(cable.From, cable.To)) + (isOutside ? 1 : 0);
    }
}
