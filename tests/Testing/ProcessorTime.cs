using System.Diagnostics;
using System.Globalization;

namespace Softswitch.Testing;

/// <summary>How long something takes, whatever else the machine has to do: the time of this process's processors, or the time that passes, where that is less.</summary>
internal readonly struct ProcessorTime
{
    private readonly long _began;
    private readonly TimeSpan _used;

    private ProcessorTime(long began, TimeSpan used) => (_began, _used) = (began, used);

    public TimeSpan Elapsed
    {
        get
        {
            (TimeSpan used, TimeSpan passed) = (Environment.CpuUsage.TotalTime - _used, Stopwatch.GetElapsedTime(_began));
            return used < passed ? used : passed;
        }
    }

    public static ProcessorTime Start() => new(Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);

    /// <summary>Of the calling thread alone, since it began (the kernel's sched-stats.rst).</summary>
    public static TimeSpan OfThisThread() =>
        TimeSpan.FromMicroseconds(long.Parse(File.ReadAllText("/proc/thread-self/schedstat").Split(' ')[0], CultureInfo.InvariantCulture) / 1000);
}
