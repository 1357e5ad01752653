using System.Diagnostics;
using System.Runtime.CompilerServices;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Sockets;

namespace Softswitch.Ports.AfXdp;

/// <summary>One of a socket's four rings, mapped: entries that one side writes and the other reads, in order.</summary>
/// <typeparam name="T">A <see cref="XdpDescriptor"/> in the receive and transmit rings, the address alone, as ulong, in the others.</typeparam>
/// <remarks>
/// Indices run freely and are masked at the entry. Reserving, submitting, peeking, releasing as in libxdp: the writer fills entries and
/// then publishes the producer index, the reader reads them and then publishes the consumer index. Threads: the worker; the kernel.
/// </remarks>
internal sealed unsafe class XdpRing<T> : IDisposable
    where T : unmanaged
{
    private readonly byte* _map;
    private readonly nuint _mapBytes;
    private readonly uint* _producer;
    private readonly uint* _consumer;
    private readonly uint* _flags;
    private readonly T* _entries;
    private readonly uint _mask;
    private uint _own; // our index, as far as we are; the shared one follows with Submit or Release
    private bool _disposed;

    /// <param name="map">Mapped memory, the ring's from now on.</param>
    internal XdpRing(byte* map, nuint mapBytes, in XdpRingOffset offset, uint count)
    {
        _map = map;
        _mapBytes = mapBytes;
        _producer = (uint*)(map + offset.Producer);
        _consumer = (uint*)(map + offset.Consumer);
        _flags = (uint*)(map + offset.Flags);
        _entries = (T*)(map + offset.Entries);
        _mask = count - 1;
    }

    public uint Capacity => _mask + 1;

    /// <summary>Whether the kernel must be called to look at the ring.</summary>
    public bool NeedsWakeup => (Volatile.Read(ref *_flags) & XdpSocket.XDP_RING_NEED_WAKEUP) != 0;

    /// <summary>Entries submitted by us that the kernel has not taken; an upper bound, as it tells late.</summary>
    public uint Untaken => *_producer - Volatile.Read(ref *_consumer);

    /// <summary>
    /// Maps a ring of a socket. One that another process had in use stands where that one stopped: see <see cref="GoOnWriting"/> and <see
    /// cref="GoOnReading"/>.
    /// </summary>
    /// <param name="count">Its entries, a power of two.</param>
    /// <exception cref="PortException">The kernel refuses.</exception>
    public static XdpRing<T> Map(string port, int socket, string name, long page, in XdpRingOffset offset, int count)
    {
        Debug.Assert(int.IsPow2(count));
        nuint bytes = (nuint)offset.Entries + ((nuint)count * (nuint)sizeof(T));
        void* map = Libc.mmap(null, bytes, Libc.PROT_READ | Libc.PROT_WRITE, Libc.MAP_SHARED | Libc.MAP_POPULATE, socket, (nint)page);
        return (nint)map != -1
            ? new XdpRing<T>((byte*)map, bytes, offset, (uint)count)
            : throw PortException.FromErrno(port, $"mmap({name})");
    }

    /// <summary>Goes on where another process stopped that wrote the ring: it has submitted all that it reserved.</summary>
    public void GoOnWriting() => _own = Volatile.Read(ref *_producer);

    /// <summary>The same of one that read it and has released all that it read.</summary>
    public void GoOnReading() => _own = Volatile.Read(ref *_consumer);

    /// <summary>The next entry to write. The caller knows that there is room.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref T Reserve() => ref _entries[_own++ & _mask];

    /// <summary>Publishes what was written.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Submit() => Volatile.Write(ref *_producer, _own);

    /// <summary>Takes the newest entry back; only what the kernel has not looked at.</summary>
    public T TakeBack()
    {
        T entry = _entries[--_own & _mask];
        Volatile.Write(ref *_producer, _own);
        return entry;
    }

    /// <summary>Entries that wait to be read.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint Peek() => Volatile.Read(ref *_producer) - _own;

    /// <summary>The next entry to read. The caller has seen that there is one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T Next() => _entries[_own++ & _mask];

    /// <summary>An entry that waits to be read, the next one for 0. The caller has seen that there is one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref readonly T Ahead(uint entries) => ref _entries[(_own + entries) & _mask];

    /// <summary>Gives the entries read back to the kernel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Release() => Volatile.Write(ref *_consumer, _own);

    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            _ = Libc.munmap(_map, _mapBytes);
        }
    }
}
