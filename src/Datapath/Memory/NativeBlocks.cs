using System.Runtime.InteropServices;

namespace Softswitch.Datapath.Memory;

/// <summary>Equal blocks of native memory, cut from chunks and recycled; addresses never move.</summary>
/// <remarks>Threads: one at a time (the control side). Memory goes back to the system only on dispose.</remarks>
internal sealed unsafe class NativeBlocks : IReclaimer, IDisposable
{
    private const int ChunkBytes = 64 * 1024;
    private const int LargeChunkBytes = 2 << 20; // a huge page

    // An owner of so many chunks is likely to need more: from then on chunks are large.
    private const int ChunksBeforeLarge = 32;

    private readonly int _blockSize;
    private readonly Action<nint, nuint>? _advise;
    private readonly List<nint> _chunks = [];
    private byte* _free;
    private byte* _fresh; // start of the blocks of the last chunk that were never rented: untouched
    private int _freshCount;

    /// <param name="blockSize">Bytes of a block: a multiple of 16; blocks of 64 bytes and more start on a cache line if it is a multiple of 64.</param>
    /// <param name="advise">Asks for huge pages for a chunk: address and bytes. Null for none.</param>
    public NativeBlocks(int blockSize, Action<nint, nuint>? advise = null)
    {
        _blockSize = blockSize;
        _advise = advise;
    }

    /// <summary>Bytes taken from the system.</summary>
    public long AllocatedBytes { get; private set; }

    /// <summary>Blocks rented and not returned.</summary>
    public int RentedCount { get; private set; }

    /// <summary>A block with undefined content.</summary>
    public byte* Rent()
    {
        RentedCount++;
        byte* block = _free;
        if (block != null)
        {
            _free = *(byte**)block;
            return block;
        }
        if (_freshCount == 0)
        {
            AddChunk();
        }
        block = _fresh;
        _fresh += _blockSize;
        _freshCount--;
        return block;
    }

    public void Return(byte* block)
    {
        RentedCount--;
        Push(block);
    }

    void IReclaimer.Reclaim(nint item) => Return((byte*)item);

    public void Dispose()
    {
        foreach (nint chunk in _chunks)
        {
            NativeMemory.AlignedFree((void*)chunk);
        }
        _chunks.Clear();
        _free = null;
        _freshCount = 0;
    }

    private void AddChunk()
    {
        bool isLarge = _advise != null && _chunks.Count >= ChunksBeforeLarge;
        int count = Math.Max(1, (isLarge ? LargeChunkBytes : ChunkBytes) / _blockSize);
        nuint bytes = (nuint)count * (nuint)_blockSize;
        if (isLarge)
        {
            _fresh = (byte*)NativeMemory.AlignedAlloc(LargeChunkBytes, LargeChunkBytes);
            _advise!((nint)_fresh, LargeChunkBytes);
        }
        else
        {
            _fresh = (byte*)NativeMemory.AlignedAlloc(bytes, 64);
        }
        _freshCount = count; // now that there is memory
        AllocatedBytes += (long)bytes;
        _chunks.Add((nint)_fresh);
    }

    private void Push(byte* block)
    {
        *(byte**)block = _free;
        _free = block;
    }
}
