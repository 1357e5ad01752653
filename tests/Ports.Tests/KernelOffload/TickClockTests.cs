using Softswitch.Ports.KernelOffload;

namespace Softswitch.Ports.Tests.KernelOffload;

public sealed class TickClockTests
{
    private readonly TickClock _sut = new();

    [Fact]
    public void A_stamp_of_the_present_tick_may_be_from_just_now()
    {
        _sut.Advance(1000);
        uint stamp = _sut.Tick;
        Assert.False(_sut.Advance(1050));
        Assert.Equal(1050, _sut.EndOf(stamp));
    }

    [Fact]
    public void An_older_stamp_counts_until_the_next_tick_began_however_late_that_was()
    {
        _sut.Advance(1000);
        uint stamp = _sut.Tick;
        Assert.True(_sut.Advance(9000)); // nobody came for long
        _sut.Advance(9100);
        Assert.Equal(9000, _sut.EndOf(stamp));
    }

    [Fact]
    public void A_stamp_from_before_all_that_is_kept_counts_as_the_oldest()
    {
        _sut.Advance(1000);
        uint stamp = _sut.Tick;
        const int ticks = 1_200_000;
        for (int i = 1; i <= ticks; i++)
        {
            _sut.Advance(1000 + ((long)i * TickClock.Interval));
        }
        long age = (long)ticks * TickClock.Interval - _sut.EndOf(stamp);
        long oldest = _sut.EndOf(stamp);
        Assert.True(age > 65_535_000, "longer ago than any entry may idle");
        Assert.Equal(oldest, _sut.EndOf(stamp + 100));
    }

    [Fact]
    public void No_tick_is_that_of_an_unused_entry() => Assert.NotEqual(0u, _sut.Tick);
}
