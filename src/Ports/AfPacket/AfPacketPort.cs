using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Interfaces;
using Softswitch.Ports.Linux.Netlink;
using Softswitch.Ports.Linux.Processes;
using static Softswitch.Ports.Linux.Sockets.PacketSocket;

namespace Softswitch.Ports.AfPacket;

/// <summary>
/// A Linux interface through AF_PACKET: a socket with a ring to receive by, one with a ring to send by, and one without a ring for
/// long packets.
/// </summary>
/// <remarks>
/// <para>
/// Why TPACKET_V2 and not V3. V3 packs frames of any length into blocks, which saves memory, and hands a block over when it
/// is full or a timer of at least a millisecond has run out: a ping through an idle switch would wait for the timer twice.
/// V2 hands over each frame by itself, at once. But V2 needs a slot as long as the longest frame, and a local TCP
/// sends 64 KiB segments over veth. PACKET_COPY_THRESH resolves it: a frame longer than its slot is also queued whole on
/// the socket, its slot says so (TP_STATUS_COPY), and one recvmsg fetches it in its turn. So slots have 2 KiB, ordinary frames cost no
/// system call, and a segment costs one for 64 KiB. V3 has no such way out. By the same way a port that has little to do makes do with
/// slots of 256
/// bytes: <see cref="RingSize"/> has the steps in which rings grow, <see cref="ReceiveGroup"/> how packets are told to come to another
/// ring.
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
/// Drops. If the kernel has no room for a packet, it says so at once (ENOBUFS), and the packet stays ours. Or it takes the packet and drops it
/// later without an error: in a queueing discipline, or because the interface has no far end. The port counts these by the counters of the
/// interface and its queueing discipline (<see cref="LinkDrops"/>). These do not tell senders apart, so they include losses of the host's own
/// stack.
/// </para>
/// <para>
/// Left as found. Promiscuous mode is a membership of the socket (PACKET_MR_PROMISC) and ends with it, as do rings and lock. An
/// interface that is down stays down until <see cref="SetAdministrativeState"/>, and is put back on dispose. Handed over, sockets,
/// rings and lock are the
/// other process's as they are: the kernel fills the ring meanwhile, and the membership ends with the last descriptor.
/// The local stack of the host still sees every frame the interface receives, unless flows are in the kernel: a switch port should carry no addresses.
/// </para>
/// <para>References: packet(7); Documentation/networking/packet_mmap.rst; net/packet/af_packet.c.</para>
/// </remarks>
internal sealed class AfPacketPort : IPortDevice, INetworkInterface, IDeviceHandover
{
    /// <summary>What an offer of this backend is called.</summary>
    public const string OfferKind = "packet";

    // Sender and lock; then the rings.
    private const int FixedDescriptors = 2;

    private readonly Lock _sync = new();
    private readonly LinuxInterface _interface;
    private readonly InterfaceLock _lock;
    private readonly LinkDrops _unsent;
    private readonly PacketSource _source;
    private readonly AfPacketQueue _queue;
    private readonly PortRings _rings;
    private readonly NamespaceShared<RingGrower>.Lease _grower;
    private readonly int _sender;
    private readonly string _reason;
    private long _transmitDropped;
    private bool _disposed;

    /// <param name="parts">This one's from now on.</param>
    private AfPacketPort(AfPacketParts parts, string reason, bool isOurs = true)
    {
        _interface = parts.Device;
        _lock = parts.Lock!;
        _unsent = parts.Unsent!;
        _grower = parts.Grower!;
        _source = parts.Source;
        _sender = parts.Sender;
        RingDemand demand = new(_grower.Value.Wake, parts.Time);
        _queue = new AfPacketQueue(_sender, _interface, demand, parts.Counts, parts.Receive[0], parts.Transmit);
        if (parts.Receive is [_, ReceiveRing next])
        {
            _queue.MoveTo(next);
        }
        _rings = new PortRings(parts.Port, _interface, parts.Source, _queue, demand, parts.Rings, isOurs);
        Queues = [_queue];
        _reason = reason;
        _grower.Value.Add(_rings);
    }

    public event Action<string?>? Changed
    {
        add => _rings.Changed += value;
        remove => _rings.Changed -= value;
    }

    public string Name => _interface.Name;

    public string Backend
    {
        get
        {
            RingSize receive = _queue.LastReceive.Size;
            RingSize transmit = _queue.LastTransmit?.Size ?? RingSize.OfTransmit(0);
            string why = _reason.Length > 0 ? $"{_reason}; " : string.Empty;
            string growth = receive.MayGrow || transmit.MayGrow ? $" ({(receive.Bytes + transmit.Bytes) >> 10} KiB, more by need)" : string.Empty;
            string state = _interface.WasUp ? string.Empty : "; the interface is down and stays so";
            return $"AF_PACKET: {why}rings of {receive.Slots} and {transmit.Slots} slots{growth}, segments and checksums passed on{state}";
        }
    }

    public MacAddress HardwareAddress => _interface.HardwareAddress;

    public INetworkInterface Interface => this;

    public IDeviceHandover Handover => this;

    public int InterfaceIndex => _interface.Index;

    public bool HasInterface => _interface.Exists;

    public int HighestMtu => 0;

    public bool IsLinkAnnounced => true;

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
        if (!RingSlots.IsValid(options.ReceiveSlots ?? RingSlots.Least) || !RingSlots.IsValid(options.TransmitSlots ?? RingSlots.Least))
        {
            throw new PortException($"{port}: {RingSlots.Rule}");
        }
        AfPacketParts parts = new(port, LinuxInterface.OpenEthernet(port, interfaceName)) { Time = options.TimeProvider };
        try
        {
            LinuxInterface device = parts.Device;
            parts.Lock = InterfaceLock.Take(port, device);
            VlanOffload.Recover(device);
            parts.Source = options.Source?.Invoke(device.Index) ?? parts.Source;
            parts.Sender = TransmitRing.OpenSender(port, device.Index);
            parts.Transmit = options.TransmitSlots is { } transmit ? TransmitRing.Open(port, device.Index, RingSize.Fixed(transmit)) : null;
            parts.Receive = [OpenFirst(port, parts.Source, options, parts.Counts)];
            parts.Share();
            return new AfPacketPort(parts, reason);
        }
        catch
        {
            parts.Close();
            throw;
        }
    }

    /// <summary>Goes on with the sockets of another process once it is told to: <see cref="IDeviceHandover.Adopt"/>.</summary>
    /// <param name="offer">As <see cref="Offer"/> made it, in the interface's network namespace. Its descriptors stay the caller's if
    /// this throws.</param>
    /// <exception cref="PortException">The interface is not here, or the system refuses.</exception>
    /// <exception cref="InvalidDataException">It makes no sense.</exception>
    public static AfPacketPort Take(string port, DeviceOffer offer)
    {
        using BinaryReader record = offer.ReadRecord();
        AfPacketParts parts = new(port, LinuxInterface.Find(port, record.ReadInt32()));
        try
        {
            parts.Source = new PacketSource(record.ReadInt32(), record.ReadBoolean());
            parts.Device.RestoreFound(record.ReadBoolean(), wasChanged: false);
            string reason = record.ReadString();
            int receive = record.ReadByte();
            bool hasTransmit = record.ReadBoolean();
            int wanted = FixedDescriptors + receive + (hasTransmit ? 1 : 0);
            if (receive is not (1 or 2) || offer.Descriptors.Count != wanted)
            {
                throw new InvalidDataException($"it comes with {offer.Descriptors.Count} descriptors in place of {wanted}");
            }
            for (int i = 0; i < receive; i++)
            {
                parts.Receive.Add(ReceiveRing.Take(port, offer.Descriptors[FixedDescriptors + i], RingSize.Read(record), parts.Counts));
            }
            parts.Transmit = hasTransmit ? TransmitRing.Take(port, offer.Descriptors[^1], RingSize.Read(record)) : null;
            parts.Share();
            parts.Sender = offer.Descriptors[0];
            parts.Lock = InterfaceLock.Of(offer.Descriptors[1]);
            return new AfPacketPort(parts, reason, isOurs: false);
        }
        catch
        {
            parts.Forget();
            throw;
        }
    }

    public PortLink ReadLink() => _interface.ReadLink();

    public PortCounters ReadCounters()
    {
        lock (_sync)
        {
            if (!_disposed)
            {
                // What the kernel said it dropped, it gave back.
                _transmitDropped = Math.Max(_transmitDropped, _unsent.Read() - _queue.GivenBack);
            }
            return new PortCounters
            {
                ReceiveDropped = _rings.Drops + Volatile.Read(ref _queue.Counts.Dropped),
                ReceiveErrors = Volatile.Read(ref _queue.Counts.Errors),
                TransmitErrors = _queue.TransmitErrors,
                TransmitDropped = _transmitDropped,
            };
        }
    }

    /// <summary>Sets the interface up or down; what it was when the port was opened is restored on dispose.</summary>
    public void SetAdministrativeState(bool up) => _interface.SetUp(up);

    public DeviceOffer Offer()
    {
        _rings.Hold();
        IReadOnlyList<ReceiveRing> receive = _queue.ReceiveRings;
        TransmitRing? transmit = _queue.LastTransmit;
        using DeviceRecord record = new();
        record.Write(_interface.Index);
        record.Write(_source.InterfaceIndex);
        record.Write(_source.IsOutgoing);
        record.Write(_interface.WasUp);
        record.Write(_reason);
        record.Write((byte)receive.Count);
        record.Write(transmit != null);
        List<int> descriptors = [_sender, _lock.Descriptor];
        foreach (ReceiveRing ring in receive)
        {
            ring.Size.Write(record);
            descriptors.Add(ring.Socket);
        }
        if (transmit != null)
        {
            transmit.Size.Write(record);
            descriptors.Add(transmit.Socket);
        }
        return new DeviceOffer(OfferKind, record.ToArray(), descriptors);
    }

    public void SaveState(BinaryWriter state)
    {
        _ = ReadCounters();
        lock (_sync)
        {
            _queue.Save(state);
            state.Write(_rings.Drops);
            state.Write(_transmitDropped);
            _unsent.Save(state);
            _interface.SaveFound(state);
        }
    }

    public void Resume()
    {
        _rings.Resume();
        _grower.Value.Wake();
    }

    public void Yield() => _rings.IsOurs = false;

    public void Adopt(BinaryReader state)
    {
        lock (_sync)
        {
            _queue.Restore(state);
            _rings.Drops = state.ReadInt64();
            _transmitDropped = state.ReadInt64();
            _unsent.Restore(state);
            _interface.RestoreFound(state);
            _lock.Own();
            _rings.IsOurs = true;
        }
        _grower.Value.Wake(); // the worker may be between two rings
    }

    public void Dispose()
    {
        _grower.Value.Remove(_rings);
        lock (_sync)
        {
            if (_disposed)
            {
                return;
            }
            _disposed = true;
            if (_rings.IsOurs)
            {
                // Close would do it, but not while a child of this process, between fork and exec, still has the descriptor.
                SetPromiscuous(PACKET_DROP_MEMBERSHIP, _sender, _interface.Index);
            }
            else
            {
                _interface.Leave();
                _lock.Leave();
            }
        }
        _rings.Close();
        _queue.Bursts?.Dispose();
        _ = Libc.close(_sender);
        _unsent.Dispose();
        _interface.Dispose();
        _lock.Dispose();
        _grower.Dispose();
    }

    /// <summary>A ring that may grow where the kernel can do that; else one of the size to which it would have grown.</summary>
    private static ReceiveRing OpenFirst(string port, PacketSource source, AfPacketOptions options, ReceiveCounts counts)
    {
        if (options.ReceiveSlots == null && ReceiveGroup.IsSupported)
        {
            ReceiveRing ring = ReceiveRing.Open(port, source, RingSize.OfReceive(0), counts);
            if (ReceiveGroup.TryForm(ring.Socket, source.IsOutgoing))
            {
                return ring;
            }
            ring.Dispose();
        }
        return ReceiveRing.Open(port, source, options.ReceiveSlots is { } slots ? RingSize.Fixed(slots) : RingSize.OfReceive(RingSize.LastStep), counts);
    }
}

/// <summary>Sizes of an AF_PACKET port's rings, where they are to stay as they are: slots of 2 KiB of kernel memory.</summary>
/// <param name="ReceiveSlots">Frames that may wait for the switch; a power of two from 32 to 65536. Null for a ring that grows by
/// need.</param>
/// <param name="TransmitSlots">Frames that may wait for the device; as above.</param>
internal sealed record AfPacketOptions(int? ReceiveSlots = null, int? TransmitSlots = null)
{
    /// <summary>Whose packets come to the port, by the index of its interface, which is the port's by then; null for what that receives.</summary>
    public Func<int, PacketSource>? Source { get; init; }

    /// <summary>By which many packets come and go.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;
}
