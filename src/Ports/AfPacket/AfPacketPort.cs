using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Linux;
using static Softswitch.Ports.Linux.PacketSocket;

namespace Softswitch.Ports.AfPacket;

/// <summary>A Linux interface through AF_PACKET: one socket with a receive and a transmit ring mapped into the process.</summary>
/// <remarks>
/// <para>
/// Why TPACKET_V2 and not V3. V3 packs frames of any length into blocks, which saves memory, and hands a block over when it
/// is full or a timer of at least a millisecond has run out: a ping through an idle switch would wait for the timer twice.
/// V2 hands over each frame by itself, at once. What V2 asks for is a slot as long as the longest frame, and a local TCP
/// sends 64 KiB segments over veth. PACKET_COPY_THRESH resolves it: a frame longer than its slot is also queued whole on
/// the socket, its slot says so (TP_STATUS_COPY), and one recvmsg fetches it in its turn. So slots have 2 KiB, ordinary frames cost no
/// system call, and a segment costs one for 64 KiB. V3 has no such way out.
/// </para>
/// <para>
/// Offloads. PACKET_VNET_HDR puts a virtio_net_hdr in front of each frame, both ways: frames of a local stack come with
/// partial checksums and unsegmented, and may leave so. The kernel finishes what the device behind cannot.
/// </para>
/// <para>
/// VLAN. The kernel takes the tag out of a received frame (skb_vlan_untag, or the NIC) and tells it in the slot; it is put
/// back while the frame is copied. On transmit the tag is in the data, which every device accepts.
/// </para>
/// <para>
/// Drops. The kernel says of a packet at once that there is no room for it (ENOBUFS), and it stays ours; or it takes the packet and drops it without a word: a
/// queueing discipline later on, or one that has no far end. The latter are found in the counters of the interface and its queueing discipline
/// (<see cref="LinkDrops"/>), which know no senders: what the host's own stack loses there is among them.
/// </para>
/// <para>
/// Left as found. Promiscuous mode is a membership of the socket (PACKET_MR_PROMISC) and ends with it, as do rings and lock. An
/// interface that is down stays down until <see cref="SetAdministrativeState"/>, and is put back on dispose. Handed over, sockets, rings and lock are the
/// other process's as they are: the kernel fills the ring meanwhile, and the membership ends with the last descriptor.
/// The local stack of the host still sees every frame the interface receives: a switch port should carry no addresses.
/// </para>
/// <para>References: packet(7); Documentation/networking/packet_mmap.rst; net/packet/af_packet.c.</para>
/// </remarks>
internal sealed unsafe class AfPacketPort : IPortDevice, INetworkInterface, IDeviceHandover
{
    /// <summary>What an offer of this backend is called.</summary>
    public const string OfferKind = "packet";

    private const byte RecordVersion = 1;
    private const int SlotSize = 2048;

    // Room for a few hundred whole segments on their way in, and for a full ring and as many segments on their way out.
    private const int BufferBytes = 32 * 1024 * 1024;
    private const int SO_SNDBUF = 7;
    private const int SO_RCVBUF = 8;

    private readonly Lock _sync = new();
    private readonly LinuxInterface _interface;
    private readonly InterfaceLock _lock;
    private readonly LinkDrops _unsent;
    private readonly AfPacketQueue _queue;
    private readonly int _socket;
    private readonly int _longSocket;
    private readonly string _reason;
    private readonly byte* _rings;
    private readonly AfPacketOptions _options;
    private long _ringDrops;
    private long _transmitDropped;
    private bool _isOurs = true;
    private bool _disposed;

    private AfPacketPort(
        LinuxInterface device, InterfaceLock interfaceLock, LinkDrops unsent, int socket, int longSocket, byte* rings, AfPacketOptions options, string reason)
    {
        _interface = device;
        _lock = interfaceLock;
        _unsent = unsent;
        _socket = socket;
        _longSocket = longSocket;
        _rings = rings;
        _options = options;
        byte* transmitSlots = rings + ((nuint)options.ReceiveSlots * SlotSize);
        _queue = new AfPacketQueue(
            socket,
            longSocket,
            device,
            new ReceiveRing(socket, rings, SlotSize, options.ReceiveSlots),
            new TransmitRing(socket, transmitSlots, SlotSize, options.TransmitSlots));
        Queues = [_queue];
        _reason = reason;
        string why = reason.Length > 0 ? $"{reason}; " : string.Empty;
        string state = device.WasUp ? string.Empty : "; the interface is down and stays so";
        Backend = $"AF_PACKET: {why}rings of {options.ReceiveSlots} and {options.TransmitSlots} slots, segments and checksums passed on{state}";
    }

    public string Name => _interface.Name;

    public string Backend { get; }

    public MacAddress HardwareAddress => _interface.HardwareAddress;

    public INetworkInterface Interface => this;

    public IDeviceHandover Handover => this;

    public int InterfaceIndex => _interface.Index;

    public bool HasInterface => _interface.Exists;

    public int HighestMtu => 0;

    public bool TakesOffloads => true;

    public IReadOnlyList<IPort> Queues { get; }

    /// <summary>Opens an interface of the calling thread's network namespace.</summary>
    /// <param name="port">What errors call the port.</param>
    /// <param name="interfaceName">The interface.</param>
    /// <param name="options">Ring sizes.</param>
    /// <param name="reason">Why this backend was chosen, for <see cref="Backend"/>; empty if it was asked for.</param>
    /// <exception cref="PortException">The interface does not exist, is not Ethernet, is taken, or the system refuses.</exception>
    public static AfPacketPort Open(string port, string interfaceName, AfPacketOptions? options = null, string reason = "")
    {
        options ??= new AfPacketOptions();
        if (!RingSlots.IsValid(options.ReceiveSlots) || !RingSlots.IsValid(options.TransmitSlots))
        {
            throw new PortException($"{port}: {RingSlots.Rule}");
        }
        LinuxInterface device = LinuxInterface.Open(port, interfaceName);
        InterfaceLock? interfaceLock = null;
        LinkDrops? unsent = null;
        int socket = -1;
        int longSocket = -1;
        void* rings = null;
        try
        {
            if (device.HardwareType != ARPHRD_ETHER)
            {
                throw new PortException($"{port}: interface {interfaceName} is not Ethernet (hardware type {device.HardwareType})");
            }
            interfaceLock = InterfaceLock.Take(port, device);
            TagOffload.Recover(device);
            socket = OpenSocket(port);
            longSocket = OpenSocket(port);
            rings = SetUp(port, socket, longSocket, device.Index, options);
            unsent = new LinkDrops(port, device.Index, countsQueue: true);
            return new AfPacketPort(device, interfaceLock, unsent, socket, longSocket, (byte*)rings, options, reason);
        }
        catch
        {
            unsent?.Dispose();
            Close(rings, RingBytes(options), socket, longSocket);
            interfaceLock?.Dispose();
            device.Dispose();
            throw;
        }
    }

    /// <summary>Goes on with the sockets of another process once it is told to: <see cref="IDeviceHandover.Adopt"/>.</summary>
    /// <param name="offer">As <see cref="Offer"/> made it, in the interface's network namespace. Its descriptors stay the caller's if this throws.</param>
    /// <exception cref="PortException">The interface is not here, or the system refuses.</exception>
    /// <exception cref="InvalidDataException">It is of another version.</exception>
    public static AfPacketPort Take(string port, DeviceOffer offer)
    {
        if (offer.Descriptors is not [int socket, int longSocket, int lockSocket])
        {
            throw new InvalidDataException($"it comes with {offer.Descriptors.Count} descriptors in place of 3");
        }
        using BinaryReader record = DeviceRecord.Read(offer.Record, RecordVersion);
        LinuxInterface device = LinuxInterface.Find(port, record.ReadInt32());
        LinkDrops? unsent = null;
        try
        {
            var options = new AfPacketOptions(record.ReadInt32(), record.ReadInt32());
            if (!RingSlots.IsValid(options.ReceiveSlots) || !RingSlots.IsValid(options.TransmitSlots))
            {
                throw new InvalidDataException(RingSlots.Rule);
            }
            device.RestoreFound(record.ReadBoolean(), wasChanged: false);
            unsent = new LinkDrops(port, device.Index, countsQueue: true);
            void* rings = Map(port, socket, options);
            return new AfPacketPort(device, InterfaceLock.Of(lockSocket), unsent, socket, longSocket, (byte*)rings, options, record.ReadString()) { _isOurs = false };
        }
        catch
        {
            unsent?.Dispose();
            device.Dispose();
            throw;
        }
    }

    public DeviceOffer Offer() => new(
        OfferKind,
        DeviceRecord.Write(RecordVersion, record =>
        {
            record.Write(_interface.Index);
            record.Write(_options.ReceiveSlots);
            record.Write(_options.TransmitSlots);
            record.Write(_interface.WasUp);
            record.Write(_reason);
        }),
        [_socket, _longSocket, _lock.Descriptor]);

    public byte[] Rest()
    {
        _ = ReadCounters(); // the socket's own count begins anew each time it is read
        lock (_sync)
        {
            return DeviceRecord.Write(RecordVersion, record =>
            {
                _queue.Save(record);
                record.Write(_ringDrops);
                record.Write(_transmitDropped);
                (long link, long queue, long count) = _unsent.State;
                record.Write(link);
                record.Write(queue);
                record.Write(count);
                (bool wasUp, bool wasChanged) = _interface.Found;
                record.Write(wasUp);
                record.Write(wasChanged);
            });
        }
    }

    public void Yield()
    {
        lock (_sync)
        {
            _isOurs = false;
            _interface.Leave();
        }
    }

    public void Adopt(ReadOnlySpan<byte> rest)
    {
        using BinaryReader record = DeviceRecord.Read(rest, RecordVersion);
        lock (_sync)
        {
            _queue.Restore(record);
            _ringDrops = record.ReadInt64();
            _transmitDropped = record.ReadInt64();
            _unsent.Restore((record.ReadInt64(), record.ReadInt64(), record.ReadInt64()));
            _interface.RestoreFound(record.ReadBoolean(), record.ReadBoolean());
            _lock.Own();
            _isOurs = true;
        }
    }

    public PortLink ReadLink() => _interface.ReadLink();

    public PortCounters ReadCounters()
    {
        lock (_sync)
        {
            if (!_disposed)
            {
                _ringDrops += TakeDrops(_socket);
                // What the kernel said it dropped, it gave back.
                _transmitDropped = Math.Max(_transmitDropped, _unsent.Read() - _queue.GivenBack);
            }
            return new PortCounters
            {
                ReceiveDropped = _ringDrops + _queue.ReceiveDropped,
                ReceiveErrors = _queue.ReceiveErrors,
                TransmitErrors = _queue.TransmitErrors,
                TransmitDropped = _transmitDropped,
            };
        }
    }

    /// <summary>Sets the interface up or down; what it was when the port was opened is restored on dispose.</summary>
    public void SetAdministrativeState(bool up) => _interface.SetUp(up);

    public void Dispose()
    {
        lock (_sync)
        {
            if (_disposed)
            {
                return;
            }
            _disposed = true;
            if (_isOurs)
            {
                // Close would do it, but not while a child of this process, between fork and exec, still has the descriptor.
                SetPromiscuous(PACKET_DROP_MEMBERSHIP, _socket, _interface.Index);
            }
            else
            {
                _interface.Leave();
                _lock.Leave();
            }
            Close(_rings, RingBytes(_options), _socket, _longSocket);
            _unsent.Dispose();
            _interface.Dispose();
            _lock.Dispose();
        }
    }

    private static int OpenSocket(string port)
    {
        // Protocol 0 receives nothing: not a frame of another interface slips in before the socket is bound.
        int socket = Libc.socket(Libc.AF_PACKET, Libc.SOCK_RAW | Libc.SOCK_CLOEXEC, 0);
        if (socket < 0)
        {
            int error = Errno.Last;
            throw error == Errno.EPERM
                ? new PortException($"{port}: socket(AF_PACKET): {Errno.Text(error)}; run as root or with CAP_NET_RAW")
                : PortException.FromErrno(port, "socket(AF_PACKET)", error);
        }
        return socket;
    }

    private static void* SetUp(string port, int socket, int longSocket, int interfaceIndex, AfPacketOptions options)
    {
        Set(port, socket, PACKET_VERSION, TPACKET_V2, nameof(PACKET_VERSION));
        Set(port, socket, PACKET_VNET_HDR, 1, nameof(PACKET_VNET_HDR)); // refused once there are rings
        Set(port, socket, PACKET_LOSS, 1, nameof(PACKET_LOSS)); // one bad frame must not block the ring
        Set(port, socket, PACKET_IGNORE_OUTGOING, 1, nameof(PACKET_IGNORE_OUTGOING));
        SetRing(port, socket, PACKET_RX_RING, SlotSize, options.ReceiveSlots, nameof(PACKET_RX_RING));
        SetRing(port, socket, PACKET_TX_RING, SlotSize, options.TransmitSlots, nameof(PACKET_TX_RING));
        void* rings = Map(port, socket, options);
        try
        {
            Set(port, socket, PACKET_COPY_THRESH, 1, nameof(PACKET_COPY_THRESH));
            SetBuffer(socket, Libc.SO_RCVBUFFORCE, SO_RCVBUF, BufferBytes);
            SetBuffer(socket, Libc.SO_SNDBUFFORCE, SO_SNDBUF, BufferBytes);
            Set(port, longSocket, PACKET_VNET_HDR, 1, nameof(PACKET_VNET_HDR));
            SetBuffer(longSocket, Libc.SO_SNDBUFFORCE, SO_SNDBUF, BufferBytes);
            Bind(port, longSocket, interfaceIndex, protocol: 0);
            if (SetPromiscuous(PACKET_ADD_MEMBERSHIP, socket, interfaceIndex) < 0)
            {
                throw PortException.FromErrno(port, $"setsockopt({nameof(PACKET_ADD_MEMBERSHIP)})");
            }
            Bind(port, socket, interfaceIndex, ETH_P_ALL); // last: from here on frames arrive
            return rings;
        }
        catch
        {
            _ = Libc.munmap(rings, RingBytes(options));
            throw;
        }
    }

    private static void* Map(string port, int socket, AfPacketOptions options)
    {
        void* rings = Libc.mmap(
            null, RingBytes(options), Libc.PROT_READ | Libc.PROT_WRITE, Libc.MAP_SHARED | Libc.MAP_POPULATE, socket, 0);
        return (nint)rings != -1 ? rings : throw PortException.FromErrno(port, "mmap(AF_PACKET)");
    }

    private static nuint RingBytes(AfPacketOptions options) => (nuint)(options.ReceiveSlots + options.TransmitSlots) * SlotSize;

    private static void Close(void* rings, nuint ringBytes, int socket, int longSocket)
    {
        if (rings != null)
        {
            _ = Libc.munmap(rings, ringBytes);
        }
        if (socket >= 0)
        {
            _ = Libc.close(socket);
        }
        if (longSocket >= 0)
        {
            _ = Libc.close(longSocket);
        }
    }
}
