using Softswitch.Bench.Sides;
using Softswitch.Testing;

namespace Softswitch.Bench.Tests;

/// <summary>What a benchmark says while it runs, and how often.</summary>
public sealed class BenchProgressTests : IDisposable
{
    private static readonly BenchPlan Plan = new("ten rows", 60, "more on a bad day");

    private readonly TestTime _clock = new();
    private readonly StringWriter _output = new();

    private string[] Lines => _output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);

    public void Dispose() => _output.Dispose();

    [Fact]
    public void The_first_line_says_what_is_measured_and_how_long_that_takes()
    {
        using BenchProgress progress = Make(isTerminal: false);
        Assert.Equal(["rows: ten rows; about 60 s, more on a bad day"], Lines);
    }

    [Fact]
    public void In_a_pipe_there_is_a_line_every_five_seconds_at_most_and_it_is_the_latest()
    {
        using BenchProgress progress = Make(isTerminal: false);
        for (int row = 1; row <= 120; row++)
        {
            _clock.Advance(TimeSpan.FromSeconds(0.1));
            progress.Say($"row {row}");
        }
        Assert.Equal(["rows, 5 s of about 60 s: row 49", "rows, 10 s of about 60 s: row 99"], Lines[1..]);
    }

    [Fact]
    public void In_a_pipe_it_is_never_silent_for_long()
    {
        using BenchProgress progress = Make(isTerminal: false);
        progress.Say("a long row");
        _clock.Advance(TimeSpan.FromSeconds(60));
        Assert.Equal(
            [
                "rows, 5 s of about 60 s: a long row", "rows, 20 s of about 60 s: a long row", "rows, 35 s of about 60 s: a long row",
                "rows, 50 s of about 60 s: a long row",
            ],
            Lines[1..]);
    }

    [Fact]
    public void Beyond_the_time_it_gave_it_names_none()
    {
        using BenchProgress progress = Make(isTerminal: false);
        _clock.Advance(TimeSpan.FromSeconds(61));
        progress.Say("the last row");
        _clock.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal("rows, 65 s: the last row", Lines[^1]);
    }

    [Fact]
    public void On_a_terminal_one_line_is_written_anew_and_nothing_of_it_stays()
    {
        BenchProgress progress = Make(isTerminal: true);
        _clock.Advance(TimeSpan.FromSeconds(1));
        progress.Say("row 1");
        progress.Say("too soon to be seen");
        _clock.Advance(TimeSpan.FromSeconds(1));
        progress.Say("row 2");
        progress.Dispose();
        Assert.Equal("\rrows, 1 s of about 60 s: row 1\e[K\rrows, 2 s of about 60 s: row 2\e[K\r\e[K", Lines[^1]);
    }

    [Fact]
    public void Nobody_who_reads_it_is_no_reason_to_end()
    {
        using var progress = new BenchProgress("rows", Plan, new BrokenWriter(), isTerminal: false, _clock);
        _clock.Advance(TimeSpan.FromSeconds(5));
        progress.Say("row 1");
    }

    [Theory]
    [InlineData(0.1, "1 s")]
    [InlineData(6.4, "6 s")]
    [InlineData(33, "35 s")]
    [InlineData(119, "120 s")]
    [InlineData(250, "4 min")]
    [InlineData(10_700, "3 h")]
    public void A_time_is_not_more_exact_than_it_is(double seconds, string text) => Assert.Equal(text, BenchPlan.Text(seconds));

    private BenchProgress Make(bool isTerminal) => new("rows", Plan, _output, isTerminal, _clock);

    private sealed class BrokenWriter : StringWriter
    {
        public override void Write(string? value) => throw new IOException("Broken pipe");
    }
}
