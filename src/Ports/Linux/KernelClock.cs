namespace Softswitch.Ports.Linux;

/// <summary>CLOCK_MONOTONIC, the clock of bpf_ktime_get_ns and of Stopwatch.</summary>
internal static unsafe class KernelClock
{
    public static long Nanoseconds => Read(Libc.CLOCK_MONOTONIC);

    /// <summary>What to subtract from nanoseconds since 1970 to have those of this clock, as of now: the system may set the other one.</summary>
    public static long RealTimeOffset => Read(Libc.CLOCK_REALTIME) - Nanoseconds;

    private static long Read(int clock)
    {
        TimeSpecification time;
        _ = Libc.clock_gettime(clock, &time);
        return (time.Seconds * 1_000_000_000) + time.Nanoseconds;
    }
}
