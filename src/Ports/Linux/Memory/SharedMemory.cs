namespace Softswitch.Ports.Linux.Memory;

/// <summary>Memory that another process maps by its descriptor (memfd_create(2)). Its size is sealed: to cut it short would cause a SIGBUS here.</summary>
internal sealed unsafe class SharedMemory : IDisposable
{
    private const uint MFD_CLOEXEC = 1;
    private const uint MFD_ALLOW_SEALING = 2;
    private const int F_ADD_SEALS = 1033;
    private const int F_GET_SEALS = 1034;
    private const int F_SEAL_SHRINK = 2;
    private const int F_SEAL_GROW = 4;

    private bool _disposed;

    private SharedMemory(int descriptor, byte* start, nuint bytes)
    {
        Descriptor = descriptor;
        Start = start;
        Bytes = bytes;
    }

    public int Descriptor { get; }

    /// <summary>A multiple of a page.</summary>
    public byte* Start { get; }

    public nuint Bytes { get; }

    /// <summary>Memory of zeros.</summary>
    /// <param name="name">What it is called in <c>/proc/PID/maps</c>.</param>
    /// <exception cref="SystemCallException">The system refuses.</exception>
    public static SharedMemory Create(string name, nuint bytes)
    {
        int descriptor = TryCreateDescriptor(name, bytes, flags: 0, out int error);
        if (descriptor < 0)
        {
            throw new SystemCallException($"memfd_create({bytes} bytes)", error);
        }
        try
        {
            return Map(descriptor, bytes);
        }
        catch
        {
            _ = Libc.close(descriptor);
            throw;
        }
    }

    /// <summary>What another process made.</summary>
    /// <param name="descriptor">Its owner is the result; the caller, if this throws.</param>
    /// <exception cref="InvalidDataException">It is not of this size for good.</exception>
    /// <exception cref="SystemCallException">The system refuses.</exception>
    public static SharedMemory Of(int descriptor, nuint bytes)
    {
        Check(descriptor, bytes);
        return Map(descriptor, bytes);
    }

    /// <param name="flags">Beside what all have: MFD_HUGETLB and the like.</param>
    /// <returns>A descriptor of so many bytes; negative where the system refuses.</returns>
    public static int TryCreateDescriptor(string name, nuint bytes, uint flags, out int error)
    {
        error = 0;
        int descriptor = Libc.memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | flags);
        if (descriptor >= 0
            && Libc.ftruncate(descriptor, (long)bytes) == 0
            && Libc.fcntl(descriptor, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0)
        {
            return descriptor;
        }
        error = Errno.Last;
        if (descriptor >= 0)
        {
            _ = Libc.close(descriptor);
        }
        return -1;
    }

    /// <exception cref="InvalidDataException">The descriptor's memory is not of this size for good.</exception>
    public static void Check(int descriptor, nuint bytes)
    {
        const int fixedSize = F_SEAL_SHRINK | F_SEAL_GROW;
        int seals = Libc.fcntl(descriptor, F_GET_SEALS, 0);
        long size = Libc.lseek(descriptor, 0, Libc.SEEK_END);
        if (seals < 0 || (seals & fixedSize) != fixedSize || size != (long)bytes)
        {
            throw new InvalidDataException($"descriptor {descriptor} is no shared memory of {bytes} bytes");
        }
    }

    public void Dispose()
    {
        if (!_disposed)
        {
            Unmap();
            _ = Libc.close(Descriptor);
        }
    }

    /// <summary>Gives it up and leaves the descriptor open, in place of disposing.</summary>
    public void Unmap()
    {
        _disposed = true;
        _ = Libc.munmap(Start, Bytes);
    }

    private static SharedMemory Map(int descriptor, nuint bytes)
    {
        void* start = Libc.mmap(null, bytes, Libc.PROT_READ | Libc.PROT_WRITE, Libc.MAP_SHARED, descriptor, 0);
        return (nint)start != -1 ? new SharedMemory(descriptor, (byte*)start, bytes) : throw SystemCallException.Last($"mmap({bytes} bytes of memfd)");
    }
}
