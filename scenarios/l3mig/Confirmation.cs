using System.Diagnostics;

namespace Softswitch.Scenarios.L3Mig;

/// <summary>Whether every switch has confirmed what it was asked for, by a barrier. Threads: any.</summary>
/// <param name="orderedAt">When that began (Stopwatch.GetTimestamp).</param>
internal sealed class Confirmation(long orderedAt)
{
    private long _doneAt;

    public bool IsDone => DoneAt != null;

    /// <summary>When the last answered (Stopwatch.GetTimestamp); null before.</summary>
    public long? DoneAt => Volatile.Read(ref _doneAt) is long when and not 0 ? when : null;

    /// <summary>From the order to the last answer.</summary>
    /// <exception cref="InvalidOperationException">It has not come.</exception>
    public TimeSpan Took => Stopwatch.GetElapsedTime(orderedAt, DoneAt ?? throw new InvalidOperationException("not confirmed yet"));

    public void Complete(long when) => Volatile.Write(ref _doneAt, when);
}
