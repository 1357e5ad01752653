namespace Softswitch.Lab.Measures;

/// <summary>Frames of one kind that passed a <see cref="WireTap"/>, with when each did.</summary>
/// <param name="what">For people.</param>
internal sealed class FrameCount(string what, FrameFilter filter)
{
    private readonly Lock _lock = new();
    private readonly List<long> _times = [];

    public string What => what;

    public int Total
    {
        get
        {
            lock (_lock)
            {
                return _times.Count;
            }
        }
    }

    /// <summary>When each passed, so far.</summary>
    public IReadOnlyList<long> Times
    {
        get
        {
            lock (_lock)
            {
                return [.. _times];
            }
        }
    }

    /// <summary>How many passed later than this (Stopwatch.GetTimestamp).</summary>
    public int After(long when) => Between(when, long.MaxValue);

    /// <summary>How many passed later than the one and not later than the other.</summary>
    public int Between(long from, long to)
    {
        lock (_lock)
        {
            return _times.Count(time => time > from && time <= to);
        }
    }

    /// <summary>When the first passed later than this; null if none did.</summary>
    public long? FirstAfter(long when)
    {
        lock (_lock)
        {
            return _times.Where(time => time > when).Select(time => (long?)time).FirstOrDefault();
        }
    }

    /// <summary>Takes the frame if it is of this kind.</summary>
    public void Look(in FrameView frame)
    {
        if (filter(frame))
        {
            lock (_lock)
            {
                _times.Add(frame.Frame.Timestamp);
            }
        }
    }
}
