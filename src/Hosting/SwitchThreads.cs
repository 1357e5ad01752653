using Microsoft.Extensions.Logging;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Pipeline;
using Softswitch.Hosting.Logging;

namespace Softswitch.Hosting;

/// <summary>The threads of a switch: they are started, end with it, or fail. Threads: any.</summary>
/// <param name="workers">They run the switch's workers; the caller's.</param>
internal sealed class SwitchThreads(DatapathControl control, WorkerThreads workers, ILogger log) : IDisposable
{
    // A thread ends within milliseconds of being asked to, unless it waits for a worker (GracePeriod) or cannot end at all.
    public static readonly TimeSpan EndTimeout = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationTokenSource _failed = new();
    private readonly List<Thread> _threads = [];
    private Exception? _failure;

    /// <summary>Cancelled when a thread ended that must not.</summary>
    public CancellationToken Failed => _failed.Token;

    /// <summary>What ended a thread; null unless <see cref="Failed"/> was cancelled.</summary>
    public Exception? Failure => _failure;

    /// <summary>Has the workers forward.</summary>
    public void StartWorkers() => workers.Add(control.Workers, (worker, e) => Fail($"worker {worker.Id}", e));

    /// <summary>Ends the workers between two passes.</summary>
    /// <returns>False if one does not end its pass.</returns>
    public bool StopWorkers() => workers.Remove(control.Workers, (int)EndTimeout.TotalMilliseconds);

    /// <param name="body">Given what is cancelled when the thread is to end.</param>
    public void Start(string name, Action<CancellationToken> body)
    {
        var thread = new Thread(() =>
        {
            try
            {
                body(_stop.Token);
            }
#pragma warning disable CA1031 // reported by whoever waits for Failed; a switch that lost a thread must not pretend to work
            catch (Exception e)
#pragma warning restore CA1031
            {
                Fail(name, e);
            }
        })
        { Name = name, IsBackground = true };
        _threads.Add(thread);
        thread.Start();
    }

    /// <summary>Ends all of them.</summary>
    /// <returns>False if one does not end in time.</returns>
    public bool End()
    {
        _stop.Cancel();
        control.Wake();
        bool haveWorkersStopped = StopWorkers();
        return _threads.TrueForAll(thread => thread.Join(EndTimeout)) && haveWorkersStopped;
    }

    /// <summary>After <see cref="End"/>.</summary>
    public void Dispose()
    {
        _stop.Dispose();
        _failed.Dispose();
    }

    /// <summary>The switch cannot go on.</summary>
    /// <param name="what">The thread or worker that ended.</param>
    private void Fail(string what, Exception e)
    {
        Exception failure = new InvalidOperationException($"{what} failed: {e.GetType().Name}: {e.Message.ReplaceLineEndings(" ")}", e);
        if (Interlocked.CompareExchange(ref _failure, failure, null) == null)
        {
            _failed.Cancel(); // first: whoever reads the log may not be reading
        }
        HostLog.Failed(log, failure.Message);
    }
}
