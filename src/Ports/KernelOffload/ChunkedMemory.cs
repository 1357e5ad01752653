using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Ebpf;

namespace Softswitch.Ports.KernelOffload;

/// <summary>An array that programs and this process share and that grows: chunk by chunk, in an array of maps.</summary>
/// <remarks>Threads: one at a time. A new chunk takes some milliseconds: the kernel waits for all programs under way.</remarks>
internal sealed unsafe class ChunkedMemory : IDisposable
{
    private readonly int _elementBytes;
    private readonly int _chunkBits;
    private readonly BpfMemory?[] _chunks;
    private BpfMemory? _next; // the example, until it is a chunk

    /// <param name="elementBytes">A multiple of 8.</param>
    /// <param name="chunkBits">A chunk has two to the power of this elements.</param>
    /// <param name="most">Elements it may have.</param>
    /// <exception cref="SystemCallException">The system refuses.</exception>
    public ChunkedMemory(int elementBytes, int chunkBits, long most)
    {
        _elementBytes = elementBytes;
        _chunkBits = chunkBits;
        _chunks = new BpfMemory[(int)((most + (1 << chunkBits) - 1) >> chunkBits)];
        _next = NewChunk();
        Map = Bpf.CreateArrayOfMaps((uint)_chunks.Length, _next.Map);
        if (Map < 0)
        {
            SystemCallException failure = SystemCallException.Last("bpf(BPF_MAP_CREATE)");
            _next.Dispose();
            throw failure;
        }
    }

    /// <summary>The descriptor, for the program.</summary>
    public int Map { get; }

    /// <summary>An element, zeroed when its chunk was made; null if the memory for that cannot be had.</summary>
    public byte* Get(uint index)
    {
        int chunk = (int)(index >> _chunkBits);
        if (chunk >= _chunks.Length || (_chunks[chunk] == null && !TryAdd(chunk)))
        {
            return null;
        }
        return _chunks[chunk]!.Start + ((index & ((1u << _chunkBits) - 1)) * (long)_elementBytes);
    }

    public void Dispose()
    {
        _ = Libc.close(Map);
        _next?.Dispose();
        Array.ForEach(_chunks, chunk => chunk?.Dispose());
    }

    private BpfMemory NewChunk() => new(_elementBytes, 1 << _chunkBits);

    private bool TryAdd(int index)
    {
        BpfMemory chunk;
        try
        {
            chunk = _next ?? NewChunk();
            _next = null;
        }
        catch (SystemCallException)
        {
            return false;
        }
        if (Bpf.SetMap(Map, (uint)index, chunk.Map) < 0)
        {
            chunk.Dispose();
            return false;
        }
        chunk.CloseMap(); // the array keeps it
        _chunks[index] = chunk;
        return true;
    }
}
