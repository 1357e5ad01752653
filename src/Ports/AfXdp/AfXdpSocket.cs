using Softswitch.Datapath.Packets;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Interfaces;
using Softswitch.Ports.Linux.Sockets;
using static Softswitch.Ports.Linux.Sockets.PacketSocket;
using static Softswitch.Ports.Linux.Sockets.XdpSocket;

namespace Softswitch.Ports.AfXdp;

/// <summary>One AF_XDP socket on one queue of an interface: its rings, its frames, its place in the umem.</summary>
/// <remarks>Threads: opened and closed by one; in between <see cref="Queue"/> belongs to a worker, statistics to any.</remarks>
internal sealed unsafe class AfXdpSocket : IDisposable
{
    private const int SO_SNDBUF = 7;

    // In copy mode packets wait for the device as socket buffers: room for a full ring of them.
    private const int BufferBytes = 32 * 1024 * 1024;

    private readonly List<IDisposable> _rings = [];
    private readonly FrameLedger _ledger;
    private Umem? _umem;
    private bool _disposed;

    private AfXdpSocket(int descriptor, FrameLedger ledger)
    {
        Descriptor = descriptor;
        _ledger = ledger;
    }

    public int Descriptor { get; }

    public AfXdpQueue Queue { get; private set; } = null!; // set by Open, the only way to have one

    /// <summary>What the kernel granted.</summary>
    public UmemBinding Binding { get; private set; }

    /// <summary>As <see cref="UmemBinding.LongestPayload"/>, with the pool's frames.</summary>
    public int LongestPayload => Binding.LongestPayload(_ledger.Pool.FrameSize);

    /// <summary>Whether another process has the socket: then its frames are that one's when this one closes it.</summary>
    public bool IsShared { get; set; }

    /// <summary>Opens a socket and binds it; it receives nothing before the program serves it.</summary>
    /// <param name="port">What errors call the port.</param>
    /// <param name="device">The interface.</param>
    /// <param name="queue">Which of its queues.</param>
    /// <param name="ledger">Of the switch's frames; the socket has none yet.</param>
    /// <param name="options">Ring sizes.</param>
    /// <param name="copying">What to ask of the umem.</param>
    /// <param name="segments">The packet socket by which segments leave if local stacks may be at the far end; else -1.</param>
    /// <exception cref="PortException">The system refuses, or the pool has too few frames.</exception>
    public static AfXdpSocket Open(
        string port, LinuxInterface device, int queue, FrameLedger ledger, AfXdpOptions options, UmemCopying copying, int segments)
    {
        var socket = new AfXdpSocket(OpenDescriptor(port), ledger);
        try
        {
            SetBuffer(socket.Descriptor, Libc.SO_SNDBUFFORCE, SO_SNDBUF, BufferBytes);
            socket.MapRings(port, device, options, segments, areNew: true);
            socket.Stock(port, options.ReceiveSlots);
            socket._umem = Umem.Of(ledger.Pool);
            bool isLong = device.Mtu > default(UmemBinding).LongestPayload(ledger.Pool.FrameSize);
            socket.Binding = socket._umem.Bind(port, socket.Descriptor, device.Index, (uint)queue, copying, isLong);
            socket.Queue.LongestPayload = socket.LongestPayload;
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>A socket that another process bound to one of the device's queues, its rings mapped. <see cref="AfXdpQueue.Restore"/> follows before it is used.</summary>
    /// <param name="port">What errors call the port.</param>
    /// <param name="device">The interface.</param>
    /// <param name="descriptor">The caller's still if this throws.</param>
    /// <param name="ledger">As the other process keeps it.</param>
    /// <param name="options">Ring sizes, as they were made.</param>
    /// <param name="binding">What the kernel granted.</param>
    /// <param name="segments">As for <see cref="Open"/>.</param>
    /// <exception cref="PortException">The kernel refuses.</exception>
    public static AfXdpSocket Of(
        string port, LinuxInterface device, int descriptor, FrameLedger ledger, AfXdpOptions options, in UmemBinding binding, int segments)
    {
        var socket = new AfXdpSocket(descriptor, ledger) { IsShared = true, Binding = binding };
        try
        {
            socket.MapRings(port, device, options, segments, areNew: false);
            socket.Queue.LongestPayload = socket.LongestPayload;
        }
        catch (PortException e)
        {
            socket.Unmap();
            throw new PortException($"{e.Message}; an AF_XDP socket can be handed over with Linux 6.4 or later", e);
        }
        socket._umem = Umem.Of(ledger.Pool);
        socket._umem.Adopt(descriptor, binding);
        return socket;
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
        Unmap();
        _ = Libc.close(Descriptor);
        if (!IsShared)
        {
            FrameCache cache = _ledger.Pool.CreateCache();
            _ledger.ReleaseAll(cache);
            cache.Drain();
        }
    }

    /// <summary>Gives up a socket that another process has, and leaves the descriptor open.</summary>
    public void Unmap()
    {
        _rings.ForEach(ring => ring.Dispose());
        _umem?.Forget(Descriptor);
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

    /// <summary>Maps the rings, and makes them first if the socket is new.</summary>
    private void MapRings(string port, LinuxInterface device, AfXdpOptions options, int segments, bool areNew)
    {
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
        Queue = new AfXdpQueue(
            Descriptor,
            device,
            Map<XdpDescriptor>(XDP_RX_RING, nameof(XDP_RX_RING), XDP_PGOFF_RX_RING, offsets.Receive, options.ReceiveSlots),
            Map<XdpDescriptor>(XDP_TX_RING, nameof(XDP_TX_RING), XDP_PGOFF_TX_RING, offsets.Transmit, options.TransmitSlots),
            Map<ulong>(XDP_UMEM_FILL_RING, nameof(XDP_UMEM_FILL_RING), XDP_UMEM_PGOFF_FILL_RING, offsets.Fill, options.ReceiveSlots),
            Map<ulong>(XDP_UMEM_COMPLETION_RING, nameof(XDP_UMEM_COMPLETION_RING), XDP_UMEM_PGOFF_COMPLETION_RING, offsets.Completion, options.TransmitSlots),
            _ledger,
            segments);

        XdpRing<T> Map<T>(int option, string name, long page, in XdpRingOffset offset, int count)
            where T : unmanaged
        {
            if (areNew && Libc.SetOption(Descriptor, SOL_XDP, option, count) < 0)
            {
                throw PortException.FromErrno(port, $"setsockopt({name}, {count} entries)");
            }
            XdpRing<T> ring = XdpRing<T>.Map(port, Descriptor, name, page, offset, count);
            _rings.Add(ring);
            return ring;
        }
    }

    private void Stock(string port, int frames)
    {
        FrameCache cache = _ledger.Pool.CreateCache();
        bool stocked = Queue.TryStock(frames, cache);
        cache.Drain();
        if (!stocked)
        {
            throw new PortException($"{port}: the switch has no {frames} frames left for it to receive into (rx-slots={frames})");
        }
    }
}
