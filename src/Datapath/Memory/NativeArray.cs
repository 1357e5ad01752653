using System.Runtime.InteropServices;

namespace Softswitch.Datapath.Memory;

/// <summary>A zeroed native array on a cache line, reserved whole; the system backs a page when it is first touched.</summary>
/// <remarks>Elements never move, so readers need no lock, and a table that stays small costs only what it uses.</remarks>
internal sealed unsafe class NativeArray<T> : IDisposable
    where T : unmanaged
{
    private const nuint CacheLine = 64;

    private byte* _block;

    public NativeArray(int length)
    {
        Length = length;
        // calloc maps blocks of this size afresh: zero, and not resident until used.
        _block = (byte*)NativeMemory.AllocZeroed((nuint)length * (nuint)sizeof(T) + CacheLine);
        Start = (T*)(((nuint)_block + CacheLine - 1) & ~(CacheLine - 1));
    }

    public int Length { get; }

    public T* Start { get; private set; }

    public void Dispose()
    {
        NativeMemory.Free(_block);
        _block = null;
        Start = null;
    }
}
