namespace Softswitch.Ports.Linux.Memory;

/// <summary>Part of a file that another process made and may change at any time, mapped for reading and writing.</summary>
/// <remarks>
/// If a file is cut short under a mapping, a thread that touches the missing part gets a SIGBUS. If the file allows it, its size is sealed against that
/// (F_SEAL_SHRINK). For other files <see cref="BusErrors"/> puts other memory in place of the mapping; <see cref="IsTorn"/> is true then.
/// Threads: any; no thread may use the mapping while it is disposed of.
/// </remarks>
internal sealed unsafe class SharedFile : IDisposable
{
    private const int F_ADD_SEALS = 1033;
    private const int F_SEAL_SHRINK = 2;
    private const int TMPFS_MAGIC = 0x01021994; // memfds too
    private const int HUGETLBFS_MAGIC = unchecked((int)0x958458f6);
    private const int PROT_NONE = 0;
    private const int MAP_NORESERVE = 0x4000;

    private readonly byte* _reserved;
    private readonly nuint _reservedBytes;
    private readonly BusErrors.Range* _range;
    private bool _disposed;

    private SharedFile(int descriptor, byte* reserved, nuint reservedBytes, byte* start, BusErrors.Range* range)
    {
        Descriptor = descriptor;
        _reserved = reserved;
        _reservedBytes = reservedBytes;
        _range = range;
        Start = start;
    }

    public int Descriptor { get; }

    /// <summary>The byte at the offset that was asked for.</summary>
    public byte* Start { get; }

    /// <summary>Whether the file was cut short and its memory is no longer the other process's.</summary>
    public bool IsTorn => Volatile.Read(ref _range->IsTorn) != 0;

    /// <param name="descriptor">Closed with the mapping, or here if there is none.</param>
    /// <param name="bytes">From <paramref name="offset"/> on; all of them inside of the file.</param>
    /// <param name="offset">Any: the mapping begins at the page.</param>
    /// <param name="why">The reason if the result is false.</param>
    public static bool TryMap(int descriptor, ulong bytes, ulong offset, out SharedFile? file, out string why)
    {
        file = Map(descriptor, bytes, offset, out why);
        if (file == null)
        {
            _ = Libc.close(descriptor);
        }
        return file != null;
    }

    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            BusErrors.Remove(_range);
            _ = Libc.munmap(_reserved, _reservedBytes);
            _ = Libc.close(Descriptor);
        }
    }

    private static SharedFile? Map(int descriptor, ulong bytes, ulong offset, out string why)
    {
        why = string.Empty;
        FileSystemStatus system;
        if (Libc.fstatfs(descriptor, &system) != 0 || (int)system.Type is not (TMPFS_MAGIC or HUGETLBFS_MAGIC))
        {
            why = "a file that is no memory: neither a memfd nor on tmpfs or hugetlbfs"; // its pages might come from a slow disk, or never
            return null;
        }
        long size = Libc.lseek(descriptor, 0, Libc.SEEK_END);
        if (size < 0)
        {
            why = $"no file with a size (lseek: {Errno.Text(Errno.Last)})";
            return null;
        }
        if (bytes == 0 || offset > (ulong)size || bytes > (ulong)size - offset)
        {
            why = $"{bytes} bytes at 0x{offset:x} of a file of {size} bytes";
            return null;
        }
        _ = Libc.fcntl(descriptor, F_ADD_SEALS, F_SEAL_SHRINK); // refused by what is no memfd
        // What mappings of the file are multiples of: a page, or one of its huge pages.
        ulong page = (int)system.Type == HUGETLBFS_MAGIC ? (ulong)system.BlockSize : (ulong)Environment.SystemPageSize;
        ulong inside = offset % page;
        nuint mappedBytes = (nuint)((inside + bytes + page - 1) / page * page);
        // Guard pages, which no thread may touch, stand on either side.
        nuint guard = (nuint)Environment.SystemPageSize;
        nuint reservedBytes = mappedBytes + (nuint)page + (2 * guard);
        void* reserved = Libc.mmap(null, reservedBytes, PROT_NONE, Libc.MAP_PRIVATE | Libc.MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if ((nint)reserved == -1)
        {
            why = $"mmap: {Errno.Text(Errno.Last)}";
            return null;
        }
        byte* start = (byte*)(((nuint)reserved + guard + (nuint)page - 1) / (nuint)page * (nuint)page);
        const int protection = Libc.PROT_READ | Libc.PROT_WRITE;
        BusErrors.Range* range = null;
        if ((nint)Libc.mmap(start, mappedBytes, protection, Libc.MAP_SHARED | Libc.MAP_FIXED, descriptor, (nint)(offset - inside)) == -1)
        {
            why = $"mmap: {Errno.Text(Errno.Last)}";
        }
        else if ((range = BusErrors.Add(start, mappedBytes)) == null)
        {
            why = $"more than {BusErrors.MaxRanges - 1} mapped files";
        }
        if (range == null)
        {
            _ = Libc.munmap(reserved, reservedBytes);
            return null;
        }
        return new SharedFile(descriptor, (byte*)reserved, reservedBytes, start + inside, range);
    }
}
