namespace Softswitch.Hosting;

/// <summary>Has the runtime make all threads of its pool at start.</summary>
/// <remarks>
/// Timers and waits for sockets run on the pool, which makes threads when it needs them and ends the process when the system has none left. So the
/// pool has as many as it may have from the start on; the project file has it keep them.
/// </remarks>
internal static class PoolThreads
{
    /// <summary>None of the pool's work here waits for long: timers, reconnection, the ends of connection attempts.</summary>
    private const int Count = 4;

    public static void Fill()
    {
        ThreadPool.GetMinThreads(out _, out int completionThreads);
        ThreadPool.SetMinThreads(Count, completionThreads);
        ThreadPool.SetMaxThreads(Count, completionThreads);
        object gate = new(); // nothing that could be disposed of while the last of them still wakes
        int arrived = 0;
        for (int i = 0; i < Count; i++)
        {
            ThreadPool.QueueUserWorkItem(_ => Arrive());
        }
        lock (gate)
        {
            AwaitAll();
        }

        void Arrive()
        {
            lock (gate)
            {
                arrived++;
                Monitor.PulseAll(gate);
                AwaitAll(); // keeps this thread from doing another's part
            }
        }

        void AwaitAll()
        {
            while (arrived < Count)
            {
                Monitor.Wait(gate);
            }
        }
    }
}
