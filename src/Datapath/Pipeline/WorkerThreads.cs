namespace Softswitch.Datapath.Pipeline;

/// <summary>The threads that forward, shared by all datapaths of a process: thread i runs worker i of each.</summary>
/// <remarks>Threads: any. Datapaths are added and removed while it runs; a failure of one does not affect the others.</remarks>
internal sealed class WorkerThreads : IDisposable
{
    // A thread ends within milliseconds of being asked to, unless a pass does not end.
    private const int EndPatience = 5000;

    private readonly WorkerThread[] _threads;

    /// <param name="count">1 or more; as many workers as each datapath has.</param>
    /// <param name="waiter">Makes what a thread sleeps by; called here, once for each. What it throws passes through.</param>
    /// <param name="enter">Called by each thread first, with its number; null for nothing.</param>
    public WorkerThreads(int count, Func<IWaiter> waiter, Action<int>? enter = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        var waiters = new List<IWaiter>();
        try
        {
            for (int i = 0; i < count; i++)
            {
                waiters.Add(waiter());
            }
        }
        catch
        {
            waiters.ForEach(made => made.Dispose());
            throw;
        }
        _threads = [.. waiters.Select((made, i) => new WorkerThread($"worker {i}", made, () => enter?.Invoke(i)))];
    }

    public int Count => _threads.Length;

    /// <summary>Runs a datapath's workers from now on. None of them is run by another thread.</summary>
    /// <param name="failed">
    /// Called on a pool thread with the exception of a worker. That worker runs no longer then, and no thread waits for it. The callback decides
    /// whether to <see cref="Remove"/> the datapath's other workers.
    /// </param>
    public void Add(IReadOnlyList<Worker> workers, Action<Worker, Exception> failed)
    {
        foreach (Worker worker in workers)
        {
            WorkerThread thread = _threads[worker.Id];
            thread.Post(() => thread.Add(worker, failure => failed(worker, failure)));
        }
    }

    /// <summary>Stops running the workers: when this returns, the caller may run them. Workers that do not run are skipped.</summary>
    /// <param name="milliseconds">How long it takes at the most.</param>
    /// <returns>False if a pass does not end.</returns>
    public bool Remove(IReadOnlyList<Worker> workers, int milliseconds = EndPatience)
    {
        int left = workers.Count;
        var done = new TaskCompletionSource();
        foreach (Worker worker in workers)
        {
            WorkerThread thread = _threads[worker.Id];
            thread.Post(() =>
            {
                thread.Remove(worker);
                if (Interlocked.Decrement(ref left) == 0)
                {
                    done.SetResult();
                }
            });
        }
        return done.Task.Wait(milliseconds);
    }

    /// <summary>Ends the threads; one whose pass does not end is left behind.</summary>
    public void Dispose()
    {
        foreach (WorkerThread thread in _threads)
        {
            thread.Post(thread.End);
        }
        foreach (WorkerThread thread in _threads)
        {
            thread.Join(EndPatience);
        }
    }
}
