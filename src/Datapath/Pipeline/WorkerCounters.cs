namespace Softswitch.Datapath.Pipeline;

/// <summary>One worker's table counters. Written by the worker, read by any thread.</summary>
[System.Runtime.InteropServices.StructLayout(System.Runtime.InteropServices.LayoutKind.Sequential)]
internal sealed class WorkerCounters
{
    /// <summary>Packets looked up in table 0; those it did not match were looked up in table 1 too.</summary>
    public long Lookups;
    public long ExactMatches;
    public long WildcardMatches;

    /// <summary>The worker. Lookups first: whoever reads matches before lookups never sees more of them.</summary>
    public void Count(int lookups, int exact, int wildcard)
    {
        Volatile.Write(ref Lookups, Lookups + lookups);
        Volatile.Write(ref ExactMatches, ExactMatches + exact);
        Volatile.Write(ref WildcardMatches, WildcardMatches + wildcard);
    }
}
