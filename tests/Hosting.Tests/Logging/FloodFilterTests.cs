using Microsoft.Extensions.Logging;
using Softswitch.Hosting.Logging;

namespace Softswitch.Hosting.Tests.Logging;

/// <summary>Floods of equal lines are folded, whatever becomes of the clock.</summary>
public sealed class FloodFilterTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(20)] // the window is over
    [InlineData(-3600)] // the clock was set back
    [InlineData(86400 * 365)]
    public void A_clock_that_jumps_ends_the_window_and_the_line_is_shown_again(int seconds)
    {
        FloodFilter sut = new();
        for (int i = 0; i < FloodFilter.Few + 3; i++)
        {
            Assert.Equal(i < FloodFilter.Few, sut.Admit(Line(Start)));
        }
        Assert.Empty(sut.TakeFolded(Start + TimeSpan.FromSeconds(1)));
        DateTimeOffset then = Start + TimeSpan.FromSeconds(seconds);
        LogLine folded = Assert.Single(sut.TakeFolded(then));
        Assert.Equal($"... 3 more in {Math.Max(seconds, 0)} s: port 3: no room", folded.Text);
        Assert.True(sut.Admit(Line(then)));
        Assert.Empty(sut.TakeFolded(then));
    }

    private static LogLine Line(DateTimeOffset time) => new(time, LogLevel.Warning, default, "port 3: no room");
}
