namespace Softswitch.Scenarios.L3Mig;

/// <summary>Whether every switch has confirmed what it was asked for, by a barrier. Threads: any.</summary>
internal sealed class Confirmation
{
    private long _doneAt;

    public bool IsDone => DoneAt != null;

    /// <summary>When the last answered (Stopwatch.GetTimestamp); null before.</summary>
    public long? DoneAt => Volatile.Read(ref _doneAt) is long when and not 0 ? when : null;

    public void Complete(long when) => Volatile.Write(ref _doneAt, when);
}
