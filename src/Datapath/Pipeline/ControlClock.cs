namespace Softswitch.Datapath.Pipeline;

/// <summary>Time since the datapath was made, from a provider that tests can steer. Monotonic. Any thread.</summary>
internal sealed class ControlClock
{
    private readonly TimeProvider _provider;
    private readonly long _start;
    private readonly double _ticksPerUnit;

    public ControlClock(TimeProvider provider)
    {
        _provider = provider;
        _start = provider.GetTimestamp();
        _ticksPerUnit = (double)TimeSpan.TicksPerSecond / provider.TimestampFrequency;
    }

    public TimeProvider Provider => _provider;

    /// <summary>Ticks of 100 ns.</summary>
    public long Ticks => (long)((_provider.GetTimestamp() - _start) * _ticksPerUnit);

    public long Milliseconds => Ticks / TimeSpan.TicksPerMillisecond;

    /// <summary>A worker's 32-bit millisecond stamp as the full time it was taken at, given a present less than 24 days later.</summary>
    public static long Widen(uint stamp, long now)
    {
        int age = (int)((uint)now - stamp);
        return now - Math.Max(age, 0);
    }
}
