using System.Text;
using Microsoft.Extensions.Logging;
using Softswitch.Ports.Linux.Files;

namespace Softswitch.Hosting.Logging;

/// <summary>A log that is written to a stream by a thread of its own, so that nobody waits for whoever reads it.</summary>
/// <remarks>
/// Lines wait in a queue of bounded length; what does not fit is lost, and the next line that does says how many. Disposing writes what
/// waits, if somebody reads.
/// Threads: any.
/// </remarks>
internal sealed class StreamLog : ILogger, IDisposable
{
    private const int Length = 4096;
    private const int LookMilliseconds = 1000;

    private static readonly TimeSpan s_endPatience = TimeSpan.FromSeconds(1);

    private readonly Stream _stream;
    private readonly bool _isJournal;
    private volatile LogFormat _format;
    private volatile LogLevel _level;
    private readonly TimeProvider _time;
    private readonly FloodFilter _flood = new();
    private readonly Queue<LogLine> _lines = new();
    private readonly Thread _writer;
    private int _lost;
    private bool _isEnding;

    /// <param name="stream">Where lines go; the log's from now on.</param>
    /// <param name="level">The least that is shown.</param>
    /// <param name="isJournal">Whether journald reads the stream: text is in its form then.</param>
    public StreamLog(Stream stream, LogFormat format, LogLevel level, TimeProvider time, bool isJournal = false)
    {
        (_stream, _time, _isJournal) = (stream, time, isJournal);
        Show(format, level);
        _writer = new Thread(Write) { Name = "log", IsBackground = true };
        _writer.Start();
    }

    /// <summary>The log of a program: standard error. As text it is journald's where the journal reads it.</summary>
    public static StreamLog ToStandardError(LogFormat format, LogLevel level) =>
        new(StandardStream.IsGiven(StandardStream.Error) ? Console.OpenStandardError() : Stream.Null, format, level, TimeProvider.System, IsJournal());

    /// <summary>Other lines and another level from now on; what waits to be written has the new form, too.</summary>
    public void Show(LogFormat format, LogLevel level)
    {
        _format = _isJournal && format == LogFormat.Text ? LogFormat.Journal : format;
        _level = level;
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= _level && logLevel != LogLevel.None;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
        Func<TState, Exception?, string> formatter)
    {
        if (!IsEnabled(logLevel))
        {
            return;
        }
        LogLine line = state is SwitchLogState named
            ? new(_time.GetUtcNow(), logLevel, eventId, named.Text, named.Fields, named.Switch)
            : new(_time.GetUtcNow(), logLevel, eventId, formatter(state, exception), state as IReadOnlyList<KeyValuePair<string, object?>>);
        lock (_lines)
        {
            if (_lines.Count < Length)
            {
                _lines.Enqueue(line);
                Monitor.Pulse(_lines);
            }
            else
            {
                _lost++;
            }
        }
    }

    public void Dispose()
    {
        lock (_lines)
        {
            _isEnding = true;
            Monitor.Pulse(_lines);
        }
        if (_writer.Join(s_endPatience))
        {
            _stream.Dispose();
        }
    }

    /// <summary>Whether standard error is a stream of the journal, by the inode that systemd.exec(5) gives.</summary>
    private static bool IsJournal()
    {
        string[] stream = Environment.GetEnvironmentVariable("JOURNAL_STREAM")?.Split(':') ?? [];
        try
        {
            return stream.Length == 2 && new FileInfo("/proc/self/fd/2").LinkTarget == $"socket:[{stream[1]}]";
        }
        catch (IOException)
        {
            return false;
        }
    }

    private void Write()
    {
        bool isOver = false;
        List<LogLine> taken = [];
        while (!isOver)
        {
            int lost;
            lock (_lines)
            {
                if (_lines.Count == 0 && !_isEnding)
                {
                    Monitor.Wait(_lines, LookMilliseconds);
                }
                taken.AddRange(_lines);
                _lines.Clear();
                (lost, _lost) = (_lost, 0);
                isOver = _isEnding;
            }
            Write(taken, lost, isOver);
            taken.Clear();
        }
    }

    private void Write(List<LogLine> lines, int lost, bool isEnd)
    {
        StringBuilder text = new();
        foreach (LogLine line in lines)
        {
            if (_flood.Admit(line))
            {
                text.Append(line.Format(_format));
            }
        }
        DateTimeOffset now = _time.GetUtcNow();
        foreach (LogLine folded in _flood.TakeFolded(now, isEnd))
        {
            text.Append(folded.Format(_format));
        }
        if (lost > 0)
        {
            string news = $"{lost} lines of the log are lost: it was not read fast enough, or could not be written";
            text.Append(new LogLine(now, LogLevel.Warning, new EventId(0, "Lost"), news).Format(_format));
        }
        try
        {
            if (text.Length > 0)
            {
                _stream.Write(Encoding.UTF8.GetBytes(text.ToString()));
                _stream.Flush();
            }
        }
        catch (IOException)
        {
            // Whoever read it is gone, as with a terminal that hung up, or the disk is full; the switch goes on.
            lock (_lines)
            {
                _lost += lines.Count + lost;
            }
        }
    }
}
