using System.Globalization;
using Softswitch.Ports.Linux;

namespace Softswitch.Lab.Measures;

/// <summary>
/// Processes that run ahead of all ordinary ones (SCHED_FIFO, sched(7)) until this is disposed: what others do is not measured with them. Threads that
/// never sleep let the others of these processes go first.
/// </summary>
/// <remarks>Of a processor's time the kernel keeps a twentieth for the rest of the system. Threads: one.</remarks>
internal sealed unsafe class RealTimeThreads : IDisposable
{
    private const int SCHED_OTHER = 0;
    private const int SCHED_FIFO = 1;

    private readonly List<int> _threads = [];

    /// <param name="processes">Each with what the name of its thread that never sleeps begins with; null if it has none.</param>
    /// <exception cref="SystemCallException">The kernel refuses.</exception>
    public RealTimeThreads(params ReadOnlySpan<(int Process, string? Restless)> processes)
    {
        foreach ((int process, string? restless) in processes)
        {
            foreach (string folder in Directory.EnumerateDirectories($"/proc/{process}/task"))
            {
                Raise(folder, restless);
            }
        }
    }

    /// <summary>How many were found that never sleep.</summary>
    public int Restless { get; private set; }

    public void Dispose() => _threads.ForEach(thread => TrySet(thread, SCHED_OTHER, priority: 0));

    private void Raise(string folder, string? restless)
    {
        int thread = int.Parse(Path.GetFileName(folder), CultureInfo.InvariantCulture);
        bool isRestless;
        try
        {
            isRestless = restless != null && File.ReadAllText(Path.Combine(folder, "comm")).StartsWith(restless, StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return; // it has ended
        }
        if (TrySet(thread, SCHED_FIFO, isRestless ? 1 : 2))
        {
            _threads.Add(thread);
            Restless += isRestless ? 1 : 0;
        }
        else if (Errno.Last != Errno.ESRCH)
        {
            var refusal = SystemCallException.Last("sched_setscheduler");
            Dispose();
            throw refusal;
        }
    }

    private static bool TrySet(int thread, int policy, int priority) => Libc.sched_setscheduler(thread, policy, &priority) == 0;
}
