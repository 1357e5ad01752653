using Softswitch.Hosting.Configuration;
using Softswitch.Ports.Linux.Processes;

namespace Softswitch.Hosting.Processes;

/// <summary>Keeps each worker on a processor of its own and, where there are more, every other thread of the switch off them.</summary>
/// <remarks>
/// A worker with traffic never sleeps. A thread of the control side that wakes on its processor waits for the scheduler's next tick, some
/// milliseconds, and each flow-mod with it.
/// </remarks>
internal sealed class WorkerProcessors
{
    private readonly int[] _workers;

    /// <param name="processors">One for each worker, or none: then this does nothing.</param>
    /// <exception cref="OptionException">The process may not use one of them.</exception>
    public WorkerProcessors(IReadOnlyList<int> processors)
    {
        _workers = [.. processors];
        if (_workers.Length == 0)
        {
            return;
        }
        int[] allowed = ProcessorAffinity.Read();
        foreach (int processor in _workers)
        {
            if (!allowed.Contains(processor))
            {
                throw new OptionException($"--cpus: processor {processor} is not one this process may use: {string.Join(',', allowed)}");
            }
        }
        int[] others = [.. allowed.Except(_workers)];
        if (others.Length > 0)
        {
            ProcessorAffinity.TrySet(others); // for this thread, and all that are started from it
        }
    }

    /// <summary>Moves the calling thread to a worker's processor.</summary>
    public void Enter(int worker)
    {
        if (_workers.Length > 0)
        {
            ProcessorAffinity.TrySet(_workers.AsSpan(worker, 1));
        }
    }
}
