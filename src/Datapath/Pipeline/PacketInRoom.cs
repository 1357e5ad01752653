using Softswitch.Datapath.Packets;

namespace Softswitch.Datapath.Pipeline;

/// <summary>How many frames all packet-ins of a switch may hold while they wait, and what each queue may have of them.</summary>
/// <remarks>
/// Packet-ins share a quarter of the pool. A queue may hold twice as many frames as are left of it (as <see cref="FrameQuota"/>): a single full queue gets
/// two thirds, enough for a burst; each of n full queues gets 2/(2n + 1). With hundreds of full queues that may be no frame at all. So the first few packets
/// of each queue may use more, up to half of the pool. A large frame counts as its share of the ordinary frames. Threads: any.
/// </remarks>
internal sealed unsafe class PacketInRoom(FramePool frames)
{
    private const int Part = 4;
    private const int MostPart = 2;
    private const int Weight = 2;
    private const int FirstFew = 4;

    private int _held;

    /// <summary>Frames that are held.</summary>
    public int Held => Volatile.Read(ref _held);

    /// <summary>Whether a queue may hold more.</summary>
    /// <param name="held">Frames that it holds.</param>
    public bool Admits(int held)
    {
        int all = Held;
        return held < Weight * ((frames.FrameCount / Part) - all) || (held < FirstFew && all < frames.FrameCount / MostPart);
    }

    /// <summary>Frames are held, or, below 0, let go.</summary>
    public void Add(int count) => Interlocked.Add(ref _held, count);

    /// <summary>What a packet counts for.</summary>
    public int WeightOf(in Packet packet) => frames.IsLarge(packet.Data) ? Math.Max(frames.FrameCount / frames.LargeFrameCount, 1) : 1;

    /// <summary>Where a packet's frame has a place for its queue.</summary>
    public QueuedFrame* FrameOf(in Packet packet) => (QueuedFrame*)frames.NoteOf(packet.Data);
}
