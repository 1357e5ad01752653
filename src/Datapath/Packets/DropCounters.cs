namespace Softswitch.Datapath.Packets;

/// <summary>Drops by reason: a worker's, or those of a port's queue that drops by itself. Written by the worker, read by any thread.</summary>
internal sealed class DropCounters
{
    // A line of padding on each side keeps other objects' writes away.
    private const int Padding = 8;

    private readonly long[] _counts = new long[(int)DropReason.Count + (2 * Padding)];

    public void Count(DropReason reason, int packets = 1) => _counts[(int)reason + Padding] += packets;

    /// <summary>Over all reasons.</summary>
    public long ReadAll()
    {
        long total = 0;
        for (DropReason reason = 0; reason < DropReason.Count; reason++)
        {
            total += Read(reason);
        }
        return total;
    }

    /// <summary>Begins anew; the writer.</summary>
    public void Clear() => Array.Clear(_counts);

    public long Read(DropReason reason) => Volatile.Read(ref _counts[(int)reason + Padding]);
}
