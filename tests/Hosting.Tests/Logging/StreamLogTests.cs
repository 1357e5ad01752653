using System.IO.Pipes;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Softswitch.Hosting.Logging;
using Softswitch.Testing;

namespace Softswitch.Hosting.Tests.Logging;

/// <summary>The log of a running switch.</summary>
public sealed class StreamLogTests
{
    [Fact]
    public void A_line_has_time_level_and_what_happened()
    {
        string[] lines = Lines(LogFormat.Text, LogLevel.Information, log =>
        {
            HostLog.Port(log, "port 3: eth3: removed");
            HostLog.PortTrouble(log, "port 3: eth3: the interface is gone");
        });
        Assert.Matches(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info    port 3: eth3: removed$", lines[0]);
        Assert.EndsWith("Z warning port 3: eth3: the interface is gone", lines[1], StringComparison.Ordinal);
    }

    [Fact]
    public void Less_than_the_level_asked_for_is_not_shown()
    {
        string[] lines = Lines(LogFormat.Text, LogLevel.Warning, log =>
        {
            HostLog.News(log, "news");
            HostLog.Warn(log, "trouble");
        });
        Assert.EndsWith(" trouble", Assert.Single(lines), StringComparison.Ordinal);
    }

    [Fact]
    public void As_JSON_each_line_is_an_object_with_its_fields()
    {
        string line = Assert.Single(Lines(LogFormat.Json, LogLevel.Debug, log => HostLog.CommandRefused(log, "port \"del\" 7\n", "there is none")));
        JsonElement json = JsonDocument.Parse(line).RootElement;
        Assert.Equal("warning", json.GetProperty("level").GetString());
        Assert.Equal("CommandRefused", json.GetProperty("event").GetString());
        Assert.Equal("port \"del\" 7\n", json.GetProperty("request").GetString());
        Assert.Equal("there is none", json.GetProperty("reason").GetString());
        Assert.Equal("control socket: 'port \"del\" 7\n' refused: there is none", json.GetProperty("message").GetString());
    }

    [Fact]
    public void For_the_journal_a_line_begins_with_its_priority_and_has_no_time()
    {
        string[] lines = Lines(LogFormat.Journal, LogLevel.Debug, log =>
        {
            HostLog.News(log, "news");
            HostLog.Warn(log, "trouble");
            HostLog.Failed(log, "worker 0 failed");
        });
        Assert.Equal(["<6>news", "<4>trouble", "<2>worker 0 failed; the switch ends"], lines);
    }

    [Fact]
    public void What_a_stranger_wrote_stays_on_one_line()
    {
        Assert.EndsWith(" a ?[31mred?? b", Assert.Single(Lines(LogFormat.Text, LogLevel.Debug, log => HostLog.News(log, "a\n\e[31mred\0\b b"))), StringComparison.Ordinal);
    }

    [Fact]
    public void A_flood_of_equal_lines_is_folded_and_others_pass()
    {
        string[] lines = Lines(LogFormat.Journal, LogLevel.Debug, log =>
        {
            for (int i = 0; i < 1239; i++)
            {
                HostLog.Warn(log, "again");
                if (i % 1000 == 0)
                {
                    HostLog.Warn(log, $"another {i}");
                }
            }
        });
        Assert.Equal(FloodFilter.Few, lines.Count(line => line == "<4>again"));
        Assert.Equal(["<4>another 0", "<4>another 1000"], lines.Where(line => line.Contains("another", StringComparison.Ordinal)));
        Assert.Matches(@"^<4>\.\.\. 1234 more in \d+ s: again$", lines[^1]);
    }

    [Fact]
    public void A_folded_line_is_told_after_ten_seconds_and_shown_again_when_it_comes_again()
    {
        FloodFilter filter = new();
        DateTimeOffset start = DateTimeOffset.UnixEpoch;
        LogLine line = new(start, LogLevel.Warning, default, "again");
        int shown = Enumerable.Range(0, 20).Count(_ => filter.Admit(line));
        Assert.Equal(FloodFilter.Few, shown);
        Assert.Empty(filter.TakeFolded(start.AddSeconds(9)));
        Assert.Equal("... 15 more in 10 s: again", Assert.Single(filter.TakeFolded(start.AddSeconds(10))).Text);
        Assert.Empty(filter.TakeFolded(start.AddSeconds(30)));
        Assert.True(filter.Admit(line with { Time = start.AddSeconds(31) }));
    }

    [Fact]
    public void A_log_that_nobody_reads_holds_nobody_up_and_says_what_was_lost()
    {
        using AnonymousPipeServerStream pipe = new(PipeDirection.Out, HandleInheritability.None, bufferSize: 4096);
        using AnonymousPipeClientStream reader = new(PipeDirection.In, pipe.ClientSafePipeHandle);
        using StreamLog log = new(pipe, LogFormat.Journal, LogLevel.Debug, new TestTime());
        for (int i = 0; i < 20_000; i++)
        {
            HostLog.News(log, $"line {i}: {new string('x', 100)}"); // more than pipe and queue hold
        }
        using StreamReader text = new(reader);
        string? line;
        do
        {
            HostLog.News(log, "read again");
            line = text.ReadLine();
        }
        while (line?.Contains("lines of the log are lost", StringComparison.Ordinal) == false);
        Assert.Matches(@"^<4>\d+ lines of the log are lost: it was not read fast enough, or could not be written$", line);
    }

    private static string[] Lines(LogFormat format, LogLevel level, Action<ILogger> say)
    {
        MemoryStream stream = new();
        using (StreamLog log = new(stream, format, level, new TestTime()))
        {
            say(log);
        }
        return System.Text.Encoding.UTF8.GetString(stream.ToArray()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
