namespace Softswitch.OfAgent.Connections;

/// <summary>Threads whose end is waited for.</summary>
/// <remarks>Threads: any.</remarks>
internal sealed class ThreadSet
{
    private readonly List<Thread> _threads = []; // locked

    /// <returns>False if there is no thread to be kept.</returns>
    public bool Keep(Thread? thread)
    {
        lock (_threads)
        {
            _threads.RemoveAll(t => !t.IsAlive);
            if (thread is not null)
            {
                _threads.Add(thread);
            }
            return thread is not null;
        }
    }

    /// <exception cref="IOException">The system has none left.</exception>
    public Thread Start(string name, ThreadStart body)
    {
        Thread? thread = ThreadStarter.TryStart(name, body);
        return Keep(thread) ? thread! : throw new IOException($"{name}: the system has no thread left");
    }

    /// <summary>Waits for all but the caller's own, those included that they start meanwhile.</summary>
    public void Join()
    {
        while (TakeFirst() is Thread thread)
        {
            if (thread != Thread.CurrentThread)
            {
                thread.Join();
            }
        }
    }

    /// <summary>Listeners come first: while they live they may still start others.</summary>
    private Thread? TakeFirst()
    {
        lock (_threads)
        {
            Thread? first = _threads.Count == 0 ? null : _threads[0];
            if (first is not null)
            {
                _threads.RemoveAt(0);
            }
            return first;
        }
    }
}
