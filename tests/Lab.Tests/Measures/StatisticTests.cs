using Softswitch.Lab.Measures;

namespace Softswitch.Lab.Tests.Measures;

public sealed class StatisticTests
{
    /// <summary>Expected values are those of Python's statistics.quantiles with method="inclusive", which is numpy's default.</summary>
    [Theory]
    [InlineData(3.0, 3.0, 3.0, 3.0)]
    [InlineData(1.25, 1.5, 1.75, 1.0, 2.0)]
    [InlineData(1.75, 2.5, 3.25, 4.0, 1.0, 3.0, 2.0)]
    [InlineData(20.0, 35.0, 40.0, 15.0, 20.0, 35.0, 40.0, 50.0)]
    [InlineData(-0.25, 0.0, 2.5, -1.0, 0.0, 0.0, 10.0)]
    public void Quartiles_are_those_of_other_programs(double lower, double median, double upper, params double[] values) =>
        Assert.Equal((lower, median, upper), Statistic.Quartiles(values));

    /// <summary>With three values put evenly between each two neighbours, the quartiles are values themselves: a quarter of the way from the first to the last.</summary>
    [Fact]
    public void Quartiles_are_a_quarter_of_the_way_along_straight_lines()
    {
        var random = new Random(1);
        for (int count = 2; count < 40; count++)
        {
            double[] values = [.. Enumerable.Range(0, count).Select(_ => Math.Round(random.NextDouble() * 100, 3))];
            double[] sorted = [.. values.Order()];
            double[] finer = [.. sorted.Zip(sorted.Skip(1)).SelectMany(pair => Enumerable.Range(0, 4).Select(i => pair.First + ((pair.Second - pair.First) * i / 4))), sorted[^1]];
            (double lower, double median, double upper) = Statistic.Quartiles(values);
            Assert.Equal(finer[count - 1], lower, 9);
            Assert.Equal(finer[2 * (count - 1)], median, 9);
            Assert.Equal(finer[3 * (count - 1)], upper, 9);
            Assert.Equal(Statistic.Median(values), median, 9);
        }
    }
}
