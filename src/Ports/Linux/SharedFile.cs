namespace Softswitch.Ports.Linux;

/// <summary>Part of a file that another process made and may change at any time, mapped for reading and writing.</summary>
/// <remarks>
/// A file cut short under a mapping is a SIGBUS for whoever touches what is missing. Where the file lets us, we seal its size against that (F_SEAL_SHRINK);
/// for the others there is <see cref="BusErrors"/>, which puts other memory in its place: then <see cref="IsTorn"/>.
/// Threads: any, but for disposing, which nobody may see.
/// </remarks>
internal sealed unsafe class SharedFile : IDisposable
{
    private const int F_ADD_SEALS = 1033;
    private const int F_SEAL_SHRINK = 2;

    private readonly byte* _mapping;
    private readonly nuint _mappedBytes;
    private readonly BusErrors.Range* _range;
    private bool _disposed;

    private SharedFile(int descriptor, byte* mapping, nuint mappedBytes, nuint inside, BusErrors.Range* range)
    {
        Descriptor = descriptor;
        _mapping = mapping;
        _mappedBytes = mappedBytes;
        _range = range;
        Start = mapping + inside;
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
            _ = Libc.munmap(_mapping, _mappedBytes);
            _ = Libc.close(Descriptor);
        }
    }

    private static SharedFile? Map(int descriptor, ulong bytes, ulong offset, out string why)
    {
        why = string.Empty;
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
        ulong page = BlockSize(descriptor);
        ulong inside = offset % page;
        nuint mappedBytes = (nuint)((inside + bytes + page - 1) / page * page);
        void* mapping = Libc.mmap(null, mappedBytes, Libc.PROT_READ | Libc.PROT_WRITE, Libc.MAP_SHARED, descriptor, (nint)(offset - inside));
        if ((nint)mapping == -1)
        {
            why = $"mmap: {Errno.Text(Errno.Last)}";
            return null;
        }
        BusErrors.Range* range = BusErrors.Add((byte*)mapping, mappedBytes);
        if (range == null)
        {
            why = $"more than {BusErrors.MaxRanges} mapped files";
            _ = Libc.munmap(mapping, mappedBytes);
            return null;
        }
        return new SharedFile(descriptor, (byte*)mapping, mappedBytes, (nuint)inside, range);
    }

    /// <summary>What mappings of the file are multiples of: a page, or one of its huge pages.</summary>
    private static ulong BlockSize(int descriptor)
    {
        const int HUGETLBFS_MAGIC = unchecked((int)0x958458f6);
        FileSystemStatus status;
        ulong page = (ulong)Environment.SystemPageSize;
        return Libc.fstatfs(descriptor, &status) == 0 && (int)status.Type == HUGETLBFS_MAGIC ? (ulong)status.BlockSize : page;
    }
}
