namespace Softswitch.Datapath.Packets;

/// <summary>What one of those that share a pool has of it: a datapath with all its ports and queues.</summary>
/// <remarks>
/// None can take what the others need. While a pool is shared, each may have up to twice as many frames as are free (the dynamic
/// threshold of Choudhury and Hahne 1998, with a weight of two): one that hoards has two thirds at the most, of two that do each has two
/// fifths, and some stay free whatever they do. Who is beyond that gets none, as from an empty pool. Threads: any.
/// </remarks>
internal sealed class FrameQuota
{
    private const int Weight = 2;

    private long _ordinary;
    private long _large;

    /// <summary>Ordinary frames it has.</summary>
    public long Count => Volatile.Read(ref _ordinary);

    /// <summary>Large ones.</summary>
    public long LargeCount => Volatile.Read(ref _large);

    /// <summary>How many more it may have.</summary>
    /// <param name="free">Frames in the pool.</param>
    public int Allowance(int free, bool large) =>
        (int)Math.Clamp(((Weight * (long)free) - (large ? LargeCount : Count)) / (Weight + 1), 0, free);

    /// <summary>Packets that come from another owner, or go there, in their frames.</summary>
    public unsafe void Move(ReadOnlySpan<Packet> packets, FramePool pool, bool away)
    {
        int large = 0;
        foreach (ref readonly Packet packet in packets)
        {
            large += pool.IsLarge(packet.Data) ? 1 : 0;
        }
        int ordinary = packets.Length - large;
        Add(away ? -ordinary : ordinary, large: false);
        if (large > 0)
        {
            Add(away ? -large : large, large: true);
        }
    }

    /// <summary>Frames that it got, or, below 0, that it gave away.</summary>
    public void Add(int count, bool large) => Interlocked.Add(ref large ? ref _large : ref _ordinary, count);
}
