namespace Softswitch.Testing;

/// <summary>A clock that stands still until the test moves it.</summary>
internal sealed class TestTime : TimeProvider
{
    // Not 0: a stamp of 0 must not look like "never".
    private long _ticks = TimeSpan.TicksPerHour;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Volatile.Read(ref _ticks);

    public override DateTimeOffset GetUtcNow() => new(new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc).AddTicks(GetTimestamp()));

    public void Advance(TimeSpan time) => Interlocked.Add(ref _ticks, time.Ticks);
}
