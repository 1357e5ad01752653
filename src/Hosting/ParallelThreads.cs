using System.Runtime.ExceptionServices;

namespace Softswitch.Hosting;

/// <summary>Does the same for several things on threads of their own: they are in the network namespace of the caller's, and the pool's are few.</summary>
internal static class ParallelThreads
{
    /// <summary>Returns when all is done; then throws one of the exceptions that there were.</summary>
    /// <param name="most">Threads at a time.</param>
    public static void ForEach<T>(IReadOnlyList<T> things, int most, Action<T> act)
    {
        if (things.Count == 1)
        {
            act(things[0]);
            return;
        }
        int next = -1;
        ExceptionDispatchInfo? failure = null;
        Thread[] threads = [.. Enumerable.Range(0, Math.Min(things.Count, most)).Select(_ => new Thread(Work) { IsBackground = true, Name = "parallel" })];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        failure?.Throw();

        void Work()
        {
            while (Interlocked.Increment(ref next) is int index && index < things.Count)
            {
                try
                {
                    act(things[index]);
                }
#pragma warning disable CA1031 // carried to the caller
                catch (Exception e)
#pragma warning restore CA1031
                {
                    failure = ExceptionDispatchInfo.Capture(e);
                }
            }
        }
    }
}
