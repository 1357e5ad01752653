using System.Text;

namespace Softswitch.Ports.Linux.Ebpf;

/// <summary>Memory that BPF programs and this process share: an array, of one element as a rule, mapped.</summary>
/// <remarks>Threads: any; nothing here orders what program and process do.</remarks>
internal sealed unsafe class BpfMemory : IDisposable
{
    private readonly nuint _mappedBytes;
    private byte* _bytes;

    /// <param name="bytes">Of each element; a multiple of 8 if there are several.</param>
    /// <param name="elements">They follow each other.</param>
    /// <exception cref="SystemCallException">The system refuses.</exception>
    public BpfMemory(int bytes, int elements = 1)
    {
        Size = checked(bytes * elements);
        Map = Bpf.CreateSharedMemory((uint)bytes, (uint)elements);
        if (Map < 0)
        {
            throw SystemCallException.Last("bpf(BPF_MAP_CREATE)");
        }
        _mappedBytes = (nuint)((Size + Environment.SystemPageSize - 1) / Environment.SystemPageSize * Environment.SystemPageSize);
        void* mapped = Libc.mmap(null, _mappedBytes, Libc.PROT_READ | Libc.PROT_WRITE, Libc.MAP_SHARED, Map, 0);
        if ((nint)mapped == -1)
        {
            SystemCallException failure = SystemCallException.Last("mmap(BPF map)");
            _ = Libc.close(Map);
            throw failure;
        }
        _bytes = (byte*)mapped;
    }

    /// <summary>Bytes.</summary>
    public int Size { get; }

    /// <summary>Its first byte; null once disposed of.</summary>
    public byte* Start => _bytes;

    /// <summary>The map's descriptor, for programs; negative once closed.</summary>
    public int Map { get; private set; }

    /// <summary>The 64-bit word at a multiple of eight bytes.</summary>
    public ref long this[int offset]
    {
        get
        {
            ObjectDisposedException.ThrowIf(_bytes == null, this);
            ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)offset, (uint)(Size - sizeof(long)), nameof(offset));
            return ref *(long*)(_bytes + offset);
        }
    }

    public void Clear()
    {
        ObjectDisposedException.ThrowIf(_bytes == null, this);
        new Span<byte>(_bytes, Size).Clear();
    }

    /// <summary>No more programs are to be written that use it; those that are, and maps that it is in, keep it.</summary>
    public void CloseMap()
    {
        if (Map >= 0)
        {
            _ = Libc.close(Map);
            Map = -1;
        }
    }

    public void Dispose()
    {
        if (_bytes != null)
        {
            _ = Libc.munmap(_bytes, _mappedBytes);
            CloseMap();
            _bytes = null;
        }
    }

    /// <summary>Takes a program's descriptor, or says why the kernel did not load it.</summary>
    /// <param name="log">What the verifier wrote.</param>
    public static int CheckLoaded(int program, ReadOnlySpan<byte> log)
    {
        if (program >= 0)
        {
            return program;
        }
        int error = Errno.Last;
        int length = log.IndexOf((byte)0);
        string[] lines = Encoding.ASCII.GetString(length < 0 ? log : log[..length]).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        string complaint = lines.Length == 0 ? string.Empty : $" ({string.Join("; ", lines.TakeLast(3))})";
        throw new SystemCallException($"bpf(BPF_PROG_LOAD){complaint}", error);
    }
}
