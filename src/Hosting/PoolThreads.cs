namespace Softswitch.Hosting;

/// <summary>Has the runtime make all threads of its pool at start.</summary>
/// <remarks>
/// Timers and waits for sockets run on the pool, which makes threads when it needs them and ends the process when the system has none left. So the
/// pool has as many as it may have from the start on; the project file has it keep them.
/// </remarks>
internal static class PoolThreads
{
    /// <summary>For what does not wait for long: timers, reconnection, the ends of connection attempts.</summary>
    private const int Quick = 4;

    /// <param name="names">Names of hosts that are looked up, each on a thread of the pool for as long as the resolver takes: twice at a time, to connect and to know what
    /// is the switch's own traffic.</param>
    public static void Fill(int names)
    {
        int count = Quick + (2 * names);
        ThreadPool.GetMinThreads(out _, out int completionThreads);
        ThreadPool.SetMinThreads(count, completionThreads);
        ThreadPool.SetMaxThreads(count, completionThreads);
        object monitor = new(); // nothing that could be disposed of while the last of them still wakes
        int arrived = 0;
        for (int i = 0; i < count; i++)
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
            while (arrived < count)
            {
                Monitor.Wait(monitor);
            }
        }
    }
}
