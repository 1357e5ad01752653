using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.AfPacket;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Interfaces;
using Softswitch.Ports.Linux.Memory;
using Softswitch.Ports.Linux.Sockets;
using static Softswitch.Ports.Linux.Sockets.PacketSocket;

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
/// Longer packets. One that does not fit a frame has several, if kernel and driver know how (<see cref="UmemBinding"/>); else interfaces with such an MTU are
/// refused. A veth with the program in native mode makes the kernel cut its peer's segments to the MTU (veth_fix_features), and <see
/// cref="PartialChecksumDetector"/> finds the checksums that are left to be finished; so TCP passes without ethtool. In generic mode the segments stay uncut.
/// </para>
/// <para>
/// VLAN. A tag that the device takes out of the packet cannot be seen through XDP: that offload is switched off, and on again on dispose.
/// </para>
/// <para>
/// Queues. A socket serves one queue of the interface. The port serves all queues, as packets of an unserved queue would bypass the switch. The
/// queues are dealt to the workers.
/// </para>
/// <para>
/// Left as found. The program is held by a link (<see cref="XdpProgram"/>), promiscuous mode by a socket: a killed process leaves neither. The
/// VLAN offload it leaves off is switched on by the next one (<see cref="VlanOffload"/>). Parts that are handed over stay as they are.
/// </para>
/// <para>References: Documentation/networking/af_xdp.rst; net/xdp/xsk.c; drivers/net/veth.c.</para>
/// </remarks>
internal sealed unsafe partial class AfXdpPort : IPortDevice, INetworkInterface
{
    private readonly Lock _lock = new();
    private readonly LinuxInterface _interface;
    private readonly Parts _parts;
    private readonly AfXdpOptions _options;
    private PortCounters _last;
    private bool _disposed;

    private AfXdpPort(LinuxInterface device, Parts parts, AfXdpOptions options, bool mayBePartial, string backend)
    {
        _options = options;
        HighestMtu = parts.Sockets[0].LongestPayload;
        HidesPartialChecksums = mayBePartial;
        _interface = device;
        _parts = parts;
        Queues = [.. parts.Sockets.Select(socket => socket.Queue)];
        Backend = backend;
    }

    public string Name => _interface.Name;

    public string Backend { get; }

    public MacAddress HardwareAddress => _interface.HardwareAddress;

    public INetworkInterface Interface => this;

    public int InterfaceIndex => _interface.Index;

    public bool HasInterface => _interface.Exists;

    public int HighestMtu { get; }

    public bool HidesPartialChecksums { get; }

    public bool IsLinkAnnounced => true;

    public bool TakesOffloads => false;

    /// <summary>Takes TCP and UDP segments if local stacks may be at the far end. A checksum alone is finished here, which costs less.</summary>
    public bool Takes(in OffloadState offload) => HidesPartialChecksums && offload.Segmentation != SegmentationKind.None;

    public IReadOnlyList<IPort> Queues { get; }

    /// <summary>Frames of the pool the port has; exact while its worker is stopped.</summary>
    internal int HeldFrames => _parts.Sockets.Sum(socket => socket.Queue.HeldFrames);

    /// <summary>Opens an interface of the calling thread's network namespace.</summary>
    /// <param name="port">What errors call the port.</param>
    /// <param name="interfaceName">The interface.</param>
    /// <param name="pool">The switch's frames; the caches that queues are called with are of this pool.</param>
    /// <param name="options">Ring sizes, mode and queues.</param>
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
            Close(device, parts);
            if (e is PortException or SystemCallException && parts.Lock != null)
            {
                throw new PortException($"{(e is PortException ? string.Empty : $"{port}: ")}{e.Message}; packet:{interfaceName} does without AF_XDP", e);
            }
            throw;
        }
    }

    public PortLink ReadLink() => _interface.ReadLink();

    public PortCounters ReadCounters()
    {
        lock (_lock)
        {
            if (_disposed)
            {
                return _last;
            }
            PortCounters losses = default;
            foreach (AfXdpSocket socket in _parts.Sockets)
            {
                XdpStatistics statistics = socket.ReadStatistics();
                losses.ReceiveDropped += (long)(statistics.ReceiveDropped + statistics.ReceiveRingFull) + socket.Queue.ReceiveDropped;
                losses.ReceiveErrors += (long)statistics.ReceiveInvalid;
                losses.TransmitErrors += (long)statistics.TransmitInvalid + socket.Queue.TransmitErrors;
            }
            return _last = losses;
        }
    }

    /// <summary>Sets the interface up or down; what it was when the port was opened is restored on dispose.</summary>
    public void SetAdministrativeState(bool up) => _interface.SetUp(up);

    public void Dispose()
    {
        lock (_lock)
        {
            if (!_disposed)
            {
                _disposed = true;
                Close(_interface, _parts);
            }
        }
    }

    private static AfXdpPort SetUp(string port, LinuxInterface device, Parts parts, FramePool pool, AfXdpOptions options)
    {
        int queues = CheckFit(port, device, pool, options);
        string driver = EthtoolDevice.ReadDriver(device, out bool isHardware);
        VlanOffload.Recover(device);
        parts.VlanOffload = VlanOffload.SwitchOff(device);
        parts.Program = XdpProgram.Attach(port, device, options.Mode, queues);
        // A card finishes checksums as it sends, and so does a virtual card's driver (virtio_net) that runs the program itself.
        bool mayBePartial = !isHardware || !parts.Program.IsNative;
        parts.Promiscuous = OpenPromiscuous(port, device.Index);
        UmemCopying copying = !parts.Program.IsNative ? UmemCopying.Copy
            : isHardware ? UmemCopying.ZeroCopyIfPossible
            : UmemCopying.CopyUnlessFirst;
        parts.LedgerMemory = SharedMemory.Create("softswitch-ledger", LedgerBytes(pool, queues));
        parts.KeepLedgers(pool, queues);
        for (int queue = 0; queue < queues; queue++)
        {
            AfXdpSocket socket = AfXdpSocket.Open(port, device, queue, parts.Ledgers[queue], options, copying, mayBePartial ? parts.Promiscuous : -1);
            parts.Sockets.Add(socket);
            CheckMtu(port, device, pool, socket.Binding);
            copying = socket.Binding.IsZeroCopy ? UmemCopying.ZeroCopyIfPossible : UmemCopying.Copy; // the other sockets share the first one's umem
        }
        for (int queue = 0; queue < queues; queue++)
        {
            parts.Program.Serve(port, queue, parts.Sockets[queue].Descriptor); // last: from here on packets arrive
        }
        return new AfXdpPort(device, parts, options, mayBePartial, Describe(device, driver, parts));
    }

    /// <returns>Queues of the interface, all of which are to be served.</returns>
    private static int CheckFit(string port, LinuxInterface device, FramePool pool, AfXdpOptions options)
    {
        if (!RingSlots.IsValid(options.ReceiveSlots) || !RingSlots.IsValid(options.TransmitSlots))
        {
            throw new PortException($"{port}: {RingSlots.Rule}");
        }
        CheckMtu(port, device, pool, default(UmemBinding) with { IsMultiBuffer = true });
        if (pool.IsInUse)
        {
            throw new PortException($"{port}: another switch has the frames until they are taken over; an AF_XDP port that it has not got is to be added afterwards (softswitch port add)");
        }
        (int queues, int transmit) = EthtoolDevice.ReadQueues(device);
        if (transmit < queues)
        {
            throw new PortException(
                $"{port}: interface {device.Name} receives by {queues} queues and sends by {transmit}, and AF_XDP wants one to send by for each: ethtool -L {device.Name} rx {transmit} (or tx {queues})");
        }
        if (options.Queues is int asked && asked != queues)
        {
            throw new PortException(
                $"{port}: interface {device.Name} receives by {queues} queues, all of which must be served; for queues={asked}: ethtool -L {device.Name} combined {asked} (or rx {asked} tx {asked})");
        }
        return queues;
    }

    private static void CheckMtu(string port, LinuxInterface device, FramePool pool, in UmemBinding binding)
    {
        int most = binding.LongestPayload(pool.FrameSize);
        if (device.Mtu > most)
        {
            int longest = binding.LongestPayload(FramePool.LongestFrameSize);
            string frames = device.Mtu <= longest ? $", or {longest} with --frame-size {FramePool.LongestFrameSize}" : string.Empty;
            string why = binding.IsMultiBuffer ? string.Empty : "; for more the kernel (Linux 6.6 or later is wanted) has to know packets of several frames";
            throw new PortException($"{port}: interface {device.Name} has an MTU of {device.Mtu}; AF_XDP takes {most} at most{frames}{why}");
        }
    }

    /// <summary>Makes the card deliver packets that are not addressed to it. Segments leave by the same socket.</summary>
    private static int OpenPromiscuous(string port, int interfaceIndex)
    {
        int socket = TransmitRing.OpenSender(port, interfaceIndex);
        if (SetPromiscuous(PACKET_ADD_MEMBERSHIP, socket, interfaceIndex) < 0)
        {
            PortException refused = PortException.FromErrno(port, $"setsockopt({nameof(PACKET_ADD_MEMBERSHIP)})");
            _ = Libc.close(socket);
            throw refused;
        }
        return socket;
    }

    private static string Describe(LinuxInterface device, string driver, Parts parts)
    {
        XdpProgram program = parts.Program!;
        UmemBinding binding = parts.Sockets[0].Binding;
        string copying = parts.Sockets.TrueForAll(socket => socket.Binding.IsZeroCopy) ? "zero-copy" : "copy";
        string queues = parts.Sockets.Count > 1 ? $", {parts.Sockets.Count} queues" : string.Empty;
        List<string> said = [$"AF_XDP: {(program.IsNative ? "native" : "generic")}, {copying}, need_wakeup, {(binding.IsShared ? "shared" : "own")} umem{queues}"];
        if (program.NativeRefusal.Length > 0)
        {
            said.Add($"{driver} refuses native mode ({program.NativeRefusal})");
        }
        if (binding.ZeroCopyRefusal.Length > 0)
        {
            said.Add($"{driver} refuses zero-copy ({binding.ZeroCopyRefusal})");
        }
        if (!binding.IsMultiBuffer && !binding.IsZeroCopy)
        {
            said.Add("a packet must fit a frame (Linux 6.6 or later is wanted for more)");
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
        if (parts.VlanOffload!.HidesTags)
        {
            said.Add("VLAN TAGS ARE LOST: the driver does not let go of rx-vlan-offload");
        }
        if (!device.WasUp)
        {
            said.Add("the interface is down and stays so");
        }
        return string.Join("; ", said);
    }

    /// <summary>Undoes all steps of opening that were taken. First packets stop arriving, then the socket's frames are free again.</summary>
    private static void Close(LinuxInterface device, Parts parts)
    {
        bool isElsewhere = !device.Exists && parts.Program is { HasInterface: true };
        parts.Program?.Dispose();
        parts.Sockets.ForEach(socket => socket.Dispose());
        if (parts.Promiscuous >= 0)
        {
            if (!parts.AreShared)
            {
                SetPromiscuous(PACKET_DROP_MEMBERSHIP, parts.Promiscuous, device.Index);
            }
            _ = Libc.close(parts.Promiscuous);
        }
        parts.LedgerMemory?.Dispose();
        parts.VlanOffload?.Restore(isElsewhere);
        if (parts.AreShared)
        {
            device.Leave();
            parts.Lock?.Leave();
        }
        device.Dispose();
        parts.Lock?.Dispose();
    }

    /// <summary>The parts of a port, as far as it is open.</summary>
    private sealed class Parts
    {
        public InterfaceLock? Lock;
        public VlanOffload? VlanOffload;
        public XdpProgram? Program;
        public SharedMemory? LedgerMemory;
        public int Promiscuous = -1;

        /// <summary>One for each queue of the interface, in their order.</summary>
        public List<AfXdpSocket> Sockets { get; } = [];

        public List<FrameLedger> Ledgers { get; } = [];

        /// <summary>Whether another process has all parts, too: then closing here leaves them in use there.</summary>
        public bool AreShared { get; private set; }

        public void KeepLedgers(FramePool pool, int queues)
        {
            for (int queue = 0; queue < queues; queue++)
            {
                Ledgers.Add(new FrameLedger(pool, LedgerMemory!.Start + ((nuint)queue * (nuint)pool.FrameCount)));
            }
        }

        public void Share(bool shared)
        {
            AreShared = shared;
            Program!.IsShared = shared;
            Sockets.ForEach(socket => socket.IsShared = shared);
        }
    }
}

/// <summary>How an AF_XDP port is opened.</summary>
/// <param name="ReceiveSlots">Frames of the pool kept ready for packets that arrive at each queue, a power of two from 32 to 65536.</param>
/// <param name="TransmitSlots">Frames of the pool that may wait for the device in each queue; as above.</param>
/// <param name="Mode">Where the program is to run.</param>
/// <param name="Queues">How many queues the interface must have; null to take as many as it has.</param>
internal sealed record AfXdpOptions(int ReceiveSlots = 4096, int TransmitSlots = 2048, XdpMode Mode = XdpMode.Best, int? Queues = null)
{
    /// <summary>Frames each queue may have at a time.</summary>
    public int FramesPerQueue => ReceiveSlots + TransmitSlots;
}

/// <summary>Where an XDP program runs.</summary>
internal enum XdpMode
{
    /// <summary>In the driver; where it has no place for one, or not for the interface as it is set up, in the kernel's generic hook.</summary>
    Best,

    /// <summary>In the driver (XDP_FLAGS_DRV_MODE).</summary>
    Native,

    /// <summary>In the kernel, on finished socket buffers (XDP_FLAGS_SKB_MODE): any device, slower.</summary>
    Generic,
}
