using Softswitch.Lab.Charts;

namespace Softswitch.Lab.Tests.Charts;

public sealed class AxisScaleTests
{
    [Fact]
    public void A_linear_axis_begins_at_zero_and_ends_at_a_round_value()
    {
        var scale = AxisScale.For(new Axis("rate (Mpps)"), [17.3, 43.8]);
        Assert.Equal([0, 10, 20, 30, 40, 50], scale.Ticks);
        Assert.Equal(0, scale.Place(0));
        Assert.Equal(0.5, scale.Place(25), 9);
        Assert.Equal(1, scale.Place(50));
    }

    [Theory]
    [InlineData(0.031, 0.01, 4)]
    [InlineData(9.9, 2, 5)]
    [InlineData(1_234_567, 500_000, 3)]
    public void Steps_are_one_two_or_five_times_a_power_of_ten(double most, double step, int count)
    {
        var scale = AxisScale.For(new Axis("x"), [most]);
        Assert.Equal(count + 1, scale.Ticks.Count);
        Assert.Equal(step, scale.Ticks[1], 9);
        Assert.True(scale.Ticks[^1] >= most);
    }

    [Fact]
    public void A_logarithmic_axis_has_whole_decades()
    {
        var scale = AxisScale.For(new Axis("flows", IsLog: true), [64, 1_000_000]);
        Assert.Equal([10, 100, 1000, 10_000, 100_000, 1_000_000], scale.Ticks);
        Assert.Equal(0, scale.Place(10));
        Assert.Equal(0.4, scale.Place(1000), 9);
        Assert.Equal(8 * 5, scale.MinorTicks.Count);
    }

    [Fact]
    public void Values_without_a_place_on_a_logarithmic_axis_do_not_stretch_it()
    {
        var scale = AxisScale.For(new Axis("time", IsLog: true), [0, -3, double.NaN, double.PositiveInfinity, 5]);
        Assert.Equal([1, 10], scale.Ticks);
    }

    [Fact]
    public void An_axis_reaches_what_it_shall_and_further_if_the_data_do()
    {
        var axis = new Axis("kept", Unit: AxisUnit.Percent, Through: 1);
        Assert.Equal(1, AxisScale.For(axis, [0.4]).Ticks[^1], 9);
        Assert.True(AxisScale.For(axis, [1.09]).Ticks[^1] >= 1.09);
    }

    [Theory]
    [InlineData(AxisUnit.Number, 0, "0")]
    [InlineData(AxisUnit.Number, 999, "999")]
    [InlineData(AxisUnit.Number, 1000, "1 k")]
    [InlineData(AxisUnit.Number, 10_000, "10 k")]
    [InlineData(AxisUnit.Number, 1_500_000, "1.5 M")]
    [InlineData(AxisUnit.Number, 0.2, "0.2")]
    [InlineData(AxisUnit.Percent, 1, "100 %")]
    [InlineData(AxisUnit.Percent, 0.00001, "0.001 %")]
    internal void Labels_are_short(AxisUnit unit, double value, string label) =>
        Assert.Equal(label, AxisScale.For(new Axis("x", Unit: unit), [1]).LabelOf(value));

    [Fact]
    public void A_linear_axis_with_values_below_zero_has_zero_on_it()
    {
        var scale = AxisScale.For(new Axis("change"), [-12, 30]);
        Assert.Equal([-20, -10, 0, 10, 20, 30], scale.Ticks);
        Assert.Equal("-20", scale.LabelOf(-20));
        Assert.Equal("-2 k", scale.LabelOf(-2000));
        Assert.Equal([-4, -3, -2, -1, 0], AxisScale.For(new Axis("change"), [-4]).Ticks);
    }

    [Fact]
    public void Where_all_is_zero_an_axis_ends_at_one() => Assert.Equal(1, AxisScale.For(new Axis("lost"), [0, 0]).Ticks[^1], 9);

    [Fact]
    public void Words_stand_at_equal_distances_inside_the_axis()
    {
        var scale = AxisScale.For(new Axis("backend") { Words = ["packet", "xdp", "tap"] }, [0, 2]);
        Assert.Equal(["packet", "xdp", "tap"], scale.Ticks.Select(scale.LabelOf));
        Assert.Equal(1 / 6.0, scale.Place(0), 9);
        Assert.Equal(0.5, scale.Place(1), 9);
    }

    [Fact]
    public void Without_data_there_is_an_axis_all_the_same()
    {
        Assert.Equal([1, 10], AxisScale.For(new Axis("x", IsLog: true), []).Ticks);
        Assert.Equal(0, AxisScale.For(new Axis("x"), []).Ticks[0]);
    }
}
