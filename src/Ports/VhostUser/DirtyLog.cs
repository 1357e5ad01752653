using Softswitch.Ports.Linux.Memory;

namespace Softswitch.Ports.VhostUser;

/// <summary>The bitmap in which a migration's source learns what the back-end wrote: one bit a page of 4096 bytes, from guest-physical 0 on.</summary>
/// <remarks>
/// Shared with the front-end, which fetches and clears it at any time: a page is marked after it was written, never before. Threads: any may mark.
/// Pages behind the log's end are left out: there the front-end has no memory to move.
/// </remarks>
internal sealed unsafe class DirtyLog : IDisposable
{
    public const int PageSize = 4096;

    private readonly SharedFile _file;
    private readonly int* _words;
    private readonly ulong _pages;

    private DirtyLog(SharedFile file, ulong bytes)
    {
        _file = file;
        _words = (int*)file.Start;
        _pages = bytes / sizeof(int) * sizeof(int) * 8;
    }

    /// <summary>Whether its file was cut short, and marks are lost.</summary>
    public bool IsTorn => _file.IsTorn;

    /// <summary>Whether every page of what ends at <paramref name="end"/>, guest-physical, has a bit.</summary>
    public bool Covers(ulong end) => end <= _pages * PageSize;

    /// <param name="descriptor">Closed here, whatever comes of it.</param>
    /// <param name="bytes">Of the bitmap.</param>
    /// <param name="offset">Where it begins in the file.</param>
    public static bool TryMap(int descriptor, ulong bytes, ulong offset, out DirtyLog? log, out string why)
    {
        log = null;
        if (!SharedFile.TryMap(descriptor, bytes, offset, out SharedFile? file, out why))
        {
            return false;
        }
        if ((nuint)file!.Start % sizeof(int) != 0 || bytes < sizeof(int))
        {
            file.Dispose();
            why = $"a log of {bytes} bytes at 0x{offset:x} is no array of words";
            return false;
        }
        log = new DirtyLog(file, bytes);
        return true;
    }

    /// <summary>Marks the pages of what was written at a guest-physical address.</summary>
    public void Mark(ulong address, ulong length)
    {
        if (length == 0)
        {
            return;
        }
        ulong last = Math.Min((address + length - 1) / PageSize, _pages - 1);
        for (ulong page = address / PageSize; page <= last; page++)
        {
            Interlocked.Or(ref _words[page / 32], 1 << (int)(page % 32)); // also a barrier behind what was written
        }
    }

    public void Dispose() => _file.Dispose();
}
