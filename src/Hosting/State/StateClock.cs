namespace Softswitch.Hosting.State;

/// <summary>The two clocks by which the age of entries is carried from one process to the next.</summary>
/// <param name="time">The monotonic clock of its timestamps is the same in all processes until the machine is started again.</param>
/// <param name="boot">Names the time from one start of the machine to the next; empty if that is not known.</param>
internal sealed class StateClock(TimeProvider time, Guid boot)
{
    private const string BootId = "/proc/sys/kernel/random/boot_id";

    public static StateClock ForThisMachine(TimeProvider time)
    {
        try
        {
            return new StateClock(time, Guid.TryParse(File.ReadAllText(BootId), out Guid boot) ? boot : Guid.Empty);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new StateClock(time, Guid.Empty);
        }
    }

    /// <summary>What the records between two of the kind <see cref="JournalRecord.Clock"/> are stamped by. Ticks of 100 ns.</summary>
    public long Monotonic => time.GetElapsedTime(0, time.GetTimestamp()).Ticks;

    public ClockReading Read() => new(Monotonic, time.GetUtcNow().UtcTicks, boot);
}

/// <summary>Both clocks at one moment, in ticks of 100 ns.</summary>
/// <param name="Boot">The start of the machine since which the monotonic clock counts.</param>
internal readonly record struct ClockReading(long Monotonic, long Wall, Guid Boot)
{
    /// <summary>What a monotonic stamp of the same start of the machine is by the wall clock.</summary>
    public long WallOffset => Wall - Monotonic;

    /// <summary>How long ago a stamp was taken, as far as the clocks can be believed. Never negative.</summary>
    /// <param name="stamp">Of the monotonic clock, some time after <paramref name="then"/>.</param>
    /// <param name="then">The latest reading before the stamp, or the last of the same start of the machine.</param>
    /// <remarks>
    /// While the machine runs the monotonic clock tells, whatever becomes of the other. Over a new start of it only the wall clock does; if it was put back, so
    /// that too little time or none has passed by it, what counts is the time since the start.
    /// </remarks>
    public long Since(long stamp, in ClockReading then) =>
        Boot == then.Boot && Boot != Guid.Empty && Monotonic >= stamp ? Monotonic - stamp : Math.Max(Wall - (stamp + then.WallOffset), Math.Max(0, Monotonic));
}
