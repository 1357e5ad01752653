using System.Diagnostics;

namespace Softswitch.NetFpga.Offload.Writing;

/// <summary>The control clock, going on between the calls that tell it.</summary>
internal sealed class CardClock
{
    private long _told;
    private long _toldAt = Stopwatch.GetTimestamp();

    /// <summary>Control clock in milliseconds.</summary>
    public long Now => _told + (long)Stopwatch.GetElapsedTime(_toldAt).TotalMilliseconds;

    public void Tell(long now)
    {
        _told = now;
        _toldAt = Stopwatch.GetTimestamp();
    }
}
