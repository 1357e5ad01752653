namespace Softswitch.Ports.Linux;

/// <summary>CLOCK_MONOTONIC, the clock of bpf_ktime_get_ns.</summary>
public static unsafe class KernelClock
{
    public static long Nanoseconds
    {
        get
        {
            TimeSpecification time;
            _ = Libc.clock_gettime(Libc.CLOCK_MONOTONIC, &time);
            return (time.Seconds * 1_000_000_000) + time.Nanoseconds;
        }
    }
}
