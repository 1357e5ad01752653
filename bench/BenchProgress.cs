using Softswitch.Bench.Sides;
using Softswitch.Ports.Linux.Files;

namespace Softswitch.Bench;

/// <summary>Says where a benchmark is, on standard error: on a terminal in a line that is written anew, else in a line now and then.</summary>
/// <remarks>
/// The first line says what is measured and how long that takes. Threads: any; a timer of its own, which wakes a few times a minute, repeats the last
/// word where nothing new is said.
/// </remarks>
internal sealed class BenchProgress : IDisposable
{
    // Between two lines where each stays, and how long it may be silent there.
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(15);

    // Between two states of the line that is written anew.
    private static readonly TimeSpan Frame = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(5);

    private const string ClearToEnd = "\e[K";
    private const int UsualColumns = 80;

    private readonly Lock _lock = new();
    private readonly string _name;
    private readonly double _expected;
    private readonly TextWriter _output;
    private readonly bool _isTerminal;
    private readonly TimeProvider _clock;
    private readonly long _began;
    private readonly ITimer _timer;
    private string _text = "starting";
    private long _written;
    private bool _isNew;
    private bool _isOver;

    /// <param name="name">Of the benchmark; each line begins with it.</param>
    /// <param name="output">Not written any more after a failure: a benchmark goes on when its terminal is gone.</param>
    public BenchProgress(string name, BenchPlan plan, TextWriter output, bool isTerminal, TimeProvider clock)
    {
        (_name, _expected, _output, _isTerminal, _clock) = (name, plan.Seconds, output, isTerminal, clock);
        _began = _written = clock.GetTimestamp();
        Write($"{name}: {plan.What}; {plan.Duration}{(plan.Unknown is { } unknown ? $", {unknown}" : string.Empty)}\n");
        _timer = clock.CreateTimer(_ => Repeat(), null, Tick, Tick);
    }

    public static BenchProgress OnStandardError(string name, BenchPlan plan) => new(
        name, plan, StandardStream.Writer(StandardStream.Error),
        !Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") is not (null or "" or "dumb"), TimeProvider.System);

    /// <summary>Says where it is. Cheap enough for every slice; not for every flow.</summary>
    public void Say(string text)
    {
        lock (_lock)
        {
            _text = text;
            _isNew = true;
            if (_clock.GetElapsedTime(_written) >= (_isTerminal ? Frame : Pause))
            {
                Show();
            }
        }
    }

    /// <summary>A line that stays.</summary>
    public void Note(string text)
    {
        lock (_lock)
        {
            Write($"{(_isTerminal ? $"\r{ClearToEnd}" : string.Empty)}{_name}: {text}\n");
        }
    }

    public void Dispose()
    {
        _timer.Dispose();
        lock (_lock)
        {
            if (_isTerminal)
            {
                Write($"\r{ClearToEnd}");
            }
            _isOver = true;
        }
    }

    private void Repeat()
    {
        lock (_lock)
        {
            TimeSpan silent = _clock.GetElapsedTime(_written);
            if (_isTerminal || silent >= Silence || (_isNew && silent >= Pause))
            {
                Show();
            }
        }
    }

    private void Show()
    {
        _isNew = false;
        _written = _clock.GetTimestamp();
        double elapsed = _clock.GetElapsedTime(_began).TotalSeconds;
        // After the expected time the rest is unknown.
        string of = elapsed <= _expected ? $" of about {BenchPlan.Text(_expected)}" : string.Empty;
        string line = $"{_name}, {BenchPlan.Text(elapsed)}{of}: {_text}";
        Write(_isTerminal ? $"\r{(line.Length < Columns ? line : line[..(Columns - 1)])}{ClearToEnd}" : $"{line}\n");
    }

    private static int Columns
    {
        get
        {
            try
            {
                return Console.WindowWidth > 1 ? Console.WindowWidth : UsualColumns;
            }
            catch (IOException)
            {
                return UsualColumns;
            }
        }
    }

    private void Write(string text)
    {
        if (_isOver)
        {
            return;
        }
        try
        {
            _output.Write(text);
            _output.Flush();
        }
        catch (IOException)
        {
            _isOver = true;
        }
    }
}
