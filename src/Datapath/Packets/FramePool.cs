using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Softswitch.Datapath.Packets;

/// <summary>All packet memory of a switch: one region of equal frames, and one of large frames for segments and jumbo packets.</summary>
/// <remarks>
/// <para>
/// A frame holds the packet's <see cref="OffloadState"/> and <see cref="TunnelState"/>, a note of the queue it waits in, headroom for
/// encapsulation, then the packet:
/// <code>
/// 0        32     64                      320                        FrameSize
/// | states | note | headroom              | packet ...               |
/// </code>
/// Of four frames one begins at 320, the others a cache line earlier each.
/// 320 is where AF_XDP puts a packet when the umem's own headroom is 64 (XDP_PACKET_HEADROOM is 256), so the region can be
/// registered as a umem as it stands.
/// </para>
/// <para>
/// Threads: each thread rents and releases through a <see cref="FrameCache"/> of its own; caches exchange frames with the
/// pool in blocks, under a lock that is taken once in <see cref="FrameCache.BlockSize"/> packets. The pool never grows: when it is empty,
/// renting fails and the packet is a counted drop.
/// </para>
/// </remarks>
internal sealed unsafe class FramePool : IDisposable
{
    /// <summary>Bytes before the packet that encapsulation may use.</summary>
    public const int Headroom = 256;

    /// <summary>Offset of a fresh packet in its frame, at the most.</summary>
    public const int DataOffset = 64 + Headroom;

    /// <summary>The least headroom of a fresh packet.</summary>
    public const int LeastHeadroom = Headroom - ((Places - 1) * CacheLine);

    /// <summary>Bytes that the owner of a packet may write beside it (<see cref="NoteOf"/>).</summary>
    public const int NoteSize = 32;

    private const int NoteOffset = 32;
    private const int CacheLine = 64;
    private const int Places = 4;

    /// <summary>Memory between large frames; a power of two so that a data address leads to its frame. Pages never touched cost nothing.</summary>
    public const int LargeFrameSize = 128 * 1024;

    /// <summary>The longer of the two sizes an ordinary frame can have.</summary>
    public const int LongestFrameSize = 4096;

    private const int DefaultLargeFrameCount = 256;

    private readonly Lock _lock = new();
    private readonly nint[] _free;
    private readonly nint[] _freeLarge;
    private readonly FrameMemory _memory;
    private readonly byte* _large;
    private readonly nuint _largeBytes;
    private int _freeCount;
    private int _freeLargeCount;
    private int _shares;
    private bool[]? _claimed;
    private bool _disposed;

    /// <param name="frameCount">Frames of <paramref name="frameSize"/> bytes.</param>
    /// <param name="frameSize">2048 or 4096: what AF_XDP accepts as a chunk.</param>
    /// <param name="largeFrameCount">Frames for packets that do not fit.</param>
    /// <param name="allocate">Where so many bytes for the ordinary frames come from; null for the heap.</param>
    /// <param name="isInUse">Whether another process has the memory still: none of the ordinary frames is free before <see cref="FreeUnclaimed"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A count is below 1 or the size is neither of the two.</exception>
    public FramePool(
        int frameCount, int frameSize = 2048, int largeFrameCount = DefaultLargeFrameCount, Func<nuint, FrameMemory>? allocate = null, bool isInUse = false)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(frameCount, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(largeFrameCount, 1);
        if (frameSize is not (2048 or LongestFrameSize))
        {
            throw new ArgumentOutOfRangeException(nameof(frameSize), frameSize, "a frame has 2048 or 4096 bytes");
        }
        FrameCount = frameCount;
        FrameSize = frameSize;
        LargeFrameCount = largeFrameCount;
        _memory = (allocate ?? FrameMemory.FromHeap)((nuint)frameCount * (nuint)frameSize);
        Region = _memory.Start;
        _largeBytes = (nuint)largeFrameCount * LargeFrameSize;
        _large = (byte*)NativeMemory.AlignedAlloc(_largeBytes, LargeFrameSize);
        _free = new nint[frameCount];
        _freeLarge = new nint[largeFrameCount];
        _claimed = new bool[frameCount];
        if (!isInUse)
        {
            FreeUnclaimed();
        }
        for (int i = largeFrameCount - 1; i >= 0; i--)
        {
            _freeLarge[_freeLargeCount++] = (nint)(_large + ((nuint)i * LargeFrameSize));
        }
    }

    public int FrameCount { get; }

    /// <summary>Bytes from one frame to the next.</summary>
    public int FrameSize { get; }

    public int LargeFrameCount { get; }

    /// <summary>Longest packet a frame of <see cref="FrameSize"/> holds behind full headroom.</summary>
    public int FrameCapacity => FrameSize - DataOffset;

    /// <summary>Longest packet a large frame holds behind full headroom.</summary>
    public static int LargeFrameCapacity => Packet.MaxLength;

    /// <summary>Start of the frames of <see cref="FrameSize"/> bytes, page-aligned: what a umem registers.</summary>
    public byte* Region { get; }

    public nuint RegionBytes => _memory.Bytes;

    /// <summary>As <see cref="FrameMemory.Descriptor"/>, of the ordinary frames.</summary>
    public int MemoryDescriptor => _memory.Descriptor;

    /// <summary>Frames in the pool itself; caches, ports and queues hold the others.</summary>
    public int FreeCount
    {
        get
        {
            lock (_lock)
            {
                return _freeCount;
            }
        }
    }

    public int FreeLargeCount
    {
        get
        {
            lock (_lock)
            {
                return _freeLargeCount;
            }
        }
    }

    /// <summary>Whether another process has the memory still: no ordinary frame is free before <see cref="FreeUnclaimed"/>.</summary>
    public bool IsInUse
    {
        get
        {
            lock (_lock)
            {
                return _claimed != null;
            }
        }
    }

    /// <summary>Of memory that was in use: the frame that holds <paramref name="offset"/>, counted from <see cref="Region"/>, is the caller's, as the kernel has it.</summary>
    /// <exception cref="InvalidDataException">There is no such frame, or it is claimed or free already.</exception>
    public void Claim(ulong offset)
    {
        lock (_lock)
        {
            int frame = offset < RegionBytes ? (int)(offset / (ulong)FrameSize) : -1;
            if (frame < 0 || _claimed is not { } claimed || claimed[frame])
            {
                throw new InvalidDataException($"frame {frame} of {FrameCount} cannot be claimed");
            }
            claimed[frame] = true;
        }
    }

    /// <summary>The memory belongs to this process now: every frame that no port or queue has claimed becomes free. Once.</summary>
    public void FreeUnclaimed()
    {
        lock (_lock)
        {
            if (_claimed is not { } claimed)
            {
                return;
            }
            _claimed = null;
            // Last in, first out: the first frames handed out lie at the start of the region.
            for (int i = FrameCount - 1; i >= 0; i--)
            {
                if (!claimed[i])
                {
                    _free[_freeCount++] = (nint)(Region + ((nuint)i * (nuint)FrameSize));
                }
            }
        }
    }

    /// <summary>A new cache, to be used by one thread (or under one lock) only.</summary>
    /// <param name="share">The quota that the cache's frames count for; null for none.</param>
    public FrameCache CreateCache(FrameQuota? share = null) => new(this, share);

    /// <summary>A datapath begins to share the pool, until <see cref="Leave"/>. A single datapath may use all of it.</summary>
    public FrameQuota Join()
    {
        lock (_lock)
        {
            _shares++;
            return new FrameQuota();
        }
    }

    public void Leave()
    {
        lock (_lock)
        {
            _shares--;
        }
    }

    /// <summary>Where a fresh packet begins in an ordinary frame.</summary>
    /// <remarks>
    /// Frames lie a power of two apart: packets at one offset would all compete for two sets of a first-level cache of 64, and every other
    /// store would look to a load like one to the same address (what is compared first is the address within a page).
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static byte* PlaceOf(nint frame) =>
        (byte*)frame + DataOffset - (((int)((nuint)frame / LongestFrameSize) & (Places - 1)) * CacheLine);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool IsLarge(byte* data) => (nuint)(data - _large) < _largeBytes;

    /// <summary>Start of the frame that holds <paramref name="data"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal byte* FrameStart(byte* data) =>
        IsLarge(data) ? (byte*)((nuint)data & ~(nuint)(LargeFrameSize - 1)) : OrdinaryFrameStart(data);

    /// <summary>Where the owner of the packet at <paramref name="data"/> may write <see cref="NoteSize"/> bytes, as long as it is the owner.</summary>
    internal byte* NoteOf(byte* data) => FrameStart(data) + NoteOffset;

    /// <summary>The same for what is known not to be a large frame. The region begins at a multiple of any frame size.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal byte* OrdinaryFrameStart(byte* data) => (byte*)((nuint)data & ~(nuint)(FrameSize - 1));

    /// <summary>Moves up to <paramref name="block"/>.Length free frames into <paramref name="block"/>; returns how many.</summary>
    internal int Take(Span<nint> block, bool large, FrameQuota? share)
    {
        lock (_lock)
        {
            ref int count = ref large ? ref _freeLargeCount : ref _freeCount;
            nint[] free = large ? _freeLarge : _free;
            int taken = Math.Min(block.Length, share == null || _shares <= 1 ? count : share.Allowance(count, large));
            share?.Add(taken, large);
            free.AsSpan(count - taken, taken).CopyTo(block);
            count -= taken;
            return taken;
        }
    }

    internal void Return(ReadOnlySpan<nint> block, bool large, FrameQuota? share)
    {
        share?.Add(-block.Length, large);
        lock (_lock)
        {
            ref int count = ref large ? ref _freeLargeCount : ref _freeCount;
            block.CopyTo((large ? _freeLarge : _free).AsSpan(count));
            count += block.Length;
        }
    }

    /// <summary>Frees the memory. No frame may be in use, by the process or by the kernel.</summary>
    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            _memory.Dispose();
            NativeMemory.AlignedFree(_large);
        }
    }
}
