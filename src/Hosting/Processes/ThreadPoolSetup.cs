namespace Softswitch.Hosting.Processes;

/// <summary>Has the runtime make all threads of its pool at start.</summary>
/// <remarks>
/// Timers and waits for sockets run on the pool, which makes threads when it needs them and ends the process when the system has none left. So the
/// pool has as many as it may have from the start on; the project file has it keep them.
/// </remarks>
internal static class ThreadPoolSetup
{
    /// <summary>For what does not wait for long: timers, reconnection, the ends of connection attempts. Names are looked up elsewhere (HostLookup).</summary>
    private const int Count = 4;

    /// <summary>Returns when all of them run.</summary>
    public static void Fill()
    {
        ThreadPool.GetMinThreads(out _, out int completionThreads);
        ThreadPool.SetMinThreads(Count, completionThreads);
        ThreadPool.SetMaxThreads(Count, completionThreads);
        object monitor = new(); // nothing that could be disposed of while the last of them still wakes
        int arrived = 0;
        for (int i = 0; i < Count; i++)
        {
            ThreadPool.QueueUserWorkItem(_ => Arrive());
        }
        lock (monitor)
        {
            AwaitAll();
        }

        void Arrive()
        {
            lock (monitor)
            {
                arrived++;
                Monitor.PulseAll(monitor);
                AwaitAll(); // keeps this thread from doing another's part
            }
        }

        void AwaitAll()
        {
            while (arrived < Count)
            {
                Monitor.Wait(monitor);
            }
        }
    }
}
