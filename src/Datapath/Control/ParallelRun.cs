namespace Softswitch.Datapath.Control;

/// <summary>Work that waits for the kernel more than it computes, done by several threads at once.</summary>
/// <remarks>Threads of its own: they are of the caller's network namespace, which those of the pool need not be.</remarks>
internal static class ParallelRun
{
    // The threads wait for grace periods of the kernel, which end for all waiting threads at the same time.
    private const int MostThreads = 16;

    /// <summary>Returns when all is done.</summary>
    /// <param name="count">How many times.</param>
    /// <param name="work">Given 0 to <paramref name="count"/> - 1, in no order. Must not throw.</param>
    public static void Run(int count, Action<int> work)
    {
        int next = -1;
        Thread[] threads = new Thread[Math.Min(count, MostThreads) - 1 is > 0 and int more ? more : 0];
        for (int i = 0; i < threads.Length; i++)
        {
            threads[i] = new Thread(Work) { IsBackground = true, Name = "side by side" };
            threads[i].Start();
        }
        Work();
        Array.ForEach(threads, thread => thread.Join());

        void Work()
        {
            for (int i = Interlocked.Increment(ref next); i < count; i = Interlocked.Increment(ref next))
            {
                work(i);
            }
        }
    }
}
