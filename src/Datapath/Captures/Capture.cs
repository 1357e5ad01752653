namespace Softswitch.Datapath.Captures;

/// <summary>One capture: the filter of packets that workers copy, and a ring from each worker.</summary>
/// <remarks>Threads: reading and disposing by one thread at a time; disposed of when no worker writes to it any more.</remarks>
internal sealed unsafe class Capture : IDisposable
{
    /// <summary>Bytes of a worker's ring: some 50 ms of a tenth of 10 million short packets a second.</summary>
    public const int RingSize = 1 << 22;

    private readonly CaptureRing[] _rings;
    private CaptureRing? _last;

    /// <param name="ringSize">A power of two that holds the longest packet.</param>
    public Capture(CaptureFilter filter, int workers, int ringSize = RingSize)
    {
        Filter = filter;
        _rings = new CaptureRing[workers];
        for (int i = 0; i < workers; i++)
        {
            _rings[i] = new CaptureRing(ringSize);
        }
    }

    public CaptureFilter Filter { get; }

    public CaptureRing RingOf(int worker) => _rings[worker];

    /// <summary>Packets of a port that matched but found a ring full. Any thread.</summary>
    public long Lost(ushort port)
    {
        long lost = 0;
        foreach (CaptureRing ring in _rings)
        {
            lost += ring.Lost(port);
        }
        return lost;
    }

    /// <summary>The oldest packet of all rings.</summary>
    /// <param name="before">Only one older than this: a worker whose pass goes on may still have older ones than another's.</param>
    /// <param name="head">It.</param>
    /// <param name="bytes">Valid until <see cref="Release"/>.</param>
    public bool TryRead(long before, out CaptureRecord head, out ReadOnlySpan<byte> bytes)
    {
        CaptureRecord* oldest = null;
        _last?.Advance();
        _last = null;
        foreach (CaptureRing ring in _rings)
        {
            CaptureRecord* next = ring.Peek();
            if (next != null && next->Ticks < before && (oldest == null || next->Ticks < oldest->Ticks))
            {
                oldest = next;
                _last = ring;
            }
        }
        head = oldest == null ? default : *oldest;
        bytes = oldest == null ? default : new ReadOnlySpan<byte>((byte*)oldest + CaptureRecord.Size, oldest->Captured);
        return oldest != null;
    }

    /// <summary>Makes room for the workers: what was read is no longer looked at.</summary>
    public void Release()
    {
        _last?.Advance();
        _last = null;
        foreach (CaptureRing ring in _rings)
        {
            ring.Release();
        }
    }

    public void Dispose() => Array.ForEach(_rings, static ring => ring.Dispose());
}
