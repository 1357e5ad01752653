using Softswitch.Lab.Measures;

namespace Softswitch.Lab.Tests.Measures;

public sealed class HistogramTests
{
    [Fact]
    public void A_tail_falls_from_all_to_the_last_one()
    {
        var histogram = new Histogram();
        for (int i = 1; i <= 1000; i++)
        {
            histogram.Record(1000 * i);
        }
        (double Share, double Microseconds)[] tail = [.. histogram.ToTail().Select(pair => (pair![0]!.GetValue<double>(), pair[1]!.GetValue<double>()))];
        Assert.Equal([1, 0.5, 0.25, 0.1, 0.05, 0.025, 0.01, 0.005, 0.0025, 0.001], tail.Select(point => Math.Round(point.Share, 6)));
        Assert.Equal(tail.OrderBy(point => point.Microseconds), tail);
        Assert.InRange(tail[3].Microseconds, 900, 960); // a bucket is a sixteenth of a power of two wide
        Assert.InRange(tail[^1].Microseconds, 999, 1000);
    }

    [Fact]
    public void An_empty_histogram_has_no_tail() => Assert.Empty(new Histogram().ToTail());
}
