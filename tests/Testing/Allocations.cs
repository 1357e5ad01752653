namespace Softswitch.Testing;

/// <summary>Measures what code that is to allocate nothing allocates.</summary>
internal static class Allocations
{
    private const int MaxRounds = 5;

    /// <summary>
    /// The bytes that a run of <paramref name="round"/> allocates on the calling thread: the least of up to five runs, for what the code itself allocates comes back each time.
    /// The first run may still set things up, and a garbage collection meanwhile, which other tests of the process cause, is at times put down to this thread.
    /// </summary>
    public static long OfOneRound(Action round)
    {
        long least = long.MaxValue;
        for (int i = 0; i < MaxRounds && least > 0; i++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            round();
            least = long.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        return least;
    }
}
