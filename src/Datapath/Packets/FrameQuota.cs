namespace Softswitch.Datapath.Packets;

/// <summary>The share of a frame pool that one datapath has, with all its ports and queues.</summary>
/// <remarks>
/// No datapath can take the frames that the others need. While several share a pool, each may have up to twice as many frames as are free (the dynamic
/// threshold of Choudhury and Hahne 1998, with a weight of two): a single greedy datapath gets two thirds at most, two greedy ones two fifths each,
/// and some frames always stay free. A datapath beyond its share gets no frame, as from an empty pool. Threads: any.
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
