using Softswitch.Ports.Linux.Processes;

namespace Softswitch.Lab;

/// <summary>A processor for each worker, and the others, if there are any, for everything else.</summary>
/// <remarks>
/// A worker that never sleeps looks to the scheduler like any busy thread: a controller or agent thread that wakes on its processor
/// waits for the next tick, 4 ms at 250 Hz, while it could have run elsewhere.
/// </remarks>
internal static class WorkerPlacement
{
    private static readonly int[] Processors = ProcessorAffinity.Read();

    /// <summary>Keeps the calling thread, and those it starts from now on, off the workers' processors.</summary>
    public static void KeepOff(int workers)
    {
        if (Processors.Length > workers)
        {
            ProcessorAffinity.TrySet(Processors.AsSpan(0, Processors.Length - workers));
        }
    }

    /// <summary>Where the worker runs if there is one, and where everything else does: the same place if there is one processor.</summary>
    public static (int Worker, int[] Others) ProcessorsOfOneWorker() => Processors switch
    {
        [] => (0, [0]), // the kernel does not say; every machine has this one
        [int only] => (only, Processors),
        _ => (Processors[^1], Processors[..^1]),
    };

    /// <summary>Moves the calling thread to a worker's processor.</summary>
    public static void Enter(int worker, int workers)
    {
        if (Processors.Length >= workers)
        {
            ProcessorAffinity.TrySet(Processors.AsSpan(Processors.Length - 1 - worker, 1));
        }
    }
}
