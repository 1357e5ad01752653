using System.Globalization;
using Softswitch.Ports.Linux;

namespace Softswitch.Lab.Measures;

/// <summary>Processes that run ahead of all ordinary ones (SCHED_RR, sched(7)) until this is disposed: other load does not disturb what is measured.</summary>
/// <remarks>
/// All their threads have one priority and take turns. A thread with a higher one than a worker could spin for ever for a lock that the worker
/// holds. Of a processor's time the kernel keeps a twentieth for the rest of the system. Threads: one.
/// </remarks>
internal sealed unsafe class RealTimeThreads : IDisposable
{
    private const int SCHED_OTHER = 0;
    private const int SCHED_RR = 2;

    private readonly List<int> _threads = [];

    /// <param name="processes">By their ids; all threads they have now, and those that these start.</param>
    /// <exception cref="SystemCallException">The kernel refuses.</exception>
    public RealTimeThreads(params ReadOnlySpan<int> processes)
    {
        foreach (int process in processes)
        {
            foreach (string folder in Directory.EnumerateDirectories($"/proc/{process}/task"))
            {
                Raise(int.Parse(Path.GetFileName(folder), CultureInfo.InvariantCulture));
            }
        }
    }

    public void Dispose() => _threads.ForEach(thread => TrySet(thread, SCHED_OTHER, priority: 0));

    private void Raise(int thread)
    {
        if (TrySet(thread, SCHED_RR, priority: 1))
        {
            _threads.Add(thread);
        }
        else if (Errno.Last != Errno.ESRCH) // it has ended
        {
            var refusal = SystemCallException.Last("sched_setscheduler");
            Dispose();
            throw refusal;
        }
    }

    private static bool TrySet(int thread, int policy, int priority) => Libc.sched_setscheduler(thread, policy, &priority) == 0;
}
