using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Interfaces;
using Softswitch.Ports.Linux.Memory;
using Softswitch.Ports.Linux.Sockets;

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
/// VLAN offload it leaves off is switched on by the next one (<see cref="VlanOffload"/>).
/// </para>
/// <para>
/// Handed over, sockets, program, promiscuous mode, lock and ledger are the other process's as they are. The kernel has pinned the frames and knows them by their
/// offsets, so a process that maps the same memory, wherever, goes on with the same rings.
/// </para>
/// <para>
/// Where a ring stands is in the ring: while workers are stopped we have submitted all that we reserved, and released all that we read. Which frames the socket has is in the
/// ledger. All others are free in the other process: whatever they held here was sent along or is done with.
/// </para>
/// <para>References: Documentation/networking/af_xdp.rst; net/xdp/xsk.c; drivers/net/veth.c.</para>
/// </remarks>
internal sealed class AfXdpPort : IPortDevice, INetworkInterface, IDeviceHandover
{
    /// <summary>What an offer of this backend is called.</summary>
    public const string OfferKind = "xdp";

    // Beside the sockets: promiscuous mode and segments, lock, map, link, ledger.
    private const int OtherDescriptors = 5;

    private readonly Lock _lock = new();
    private readonly AfXdpParts _parts;
    private PortCounters _last;
    private bool _disposed;

    /// <param name="parts">All of them; this one's from now on.</param>
    private AfXdpPort(AfXdpParts parts)
    {
        _parts = parts;
        HighestMtu = parts.Sockets[0].LongestPayload;
        Queues = [.. parts.Sockets.Select(socket => socket.Queue)];
    }

    public string Name => _parts.Device.Name;

    public string Backend => _parts.Backend;

    public MacAddress HardwareAddress => _parts.Device.HardwareAddress;

    public INetworkInterface Interface => this;

    public IDeviceHandover Handover => this;

    public int InterfaceIndex => _parts.Device.Index;

    public bool HasInterface => _parts.Device.Exists;

    public int HighestMtu { get; }

    public bool HidesPartialChecksums => _parts.HidesPartialChecksums;

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
        var parts = new AfXdpParts(LinuxInterface.OpenEthernet(port, interfaceName)) { Options = options ?? new AfXdpOptions() };
        try
        {
            parts.Lock = InterfaceLock.Take(port, parts.Device);
            AfXdpOpening.SetUp(port, parts, pool);
            return new AfXdpPort(parts);
        }
        catch (Exception e)
        {
            parts.Close();
            if (e is PortException or SystemCallException && parts.Lock != null)
            {
                throw new PortException($"{(e is PortException ? string.Empty : $"{port}: ")}{e.Message}; packet:{interfaceName} does without AF_XDP", e);
            }
            throw;
        }
    }

    /// <summary>Goes on with the sockets of another process once it is told to: <see cref="IDeviceHandover.Adopt"/>.</summary>
    /// <param name="port">What errors call the port.</param>
    /// <param name="pool">In the other process's memory, of which nothing is free yet.</param>
    /// <param name="offer">As <see cref="Offer"/> made it, in the interface's network namespace. Its descriptors stay the caller's if this throws.</param>
    /// <exception cref="PortException">The interface is not here, the pool is another, or the system refuses.</exception>
    /// <exception cref="InvalidDataException">It makes no sense.</exception>
    public static AfXdpPort Take(string port, FramePool pool, DeviceOffer offer)
    {
        using BinaryReader record = offer.ReadRecord();
        var parts = new AfXdpParts(LinuxInterface.Find(port, record.ReadInt32()));
        try
        {
            Take(port, parts, pool, offer.Descriptors, record);
            return new AfXdpPort(parts);
        }
        catch (Exception e)
        {
            parts.Forget();
            throw e is SystemCallException ? new PortException($"{port}: {e.Message}", e) : e;
        }
    }

    public PortLink ReadLink() => _parts.Device.ReadLink();

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
    public void SetAdministrativeState(bool up) => _parts.Device.SetUp(up);

    public DeviceOffer Offer()
    {
        FramePool pool = _parts.Ledgers[0].Pool;
        if (pool.MemoryDescriptor < 0)
        {
            throw new NotSupportedException(
                $"AF_XDP port {Name}: this switch was started without such a port, and its frames are in memory that no other process can map");
        }
        if (_parts.Sockets.Count + OtherDescriptors > DeviceOffer.MostDescriptors)
        {
            throw new NotSupportedException($"AF_XDP port {Name}: {_parts.Sockets.Count} queues are more than can be handed over");
        }
        using DeviceRecord record = new();
        record.Write(InterfaceIndex);
        record.Write(pool.FrameCount);
        record.Write(pool.FrameSize);
        record.Write(_parts.Options.ReceiveSlots);
        record.Write(_parts.Options.TransmitSlots);
        record.Write(_parts.Program!.IsNative);
        record.Write(HidesPartialChecksums);
        record.Write(_parts.VlanOffload!.HidesTags);
        record.Write(Backend);
        foreach (AfXdpSocket socket in _parts.Sockets)
        {
            record.Write(socket.Binding.IsZeroCopy);
            record.Write(socket.Binding.IsMultiBuffer);
        }
        (int map, int link) = _parts.Program!.Descriptors;
        return new DeviceOffer(
            OfferKind,
            record.ToArray(),
            [_parts.Promiscuous, _parts.Lock!.Descriptor, map, link, _parts.LedgerMemory!.Descriptor, .. _parts.Sockets.Select(socket => socket.Descriptor)]);
    }

    public void SaveState(BinaryWriter state)
    {
        _parts.Device.SaveFound(state);
        state.Write(_parts.VlanOffload!.IsOwed);
        _parts.Sockets.ForEach(socket => socket.Queue.Save(state));
    }

    public void Yield()
    {
        lock (_lock)
        {
            _parts.Share(true);
            _parts.VlanOffload!.IsOwed = false;
        }
    }

    public void Adopt(BinaryReader state)
    {
        lock (_lock)
        {
            _parts.Device.RestoreFound(state);
            _parts.VlanOffload!.IsOwed = state.ReadBoolean();
            _parts.Sockets.ForEach(socket => socket.Queue.Restore(state));
            _parts.Lock!.Own();
            _parts.Share(false);
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            if (!_disposed)
            {
                _disposed = true;
                _parts.Close();
            }
        }
    }

    private static void Take(string port, AfXdpParts parts, FramePool pool, IReadOnlyList<int> descriptors, BinaryReader record)
    {
        int queues = descriptors.Count - OtherDescriptors;
        if (queues < 1)
        {
            throw new InvalidDataException($"it comes with {descriptors.Count} descriptors, too few");
        }
        int frameCount = record.ReadInt32();
        int frameSize = record.ReadInt32();
        if (frameCount != pool.FrameCount || frameSize != pool.FrameSize)
        {
            throw new PortException(
                $"{port}: the running switch has {frameCount} frames of {frameSize} bytes, and this one {pool.FrameCount} of {pool.FrameSize}: --frames and --frame-size must be the same");
        }
        parts.Options = new AfXdpOptions(record.ReadInt32(), record.ReadInt32());
        if (!parts.Options.HasValidSlots)
        {
            throw new InvalidDataException(RingSlots.Rule);
        }
        bool isNative = record.ReadBoolean();
        parts.HidesPartialChecksums = record.ReadBoolean();
        parts.VlanOffload = VlanOffload.Of(parts.Device, record.ReadBoolean());
        parts.Backend = record.ReadString();
        parts.KeepLedgers(SharedMemory.Of(descriptors[4], AfXdpParts.LedgerBytes(pool, queues)), pool, queues);
        parts.Promiscuous = descriptors[0];
        for (int queue = 0; queue < queues; queue++)
        {
            int socket = descriptors[OtherDescriptors + queue];
            var binding = new UmemBinding(IsShared: true, IsZeroCopy: record.ReadBoolean(), IsMultiBuffer: record.ReadBoolean(), string.Empty);
            parts.Sockets.Add(AfXdpSocket.Of(port, parts.Device, socket, parts.Ledgers[queue], parts.Options, binding, parts.SegmentSocket));
        }
        parts.Lock = InterfaceLock.Of(descriptors[1]);
        parts.Program = XdpProgram.Of(descriptors[2], descriptors[3], isNative);
        parts.Share(true);
    }
}
