namespace Softswitch.Ports.KernelOffload;

/// <summary>Tells by the stamp of an entry when a packet used it last. The stamp is the number of a tick, and the switch begins ticks.</summary>
/// <remarks>
/// A packet may have come at any time until the next tick began. So that is what counts, and an entry stays a tick too long rather than go
/// while it is used, however late a tick may begin. Threads: one at a time.
/// </remarks>
internal sealed class TickClock
{
    /// <summary>Milliseconds between two ticks, if they are in time.</summary>
    public const int Interval = 100;

    // More than a day, and so than the longest idle timeout; an older stamp counts as the oldest.
    private const int Kept = 1 << 20;

    private readonly long[] _beginnings = new long[Kept];
    private long _now;

    /// <summary>The present tick. The first is 1: 0 is the stamp of an entry that no packet has used.</summary>
    public uint Tick { get; private set; } = 1;

    /// <summary>Begins a tick if that is due.</summary>
    /// <param name="now">Milliseconds of the control clock.</param>
    /// <returns>Whether it began one.</returns>
    public bool Advance(long now)
    {
        _now = now;
        if (now - _beginnings[Tick % Kept] < Interval)
        {
            return false;
        }
        Tick++;
        _beginnings[Tick % Kept] = now;
        return true;
    }

    /// <summary>The latest time, in milliseconds of the control clock, at which the stamp can have been given.</summary>
    public long EndOf(uint stamp)
    {
        if (stamp == Tick)
        {
            return _now;
        }
        return _beginnings[(Tick - stamp < Kept ? stamp + 1 : Tick + 1) % Kept];
    }
}
