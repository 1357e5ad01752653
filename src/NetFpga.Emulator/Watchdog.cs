namespace Softswitch.NetFpga.Emulator;

/// <summary>The watchdog: while enabled, it expires unless it is fed by an access to its own block or the input arbiter's.</summary>
/// <remarks>It has no thread: code that is about to access the card asks <see cref="HasExpired"/> first.</remarks>
internal sealed class Watchdog(CardTimer timer)
{
    private const int CounterBits = 30;
    private const long NanosecondsPerCount = 8;
    private static readonly TimeSpan Patience = TimeSpan.FromTicks((1L << CounterBits) * NanosecondsPerCount / TimeSpan.NanosecondsPerTick);

    private TimeSpan _fedAt;

    public bool IsEnabled { get; private set; }

    public uint Counter => IsEnabled ? (uint)((timer.Now - _fedAt).Ticks * TimeSpan.NanosecondsPerTick / NanosecondsPerCount) : 0;

    /// <summary>Whether it expired since it was fed last; told once, its counter then begins anew.</summary>
    public bool HasExpired()
    {
        if (!IsEnabled || timer.Now - _fedAt < Patience)
        {
            return false;
        }
        _fedAt = timer.Now;
        return true;
    }

    public void Feed() => _fedAt = timer.Now;

    public void Enable(bool enabled)
    {
        IsEnabled = enabled;
        Feed();
    }
}
