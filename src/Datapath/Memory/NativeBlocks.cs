using System.Runtime.InteropServices;

namespace Softswitch.Datapath.Memory;

/// <summary>Equal blocks of native memory, cut from chunks and recycled; addresses never move.</summary>
/// <remarks>Threads: one at a time (the control side). Memory goes back to the system only on dispose.</remarks>
internal sealed unsafe class NativeBlocks : IReclaimer, IDisposable
{
    private const int ChunkBytes = 64 * 1024;

    private readonly int _blockSize;
    private readonly int _blocksPerChunk;
    private readonly List<nint> _chunks = [];
    private byte* _free;
    private byte* _fresh; // of the last chunk, what was never rented: untouched
    private int _freshCount;

    /// <param name="blockSize">Bytes of a block: a multiple of 16; blocks of 64 bytes and more start on a cache line if it is a multiple of 64.</param>
    public NativeBlocks(int blockSize)
    {
        _blockSize = blockSize;
        _blocksPerChunk = Math.Max(1, ChunkBytes / blockSize);
    }

    /// <summary>Bytes taken from the system.</summary>
    public long AllocatedBytes => (long)_chunks.Count * _blocksPerChunk * _blockSize;

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
        _fresh = (byte*)NativeMemory.AlignedAlloc((nuint)(_blocksPerChunk * _blockSize), 64);
        _freshCount = _blocksPerChunk;
        _chunks.Add((nint)_fresh);
    }

    private void Push(byte* block)
    {
        *(byte**)block = _free;
        _free = block;
    }
}
