namespace Softswitch.Ports.Linux.Memory;

/// <summary>A file mapped for 32-bit loads and stores, such as a PCI region (sysfs resourceN, Documentation/PCI/sysfs-pci.rst).</summary>
/// <remarks>Each access is one load or store, in program order. Threads: one at a time. A file cut short under a mapping is a SIGBUS: PCI regions cannot be.</remarks>
internal sealed unsafe class MappedRegion : IDisposable
{
    private byte* _start;

    private MappedRegion(byte* start, uint length)
    {
        _start = start;
        Length = length;
    }

    /// <summary>Bytes.</summary>
    public uint Length { get; }

    /// <param name="path">The file.</param>
    /// <param name="length">Bytes to map, at most the file's size.</param>
    /// <exception cref="SystemCallException">It cannot be opened or mapped.</exception>
    public static MappedRegion Open(string path, uint length)
    {
        int file = Libc.open(path, Libc.O_RDWR | Libc.O_CLOEXEC);
        if (file < 0)
        {
            throw SystemCallException.Last($"open {path}");
        }
        void* start = Libc.mmap(null, length, Libc.PROT_READ | Libc.PROT_WRITE, Libc.MAP_SHARED, file, 0);
        int error = Errno.Last;
        _ = Libc.close(file); // the mapping stays
        return (nint)start != -1 ? new MappedRegion((byte*)start, length) : throw new SystemCallException($"mmap {path}", error);
    }

    /// <param name="offset">A multiple of 4.</param>
    public uint Read(uint offset) => Volatile.Read(ref At(offset));

    /// <inheritdoc cref="Read"/>
    public void Write(uint offset, uint value) => Volatile.Write(ref At(offset), value);

    public void Dispose()
    {
        if (_start != null)
        {
            _ = Libc.munmap(_start, Length);
            _start = null;
        }
    }

    private ref uint At(uint offset)
    {
        ObjectDisposedException.ThrowIf(_start == null, this);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Length - sizeof(uint));
        ArgumentOutOfRangeException.ThrowIfNotEqual(offset % sizeof(uint), 0u);
        return ref *(uint*)(_start + offset);
    }
}
