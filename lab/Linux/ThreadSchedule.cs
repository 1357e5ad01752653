using Softswitch.Ports.Linux;

namespace Softswitch.Lab.Linux;

/// <summary>What the kernel's scheduler did to one thread: how long it ran, and how long it was kept waiting for a processor.</summary>
/// <remarks>
/// From <c>/proc/thread-self/schedstat</c> (Documentation/scheduler/sched-stats.rst): nanoseconds on a processor, nanoseconds
/// runnable but waiting for one, and how often it was put on one. Interrupts, and a hypervisor that runs something else, are in
/// neither figure. Threads: made and read by the thread it is about.
/// </remarks>
internal sealed unsafe class ThreadSchedule : IDisposable
{
    private const int TextLength = 96;

    private readonly int _descriptor;
    private bool _disposed;

    /// <summary>Opens the calling thread's figures; without that file <see cref="TryRead"/> is false for ever.</summary>
    public ThreadSchedule() => _descriptor = Libc.open("/proc/thread-self/schedstat", Libc.O_CLOEXEC);

    /// <summary>Nanoseconds the calling thread has spent on a processor.</summary>
    public static long CpuNanoseconds
    {
        get
        {
            TimeSpecification time;
            return Libc.clock_gettime(Libc.CLOCK_THREAD_CPUTIME_ID, &time) == 0 ? (time.Seconds * 1_000_000_000) + time.Nanoseconds : 0;
        }
    }

    /// <summary>Page faults of the calling thread (getrusage(2)): what was touched for the first time, or was not in memory.</summary>
    public static long PageFaults
    {
        get
        {
            const int RUSAGE_THREAD = 1;
            ResourceUsage usage;
            return Libc.getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.MinorFaults + usage.MajorFaults : 0;
        }
    }

    /// <summary>Reads the figures: about two microseconds. False where the kernel keeps none.</summary>
    /// <param name="waitedNanoseconds">Time since the thread began that it could have run but another ran in its place.</param>
    /// <param name="slices">How often it was put on a processor.</param>
    public bool TryRead(out long waitedNanoseconds, out long slices)
    {
        byte* text = stackalloc byte[TextLength];
        nint length = _descriptor < 0 ? 0 : Libc.pread(_descriptor, text, TextLength, 0);
        ReadOnlySpan<byte> rest = new(text, (int)Math.Max(0, length));
        waitedNanoseconds = 0;
        slices = 0;
        return TryTake(ref rest, out _) && TryTake(ref rest, out waitedNanoseconds) && TryTake(ref rest, out slices);
    }

    public void Dispose()
    {
        if (!_disposed && _descriptor >= 0)
        {
            _disposed = true;
            _ = Libc.close(_descriptor);
        }
    }

    private static bool TryTake(ref ReadOnlySpan<byte> text, out long value)
    {
        value = 0;
        int used = 0;
        while (used < text.Length && text[used] is >= (byte)'0' and <= (byte)'9')
        {
            value = (value * 10) + text[used++] - '0';
        }
        bool any = used > 0;
        text = text[Math.Min(used + 1, text.Length)..];
        return any;
    }
}
