namespace Softswitch.Datapath.Pipeline;

/// <summary>The threads that forward, shared by all datapaths of a process: thread i runs worker i of each.</summary>
/// <remarks>Threads: any. Datapaths come and go while it runs; what one of them meets is no other's business.</remarks>
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
    /// Told what a worker threw, on a thread of the pool. That worker runs no longer then, and nobody waits for it; to
    /// <see cref="Remove"/> the others is left to whoever is told.
    /// </param>
    public void Add(IReadOnlyList<Worker> workers, Action<Worker, Exception> failed)
    {
        foreach (Worker worker in workers)
        {
            WorkerThread thread = _threads[worker.Id];
            thread.Post(() => thread.Add(worker, failure => failed(worker, failure)));
        }
    }

    /// <summary>Runs them no longer: whoever calls may do so when this returns. Those that are not run are no error.</summary>
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
