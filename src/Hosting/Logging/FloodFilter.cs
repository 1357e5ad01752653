using Microsoft.Extensions.Logging;
using Softswitch.OfAgent.Agent;

namespace Softswitch.Hosting.Logging;

/// <summary>
/// Folds a flood of lines of one kind: of each the first few within some seconds pass, the others are counted, and one line tells how
/// many there were. Equal lines are of one kind, and so is what befalls the peers of one listener.
/// </summary>
/// <remarks>A clock that is set back ends what it was waited for. Bounded: where too many different lines come at once, what is not remembered passes. Threads: one.</remarks>
internal sealed class FloodFilter
{
    public const int Few = 5;
    private const int MostRemembered = 256;
    private static readonly TimeSpan s_window = TimeSpan.FromSeconds(10);

    private readonly Dictionary<(LogLevel, string?, string), Tally> _seen = [];
    private DateTimeOffset _lookAgainAt = DateTimeOffset.MaxValue;

    /// <summary>Whether a line is to be shown.</summary>
    public bool Admit(in LogLine line)
    {
        (LogLevel, string?, string) key = (line.Level, line.Switch, KindOf(line));
        if (_seen.TryGetValue(key, out Tally tally))
        {
            _seen[key] = tally with { Count = tally.Count + 1 };
            return tally.Count < Few;
        }
        if (_seen.Count < MostRemembered)
        {
            _seen[key] = new Tally(line, 1);
            _lookAgainAt = Min(_lookAgainAt, line.Time + s_window);
        }
        return true;
    }

    /// <summary>What there is to say of lines whose time is over.</summary>
    /// <param name="all">Whether to say it of all, because this is the end.</param>
    public IEnumerable<LogLine> TakeFolded(DateTimeOffset now, bool all = false)
    {
        if (IsWaitedFor(_lookAgainAt, now) && !all)
        {
            yield break;
        }
        _lookAgainAt = DateTimeOffset.MaxValue;
        foreach (((LogLevel, string?, string) key, Tally tally) in _seen.ToArray())
        {
            if (IsWaitedFor(tally.First.Time + s_window, now) && !all)
            {
                _lookAgainAt = Min(_lookAgainAt, tally.First.Time + s_window);
                continue;
            }
            _seen.Remove(key);
            if (tally.Count > Few)
            {
                string like = key.Item3 == tally.First.Text ? string.Empty : ", such as";
                double seconds = Math.Max((now - tally.First.Time).TotalSeconds, 0);
                string text = $"... {tally.Count - Few} more in {seconds:0} s{like}: {tally.First.Text}";
                yield return tally.First with { Time = now, Text = text, Fields = null };
            }
        }
    }

    /// <summary>The text; for a listener's peer, whose address and words are its own, the event and the listener.</summary>
    private static string KindOf(in LogLine line)
    {
        foreach ((_, object? value) in line.Fields ?? [])
        {
            if (value is ConnectionName { Peer: not null } connection)
            {
                return $"{line.Event.Id} {connection.Target}";
            }
        }
        return line.Text;
    }

    /// <summary>Whether a time is still to come: within the window, as it was when it was set.</summary>
    private static bool IsWaitedFor(DateTimeOffset time, DateTimeOffset now) => now < time && now >= time - s_window;

    private static DateTimeOffset Min(DateTimeOffset one, DateTimeOffset other) => one < other ? one : other;

    /// <param name="Count">The first among them.</param>
    private readonly record struct Tally(LogLine First, int Count);
}
