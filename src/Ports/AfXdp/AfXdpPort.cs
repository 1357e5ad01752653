using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Linux;
using static Softswitch.Ports.Linux.PacketSocket;
using static Softswitch.Ports.Linux.XdpSocket;

namespace Softswitch.Ports.AfXdp;

/// <summary><c>xdp:NAME</c>: a Linux interface through AF_XDP. Packets arrive in, and leave from, the switch's own frames.</summary>
/// <remarks>
/// <para>
/// What it is. A small XDP program on the interface redirects every packet, before the kernel's stack sees it, to a socket whose packet memory
/// (umem) is the switch's <see cref="FramePool"/>. Four rings pass frames: fill (empty ones to the kernel), receive, transmit, completion (sent
/// ones back). All ports of a pool share the umem, so a frame goes from port to port as it is. With a driver that can (zero-copy) the card
/// writes into the frames itself; otherwise, as on veth and TAP, the kernel copies once on the way in and once on the way out.
/// </para>
/// <para>
/// The rule it makes: a packet must fit a frame. Interfaces whose MTU does not are refused. A veth with the program in native mode makes the
/// kernel cut its peer's segments to the MTU (veth_fix_features), and <see cref="PartialChecksum"/> finds the checksums that are left to be
/// finished; so TCP passes without ethtool. In generic mode nobody cuts them.
/// </para>
/// <para>
/// VLAN. A tag that the device takes out of the packet cannot be seen through XDP: that offload is switched off, and on again on dispose.
/// </para>
/// <para>
/// One queue: an interface that spreads what it receives over several is refused, as the others' packets would pass the switch by.
/// </para>
/// <para>
/// Left as found. The program is held by a link (<see cref="XdpProgram"/>), promiscuous mode by a socket: a killed process leaves neither. It
/// leaves the VLAN offload off.
/// </para>
/// <para>References: Documentation/networking/af_xdp.rst; net/xdp/xsk.c; drivers/net/veth.c.</para>
/// </remarks>
public sealed unsafe class AfXdpPort : IInterfaceDevice
{
    private const int SO_SNDBUF = 7;

    // In copy mode packets wait for the device as socket buffers: room for a full ring of them.
    private const int BufferBytes = 32 * 1024 * 1024;

    private readonly Lock _gate = new();
    private readonly FramePool _pool;
    private readonly LinuxInterface _interface;
    private readonly Parts _parts;
    private readonly AfXdpQueue _queue;
    private PortLosses _last;
    private bool _disposed;

    private AfXdpPort(FramePool pool, LinuxInterface device, Parts parts, AfXdpQueue queue, string backend)
    {
        _pool = pool;
        _interface = device;
        _parts = parts;
        _queue = queue;
        Queues = [queue];
        Backend = backend;
    }

    public string Name => _interface.Name;

    public string Backend { get; }

    public MacAddress HardwareAddress => _interface.HardwareAddress;

    public int InterfaceIndex => _interface.Index;

    public bool HasInterface => _interface.Exists;

    public bool TakesOffloads => false;

    public IReadOnlyList<IPort> Queues { get; }

    /// <summary>Frames of the pool the port has; exact while its worker rests.</summary>
    internal int HeldFrames => _queue.HeldFrames;

    /// <summary>Opens an interface of the calling thread's network namespace.</summary>
    /// <param name="port">What errors call the port.</param>
    /// <param name="interfaceName">The interface.</param>
    /// <param name="pool">The switch's frames; the caches that queues are called with are of this pool.</param>
    /// <param name="options">Ring sizes and mode.</param>
    /// <exception cref="PortException">The interface does not exist, is not Ethernet, is taken or unfit, or the system refuses.</exception>
    public static AfXdpPort Open(string port, string interfaceName, FramePool pool, AfXdpOptions? options = null)
    {
        options ??= new AfXdpOptions();
        LinuxInterface device = LinuxInterface.Open(port, interfaceName);
        var parts = new Parts();
        try
        {
            if (device.HardwareType != ARPHRD_ETHER)
            {
                throw new PortException($"{port}: interface {interfaceName} is not Ethernet (hardware type {device.HardwareType})");
            }
            parts.Lock = InterfaceLock.Take(port, device);
            return SetUp(port, device, parts, pool, options);
        }
        catch (Exception e)
        {
            Close(pool, device, parts);
            if (e is PortException && parts.Lock != null)
            {
                throw new PortException($"{e.Message}; packet:{interfaceName} does without AF_XDP", e);
            }
            throw;
        }
    }

    /// <summary>The largest MTU whose packets fit the pool's frames.</summary>
    public static int HighestMtu(FramePool pool) => AfXdpQueue.LongestPayload(pool);

    public PortLink ReadLink() => _interface.ReadLink();

    public PortLosses ReadLosses()
    {
        lock (_gate)
        {
            if (_disposed)
            {
                return _last;
            }
            XdpStatistics statistics = default;
            uint size = (uint)sizeof(XdpStatistics);
            _ = Libc.getsockopt(_parts.Socket, SOL_XDP, XDP_STATISTICS, &statistics, &size);
            return _last = new PortLosses
            {
                ReceiveDropped = (long)(statistics.ReceiveDropped + statistics.ReceiveRingFull) + _queue.ReceiveDropped,
                ReceiveErrors = (long)statistics.ReceiveInvalid,
                TransmitErrors = (long)statistics.TransmitInvalid + _queue.TransmitErrors,
            };
        }
    }

    /// <summary>Sets the interface up or down; what it was when the port was opened is restored on dispose.</summary>
    public void SetAdministrativeState(bool up) => _interface.SetUp(up);

    public void Dispose()
    {
        lock (_gate)
        {
            if (!_disposed)
            {
                _disposed = true;
                Close(_pool, _interface, _parts);
            }
        }
    }

    private static AfXdpPort SetUp(string port, LinuxInterface device, Parts parts, FramePool pool, AfXdpOptions options)
    {
        CheckFit(port, device, pool, options);
        string driver = EthtoolDevice.ReadDriver(device, out bool isHardware);
        bool hidesTags = EthtoolDevice.HidesTags(device);
        parts.RestoresTagOffload = hidesTags && EthtoolDevice.SetHidesTags(device, hides: false);
        parts.Program = XdpProgram.Attach(port, device, options.Mode);
        // A card finishes what it sends, and so does the driver of a virtual one (virtio_net) that runs the program itself.
        bool mayBeUnfinished = !isHardware || !parts.Program.IsNative;
        AfXdpQueue queue = OpenQueue(port, device, parts, pool, options, mayBeUnfinished);
        bool zeroCopy = IsZeroCopy(parts.Socket);
        parts.Promiscuous = OpenPromiscuous(port, device.Index);
        parts.Program.Serve(port, 0, parts.Socket); // last: from here on packets arrive
        string backend = Describe(device, driver, parts, zeroCopy, hidesTags && !parts.RestoresTagOffload);
        return new AfXdpPort(pool, device, parts, queue, backend);
    }

    private static void CheckFit(string port, LinuxInterface device, FramePool pool, AfXdpOptions options)
    {
        if (!RingSlots.IsValid(options.ReceiveSlots) || !RingSlots.IsValid(options.TransmitSlots))
        {
            throw new PortException($"{port}: {RingSlots.Rule}");
        }
        if (device.Mtu > HighestMtu(pool))
        {
            throw new PortException(
                $"{port}: interface {device.Name} has an MTU of {device.Mtu}; with AF_XDP a packet must fit a frame: {HighestMtu(pool)} at most");
        }
        int queues = EthtoolDevice.ReadReceiveQueues(device);
        if (queues > 1)
        {
            throw new PortException(
                $"{port}: interface {device.Name} receives by {queues} queues and an AF_XDP port serves one: ethtool -L {device.Name} combined 1 (or rx 1)");
        }
    }

    private static AfXdpQueue OpenQueue(
        string port, LinuxInterface device, Parts parts, FramePool pool, AfXdpOptions options, bool mayBeUnfinished)
    {
        int socket = parts.Socket = OpenSocket(port);
        SetBuffer(socket, Libc.SO_SNDBUFFORCE, SO_SNDBUF, BufferBytes);
        XdpMapOffsets offsets = default;
        uint size = (uint)sizeof(XdpMapOffsets);
        if (Libc.getsockopt(socket, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &size) < 0)
        {
            throw PortException.FromErrno(port, $"getsockopt({nameof(XDP_MMAP_OFFSETS)})");
        }
        if (size != sizeof(XdpMapOffsets))
        {
            throw new PortException($"{port}: this kernel's AF_XDP rings have no flags; AF_XDP ports want Linux 5.10 or later");
        }
        int frames = options.ReceiveSlots;
        XdpRing<ulong> fill = XdpRing<ulong>.Create(
            port, socket, XDP_UMEM_FILL_RING, nameof(XDP_UMEM_FILL_RING), XDP_UMEM_PGOFF_FILL_RING, offsets.Fill, frames);
        parts.Rings.Add(fill);
        XdpRing<ulong> completion = XdpRing<ulong>.Create(
            port, socket, XDP_UMEM_COMPLETION_RING, nameof(XDP_UMEM_COMPLETION_RING), XDP_UMEM_PGOFF_COMPLETION_RING, offsets.Completion, options.TransmitSlots);
        parts.Rings.Add(completion);
        XdpRing<XdpDescriptor> receive = XdpRing<XdpDescriptor>.Create(
            port, socket, XDP_RX_RING, nameof(XDP_RX_RING), XDP_PGOFF_RX_RING, offsets.Receive, frames);
        parts.Rings.Add(receive);
        XdpRing<XdpDescriptor> transmit = XdpRing<XdpDescriptor>.Create(
            port, socket, XDP_TX_RING, nameof(XDP_TX_RING), XDP_PGOFF_TX_RING, offsets.Transmit, options.TransmitSlots);
        parts.Rings.Add(transmit);
        parts.Ledger = new FrameLedger(pool);
        var queue = new AfXdpQueue(socket, device, receive, transmit, fill, completion, parts.Ledger, mayBeUnfinished);
        FrameCache cache = pool.CreateCache();
        bool stocked = queue.TryStock(frames, cache);
        cache.Drain();
        if (!stocked)
        {
            throw new PortException($"{port}: the switch has no {frames} frames left for it to receive into (rx-slots={frames})");
        }
        parts.Umem = Umem.Of(pool);
        parts.SharesUmem = parts.Umem.Bind(port, socket, device.Index, 0, copyOnly: !parts.Program!.IsNative);
        return queue;
    }

    private static int OpenSocket(string port)
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

    /// <summary>A card must hand over what is not addressed to it.</summary>
    private static int OpenPromiscuous(string port, int interfaceIndex)
    {
        int socket = Libc.socket(Libc.AF_PACKET, Libc.SOCK_RAW | Libc.SOCK_CLOEXEC, 0);
        if (socket < 0 || SetPromiscuous(PACKET_ADD_MEMBERSHIP, socket, interfaceIndex) < 0)
        {
            PortException refused = PortException.FromErrno(port, $"setsockopt({nameof(PACKET_ADD_MEMBERSHIP)})");
            if (socket >= 0)
            {
                _ = Libc.close(socket);
            }
            throw refused;
        }
        return socket;
    }

    private static bool IsZeroCopy(int socket)
    {
        uint flags = 0;
        uint size = sizeof(uint);
        return Libc.getsockopt(socket, SOL_XDP, XDP_OPTIONS, &flags, &size) == 0 && (flags & XDP_OPTIONS_ZEROCOPY) != 0;
    }

    private static string Describe(LinuxInterface device, string driver, Parts parts, bool zeroCopy, bool hidesTags)
    {
        XdpProgram program = parts.Program!;
        List<string> said = [$"AF_XDP: {(program.IsNative ? "native" : "generic")}, {(zeroCopy ? "zero-copy" : "copy")}, need_wakeup, {(parts.SharesUmem ? "shared" : "own")} umem"];
        if (program.NativeRefusal.Length > 0)
        {
            said.Add($"{driver} has no native mode ({program.NativeRefusal})");
        }
        if (driver == "veth")
        {
            said.Add(program.IsNative
                ? "tags of VLAN interfaces on the peer are lost unless it has 'ethtool -K PEER txvlan off'"
                : "segments longer than the MTU, and tags of VLAN interfaces, are lost unless the peer has 'ethtool -K PEER tso off gso off txvlan off'");
        }
        if (driver == "tun")
        {
            said.Add($"segments longer than the MTU are lost: tap:{device.Name} carries them");
        }
        if (hidesTags)
        {
            said.Add("VLAN TAGS ARE LOST: the driver does not let go of rx-vlan-offload");
        }
        if (!device.WasUp)
        {
            said.Add("the interface is down and stays so");
        }
        return string.Join("; ", said);
    }

    /// <summary>Undoes what was done, whatever of it was: first nothing arrives any more, then the frames are ours again.</summary>
    private static void Close(FramePool pool, LinuxInterface device, Parts parts)
    {
        parts.Program?.Dispose();
        parts.Rings.ForEach(ring => ring.Dispose());
        if (parts.Socket >= 0)
        {
            parts.Umem?.Forget(parts.Socket);
            _ = Libc.close(parts.Socket);
        }
        if (parts.Ledger != null)
        {
            FrameCache cache = pool.CreateCache();
            parts.Ledger.ReleaseAll(cache);
            cache.Drain();
        }
        if (parts.Promiscuous >= 0)
        {
            SetPromiscuous(PACKET_DROP_MEMBERSHIP, parts.Promiscuous, device.Index);
            _ = Libc.close(parts.Promiscuous);
        }
        if (parts.RestoresTagOffload)
        {
            EthtoolDevice.SetHidesTags(device, hides: true);
        }
        device.Dispose();
        parts.Lock?.Dispose();
    }

    /// <summary>What an open port consists of, as far as it got.</summary>
    private sealed class Parts
    {
        public InterfaceLock? Lock;
        public XdpProgram? Program;
        public FrameLedger? Ledger;
        public Umem? Umem;
        public int Socket = -1;
        public int Promiscuous = -1;
        public bool SharesUmem;
        public bool RestoresTagOffload;

        public List<IDisposable> Rings { get; } = [];
    }
}
