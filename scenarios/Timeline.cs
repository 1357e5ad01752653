using System.Diagnostics;

namespace Softswitch.Scenarios;

/// <summary>An event of a scenario.</summary>
/// <param name="When">Stopwatch.GetTimestamp.</param>
internal sealed record TimelineEvent(long When, string What);

/// <summary>What happened and when. Threads: any.</summary>
internal sealed class Timeline
{
    private readonly Lock _lock = new();
    private readonly List<TimelineEvent> _events = [];

    /// <summary>What times are shown since.</summary>
    public long Start { get; } = Stopwatch.GetTimestamp();

    /// <summary>In the order of time.</summary>
    public IReadOnlyList<TimelineEvent> Events
    {
        get
        {
            lock (_lock)
            {
                return [.. _events.OrderBy(one => one.When)];
            }
        }
    }

    /// <param name="when">Null for now.</param>
    /// <returns>When it was.</returns>
    public long Add(string what, long? when = null)
    {
        long time = when ?? Stopwatch.GetTimestamp();
        lock (_lock)
        {
            _events.Add(new TimelineEvent(time, what));
        }
        return time;
    }

    public double SecondsAt(long when) => (when - Start) / (double)Stopwatch.Frequency;
}
