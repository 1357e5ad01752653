using Softswitch.Datapath.Packets;
using Softswitch.Ports.Linux;
using static Softswitch.Ports.Linux.PacketSocket;
using static Softswitch.Ports.Linux.XdpSocket;

namespace Softswitch.Ports.AfXdp;

/// <summary>One AF_XDP socket on one queue of an interface: its rings, its frames, its place in the umem.</summary>
/// <remarks>Threads: opened and closed by one; in between <see cref="Queue"/> belongs to a worker, statistics to any.</remarks>
internal sealed unsafe class AfXdpSocket : IDisposable
{
    private const int SO_SNDBUF = 7;

    // In copy mode packets wait for the device as socket buffers: room for a full ring of them.
    private const int BufferBytes = 32 * 1024 * 1024;

    private readonly FramePool _pool;
    private readonly List<IDisposable> _rings = [];
    private readonly FrameLedger _ledger;
    private Umem? _umem;
    private bool _disposed;

    private AfXdpSocket(int descriptor, FramePool pool)
    {
        Descriptor = descriptor;
        _pool = pool;
        _ledger = new FrameLedger(pool);
    }

    public int Descriptor { get; }

    public AfXdpQueue Queue { get; private set; } = null!; // set by Open, the only way to have one

    /// <summary>What the kernel granted.</summary>
    public UmemBinding Binding { get; private set; }

    /// <summary>Opens a socket and binds it; it receives nothing before the program serves it.</summary>
    /// <param name="port">What errors call the port.</param>
    /// <param name="device">The interface.</param>
    /// <param name="queue">Which of its queues.</param>
    /// <param name="pool">The switch's frames.</param>
    /// <param name="options">Ring sizes.</param>
    /// <param name="copying">What to ask of the umem.</param>
    /// <param name="mayBePartial">Whether packets may come with partial checksums.</param>
    /// <exception cref="PortException">The system refuses, or the pool has too few frames.</exception>
    public static AfXdpSocket Open(
        string port, LinuxInterface device, int queue, FramePool pool, AfXdpOptions options, UmemCopying copying, bool mayBePartial)
    {
        var socket = new AfXdpSocket(OpenDescriptor(port), pool);
        try
        {
            socket.MakeRings(port, device, options, mayBePartial);
            socket.Stock(port, options.ReceiveSlots);
            socket._umem = Umem.Of(pool);
            socket.Binding = socket._umem.Bind(port, socket.Descriptor, device.Index, (uint)queue, copying);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public XdpStatistics ReadStatistics()
    {
        XdpStatistics statistics = default;
        uint size = (uint)sizeof(XdpStatistics);
        _ = Libc.getsockopt(Descriptor, SOL_XDP, XDP_STATISTICS, &statistics, &size);
        return statistics;
    }

    /// <summary>Closes it and gives its frames back; the program no longer serves it.</summary>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }
        _disposed = true;
        _rings.ForEach(ring => ring.Dispose());
        _umem?.Forget(Descriptor);
        _ = Libc.close(Descriptor);
        FrameCache cache = _pool.CreateCache();
        _ledger.ReleaseAll(cache);
        cache.Drain();
    }

    private static int OpenDescriptor(string port)
    {
        int socket = Libc.socket(Libc.AF_XDP, Libc.SOCK_RAW | Libc.SOCK_CLOEXEC, 0);
        if (socket >= 0)
        {
            return socket;
        }
        int error = Errno.Last;
        throw error switch
        {
            Errno.EPERM => new PortException($"{port}: socket(AF_XDP): {Errno.Text(error)}; run as root or with CAP_NET_RAW"),
            Errno.EAFNOSUPPORT => new PortException($"{port}: socket(AF_XDP): {Errno.Text(error)}; the kernel is built without XDP_SOCKETS"),
            _ => PortException.FromErrno(port, "socket(AF_XDP)", error),
        };
    }

    private void MakeRings(string port, LinuxInterface device, AfXdpOptions options, bool mayBePartial)
    {
        SetBuffer(Descriptor, Libc.SO_SNDBUFFORCE, SO_SNDBUF, BufferBytes);
        XdpMapOffsets offsets = default;
        uint size = (uint)sizeof(XdpMapOffsets);
        if (Libc.getsockopt(Descriptor, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &size) < 0)
        {
            throw PortException.FromErrno(port, $"getsockopt({nameof(XDP_MMAP_OFFSETS)})");
        }
        if (size != sizeof(XdpMapOffsets))
        {
            throw new PortException($"{port}: this kernel's AF_XDP rings have no flags; AF_XDP ports want Linux 5.10 or later");
        }
        XdpRing<ulong> fill = Keep(XdpRing<ulong>.Create(
            port, Descriptor, XDP_UMEM_FILL_RING, nameof(XDP_UMEM_FILL_RING), XDP_UMEM_PGOFF_FILL_RING, offsets.Fill, options.ReceiveSlots));
        XdpRing<ulong> completion = Keep(XdpRing<ulong>.Create(
            port, Descriptor, XDP_UMEM_COMPLETION_RING, nameof(XDP_UMEM_COMPLETION_RING), XDP_UMEM_PGOFF_COMPLETION_RING, offsets.Completion, options.TransmitSlots));
        XdpRing<XdpDescriptor> receive = Keep(XdpRing<XdpDescriptor>.Create(
            port, Descriptor, XDP_RX_RING, nameof(XDP_RX_RING), XDP_PGOFF_RX_RING, offsets.Receive, options.ReceiveSlots));
        XdpRing<XdpDescriptor> transmit = Keep(XdpRing<XdpDescriptor>.Create(
            port, Descriptor, XDP_TX_RING, nameof(XDP_TX_RING), XDP_PGOFF_TX_RING, offsets.Transmit, options.TransmitSlots));
        Queue = new AfXdpQueue(Descriptor, device, receive, transmit, fill, completion, _ledger, mayBePartial);
    }

    private XdpRing<T> Keep<T>(XdpRing<T> ring)
        where T : unmanaged
    {
        _rings.Add(ring);
        return ring;
    }

    private void Stock(string port, int frames)
    {
        FrameCache cache = _pool.CreateCache();
        bool stocked = Queue.TryStock(frames, cache);
        cache.Drain();
        if (!stocked)
        {
            throw new PortException($"{port}: the switch has no {frames} frames left for it to receive into (rx-slots={frames})");
        }
    }
}
