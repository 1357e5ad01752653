namespace Softswitch.Datapath.Pipeline;

/// <summary>One worker's counters. Written by the worker, read by any thread.</summary>
[System.Runtime.InteropServices.StructLayout(System.Runtime.InteropServices.LayoutKind.Sequential)]
internal sealed class WorkerCounters
{
    /// <summary>Packets looked up in table 0; those it did not match were looked up in table 1 too.</summary>
    public long Lookups;
    public long ExactMatches;
    public long WildcardMatches;

    /// <summary>Batches that these packets came in.</summary>
    public long Batches;

    /// <summary>Passes, those among them that moved packets, and the time these took in ticks of 100 ns.</summary>
    public long Passes;
    public long BusyPasses;
    public long BusyTicks;

    private long _lastPassAt;
    private bool _wasBusy;

    /// <summary>Counts a batch; by the worker. It writes lookups first: a thread that reads matches before lookups never sees more matches.</summary>
    public void Count(int lookups, int exact, int wildcard)
    {
        Volatile.Write(ref Lookups, Lookups + lookups);
        Volatile.Write(ref ExactMatches, ExactMatches + exact);
        Volatile.Write(ref WildcardMatches, WildcardMatches + wildcard);
        Volatile.Write(ref Batches, Batches + 1);
    }

    /// <summary>Adds another worker's look-ups, for <see cref="Save"/>.</summary>
    public void Add(WorkerCounters other)
    {
        Lookups += other.Lookups;
        ExactMatches += other.ExactMatches;
        WildcardMatches += other.WildcardMatches;
        Batches += other.Batches;
    }

    /// <summary>Writes look-ups, for another process to go on with: passes are each process's own.</summary>
    public void Save(BinaryWriter to)
    {
        to.Write(Lookups);
        to.Write(ExactMatches);
        to.Write(WildcardMatches);
        to.Write(Batches);
    }

    /// <summary>Adds what <see cref="Save"/> wrote; the worker does not run.</summary>
    public void Restore(BinaryReader from)
    {
        Lookups += from.ReadInt64();
        ExactMatches += from.ReadInt64();
        WildcardMatches += from.ReadInt64();
        Batches += from.ReadInt64();
    }

    /// <summary>The worker, after each pass. No sleep follows a busy one, so it lasted until the next began: the clock is not read for this.</summary>
    /// <param name="beganAt">In ticks of 100 ns.</param>
    public void CountPass(long beganAt, bool isBusy)
    {
        if (_wasBusy)
        {
            Volatile.Write(ref BusyTicks, BusyTicks + (beganAt - _lastPassAt));
        }
        _lastPassAt = beganAt;
        _wasBusy = isBusy;
        Volatile.Write(ref BusyPasses, BusyPasses + (isBusy ? 1 : 0));
        Volatile.Write(ref Passes, Passes + 1);
    }
}
