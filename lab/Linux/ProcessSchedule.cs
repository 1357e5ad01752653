using Softswitch.Ports.Linux;

namespace Softswitch.Lab.Linux;

/// <summary>Processor time of a thread since its start, and how long it was ready but another thread ran; nanoseconds.</summary>
internal readonly record struct ThreadTimes(long Ran, long Waited)
{
    /// <summary>Of the time it could have run, how much it did; 1 for a thread that never could.</summary>
    public double Share => Ran + Waited > 0 ? Ran / (double)(Ran + Waited) : 1;

    public static ThreadTimes operator -(ThreadTimes a, ThreadTimes b) => new(a.Ran - b.Ran, a.Waited - b.Waited);
}

/// <summary>Processor time of another process, and how long it waited for processors.</summary>
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

    /// <summary>As <see cref="Nanoseconds"/>, of all children of this process that have ended, and of theirs that they waited for (getrusage(2)).</summary>
    public static long NanosecondsOfEndedChildren()
    {
        const int RUSAGE_CHILDREN = -1;
        ResourceUsage usage;
        return Libc.getrusage(RUSAGE_CHILDREN, &usage) == 0
            ? ((usage.UserSeconds + usage.SystemSeconds) * 1_000_000_000) + ((usage.UserMicroseconds + usage.SystemMicroseconds) * 1000)
            : 0;
    }

    /// <summary>Its threads by their ids (Documentation/scheduler/sched-stats.rst); none where the kernel keeps no such account.</summary>
    public static IReadOnlyDictionary<int, ThreadTimes> ReadThreads(int process)
    {
        var threads = new Dictionary<int, ThreadTimes>();
        try
        {
            foreach (string folder in Directory.EnumerateDirectories($"/proc/{process}/task"))
            {
                string[] fields = File.ReadAllText(Path.Combine(folder, "schedstat")).Split(' ');
                if (fields.Length > 1 && int.TryParse(Path.GetFileName(folder), out int thread)
                    && long.TryParse(fields[0], out long ran) && long.TryParse(fields[1], out long waited))
                {
                    threads[thread] = new ThreadTimes(ran, waited);
                }
            }
        }
        catch (IOException)
        {
            // A thread, or the process, ended while we looked.
        }
        return threads;
    }
}
