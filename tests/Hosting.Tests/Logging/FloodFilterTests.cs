using Microsoft.Extensions.Logging;
using Softswitch.Hosting.Logging;
using Softswitch.OfAgent.Agent;
using Softswitch.OfAgent.Connections;

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

    [Fact]
    public void Strangers_at_a_listener_are_folded_whatever_they_say_and_hide_no_other_event_or_listener()
    {
        FloodFilter sut = new();
        const int ended = 109;
        for (int i = 0; i < 100; i++)
        {
            Assert.Equal(i < FloodFilter.Few, sut.Admit(Stranger("ptcp:6653", ended, i)));
        }
        Assert.True(sut.Admit(Stranger("ptcp:6654", ended, 1)));
        Assert.True(sut.Admit(Stranger("ptcp:6653", ended - 1, 1)));
        LogLine folded = Assert.Single(sut.TakeFolded(Start + TimeSpan.FromSeconds(10)));
        Assert.Equal("... 95 more in 10 s, such as: ptcp:6653 from 192.0.2.0: closed: garbage 0", folded.Text);

        static LogLine Stranger(ConnectionTarget listener, int id, int number)
        {
            ConnectionName name = new(listener, $"192.0.2.{number}");
            return new(Start, LogLevel.Information, new EventId(id), $"{name}: closed: garbage {number}", [new("Connection", name)]);
        }
    }

    private static LogLine Line(DateTimeOffset time) => new(time, LogLevel.Warning, default, "port 3: no room");
}
