using System.Runtime.InteropServices;

namespace Softswitch.Datapath.Memory;

/// <summary>A zeroed native array on a cache line, reserved whole; the system backs a page when it is first touched.</summary>
/// <remarks>Elements never move, so readers need no lock, and a table that stays small costs only what it uses.</remarks>
internal sealed unsafe class NativeArray<T> : IDisposable
    where T : unmanaged
{
    private const nuint CacheLine = 64;

    // The C library gives smaller blocks out of what was freed before, and clears them: all of such a block is resident then. What is larger than its
    // M_MMAP_THRESHOLD can become (DEFAULT_MMAP_THRESHOLD_MAX of glibc) it maps afresh each time.
    private const nuint AlwaysMapped = (32 << 20) + 1;
    private const nuint LeastToMap = 64 * 1024;

    private byte* _block;

    public NativeArray(int length)
    {
        Length = length;
        nuint bytes = ((nuint)length * (nuint)sizeof(T)) + CacheLine;
        _block = (byte*)NativeMemory.AllocZeroed(bytes < LeastToMap ? bytes : Math.Max(bytes, AlwaysMapped));
        Start = (T*)(((nuint)_block + CacheLine - 1) & ~(CacheLine - 1));
    }

    public int Length { get; }

    public T* Start { get; private set; }

    /// <summary>An element by reference: for code without pointers.</summary>
    public ref T this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)Length);
            return ref Start[index];
        }
    }

    public void Dispose()
    {
        NativeMemory.Free(_block);
        _block = null;
        Start = null;
    }
}
