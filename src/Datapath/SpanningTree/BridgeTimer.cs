namespace Softswitch.Datapath.SpanningTree;

/// <summary>A timer of 802.1D-1998 §8.5.3: it counts up, and expires when it reaches a limit that may change meanwhile. Milliseconds.</summary>
internal struct BridgeTimer
{
    private long _startedAt;

    public bool IsRunning { get; private set; }

    /// <param name="age">What it counts from.</param>
    public void Start(long now, int age = 0)
    {
        IsRunning = true;
        _startedAt = now - age;
    }

    public void Stop() => IsRunning = false;

    public readonly int Value(long now) => (int)Math.Clamp(now - _startedAt, 0, int.MaxValue);

    /// <summary>Whether the limit is reached; the timer then stops.</summary>
    public bool TryExpire(long now, int limit)
    {
        if (!IsRunning || now - _startedAt < limit)
        {
            return false;
        }
        IsRunning = false;
        return true;
    }

    /// <summary>When it will expire; <see cref="long.MaxValue"/> if it does not run.</summary>
    public readonly long Deadline(int limit) => IsRunning ? _startedAt + limit : long.MaxValue;
}
