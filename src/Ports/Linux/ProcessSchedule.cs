namespace Softswitch.Ports.Linux;

/// <summary>What the scheduler gave to another process, and what it did not.</summary>
/// <remarks>
/// Where the kernel keeps no account of interrupts (CONFIG_IRQ_TIME_ACCOUNTING), as on most virtual machines, their work, network packets among it, is
/// part of the time of whatever thread they interrupt.
/// </remarks>
internal static unsafe class ProcessSchedule
{
    /// <summary>Nanoseconds of processor time, all threads together, since it began (clock_getcpuclockid(3)); 0 if there is no such process.</summary>
    public static long Nanoseconds(int process)
    {
        const int sched = 2; // CPUCLOCK_SCHED of include/linux/posix-timers.h
        TimeSpecification time;
        return Libc.clock_gettime((~process << 3) | sched, &time) == 0 ? (time.Seconds * 1_000_000_000) + time.Nanoseconds : 0;
    }

    /// <summary>Nanoseconds that each of its threads could have run but another ran in its place, since it began (Documentation/scheduler/sched-stats.rst).</summary>
    public static IReadOnlyDictionary<int, long> WaitedNanoseconds(int process)
    {
        var waits = new Dictionary<int, long>();
        try
        {
            foreach (string folder in Directory.EnumerateDirectories($"/proc/{process}/task"))
            {
                string[] fields = File.ReadAllText(Path.Combine(folder, "schedstat")).Split(' ');
                if (fields.Length > 1 && int.TryParse(Path.GetFileName(folder), out int thread) && long.TryParse(fields[1], out long waited))
                {
                    waits[thread] = waited;
                }
            }
        }
        catch (IOException)
        {
            // A thread, or the process, ended while we looked.
        }
        return waits;
    }
}
