using System.Runtime.InteropServices;

namespace Softswitch.Testing;

/// <summary>Memory that ends at a page nobody may touch: a read or write beyond a buffer placed at its end kills the process.</summary>
internal sealed unsafe partial class GuardedMemory : IDisposable
{
    private const int PageSize = 4096;
    private const int PROT_NONE = 0;
    private const int PROT_READ = 1;
    private const int PROT_WRITE = 2;
    private const int MAP_PRIVATE = 2;
    private const int MAP_ANONYMOUS = 0x20;

    private readonly byte* _start;
    private readonly int _usable;

    /// <param name="size">Bytes, rounded up to pages; a guard page stands on either side.</param>
    public GuardedMemory(int size)
    {
        _usable = (size + PageSize - 1) / PageSize * PageSize;
        _start = (byte*)mmap(0, (nuint)(_usable + (2 * PageSize)), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if ((nint)_start == -1 || mprotect((nint)(_start + PageSize), (nuint)_usable, PROT_READ | PROT_WRITE) != 0)
        {
            throw new InvalidOperationException("mmap: " + Marshal.GetLastPInvokeErrorMessage());
        }
    }

    /// <summary>Copies <paramref name="data"/> to the end of the memory; the byte behind it is the guard's.</summary>
    public byte* PlaceAtEnd(ReadOnlySpan<byte> data)
    {
        byte* place = _start + PageSize + _usable - data.Length;
        data.CopyTo(new Span<byte>(place, data.Length));
        return place;
    }

    public void Dispose() => _ = munmap((nint)_start, (nuint)(_usable + (2 * PageSize)));

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint mmap(nint address, nuint length, int protection, int flags, int fd, nint offset);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int mprotect(nint address, nuint length, int protection);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int munmap(nint address, nuint length);
}
