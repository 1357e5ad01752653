namespace Softswitch.Hosting.Tests.State;

/// <summary>Both clocks in the test's hand.</summary>
internal sealed class MovableClock : TimeProvider
{
    public TimeSpan SinceBoot { get; set; } = TimeSpan.FromHours(1);

    public DateTimeOffset Wall { get; set; } = DateTimeOffset.UnixEpoch;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => SinceBoot.Ticks;

    public override DateTimeOffset GetUtcNow() => Wall;

    /// <summary>Time goes by.</summary>
    public void Advance(TimeSpan time) => (SinceBoot, Wall) = (SinceBoot + time, Wall + time);
}
