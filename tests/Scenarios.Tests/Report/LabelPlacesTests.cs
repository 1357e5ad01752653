using Softswitch.Scenarios.Report;

namespace Softswitch.Scenarios.Tests.Report;

/// <summary>Labels of a drawing, on grids with cables as made-up as those of the scenarios, and looked at with points along each cable.</summary>
public sealed class LabelPlacesTests
{
    private const double NodeWidth = 116;
    private const double NodeHeight = 44;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void They_cover_neither_nodes_nor_cables_nor_each_other(int seed)
    {
        var random = new Random(seed);
        (double X, double Y)[] middles = [.. Enumerable.Range(0, 12).Select(i => (75 + (210.0 * (i % 4)), 75 + (120.0 * (i / 4))))];
        // Neighbours, diagonals too: of a longer cable the nodes between would cover the labels.
        ((double X, double Y) From, (double X, double Y) To)[] cables =
        [
            .. from a in Enumerable.Range(0, 12) from b in Enumerable.Range(a + 1, 11 - a)
               where Math.Abs((a % 4) - (b % 4)) <= 1 && Math.Abs((a / 4) - (b / 4)) <= 1 && random.Next(3) > 0
               select (middles[a], middles[b]),
        ];
        Box[] nodes = [.. middles.Select(at => new Box(at.X - (NodeWidth / 2), at.Y - (NodeHeight / 2), NodeWidth, NodeHeight))];
        var places = new LabelPlaces(nodes, cables, 780, 390);
        Box[] labels = [.. cables.SelectMany(cable => (Box[])
            [places.Take(cable.From, cable.To, NodeWidth, NodeHeight, random.Next(1, 3)), places.Take(cable.To, cable.From, NodeWidth, NodeHeight, random.Next(1, 3))])];
        Assert.All(labels, label =>
        {
            Assert.DoesNotContain(nodes, node => Overlap(label, node));
            Assert.DoesNotContain(labels, other => other != label && Overlap(label, other));
            Assert.DoesNotContain(cables, cable => Enumerable.Range(0, 1001).Any(i => Holds(label, cable.From.X + ((cable.To.X - cable.From.X) * i / 1000), cable.From.Y + ((cable.To.Y - cable.From.Y) * i / 1000))));
        });
    }

    [Fact]
    public void One_stands_beside_the_end_it_is_about()
    {
        var places = new LabelPlaces([], [((0, 50), (400, 50))], 400, 100);
        Box label = places.Take((0, 50), (400, 50), 100, 40, 4);
        Assert.InRange(label.X, 0, 100);
        Assert.True(label.Y + label.Height < 50 || label.Y > 50);
    }

    private static bool Overlap(Box a, Box b) => a.X < b.X + b.Width && b.X < a.X + a.Width && a.Y < b.Y + b.Height && b.Y < a.Y + a.Height;

    private static bool Holds(Box box, double x, double y) => x > box.X && x < box.X + box.Width && y > box.Y && y < box.Y + box.Height;
}
