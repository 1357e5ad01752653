using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Interfaces;
using Softswitch.Ports.Linux.Netlink;
using Softswitch.Ports.Linux.Sockets;
using static Softswitch.Ports.Linux.Interfaces.TunDevice;

namespace Softswitch.Ports.Tap;

/// <summary><c>tap:NAME</c>: a TAP device. What the host or a virtual machine sends into the interface is received, and the other way round.</summary>
/// <remarks>
/// The device is made when the port is opened, brought up, and gone when it is closed. A persistent TAP device of that name, made
/// beforehand (ip tuntap add), is attached to instead, which an ordinary user may do with a device of their own; its state
/// is restored. With several queues (IFF_MULTI_QUEUE) the device has a descriptor for each; the kernel deals packets to queues by flow, and answers to the
/// queue that their flow last came from. Handed over, the descriptors are the other process's, and a device that was made stays. IFF_VNET_HDR carries
/// partial checksums and segments both ways, as PACKET_VNET_HDR does for AF_PACKET.
/// References: Documentation/networking/tuntap.rst; drivers/net/tun.c.
/// </remarks>
internal sealed unsafe class TapPort : IPortDevice, INetworkInterface, IDeviceHandover
{
    /// <summary>What an offer of this backend is called.</summary>
    public const string OfferKind = "tap";

    private const int ActivationMilliseconds = 1000;

    private const uint LoopbackIndex = 1; // in every network namespace

    // The kernel's queue towards us; its default of 500 or 1000 is a few milliseconds of small frames.
    private const int QueueLength = 4096;

    private readonly Lock _lock = new();
    private readonly LinuxInterface _interface;
    private readonly TapQueue[] _queues;
    private readonly LinkDrops _unread;
    private readonly bool _made;
    private readonly string _offloads;
    private IDisposable? _monitor; // of another namespace than the switch's
    private bool _isOurs = true;
    private bool _disposed;

    private TapPort(int[] descriptors, LinuxInterface device, LinkDrops unread, bool made, string offloads)
    {
        _made = made;
        _offloads = offloads;
        _interface = device;
        _unread = unread;
        _queues = Array.ConvertAll(descriptors, descriptor => new TapQueue(descriptor, device));
        Queues = _queues;
        string queues = descriptors.Length > 1 ? $"{descriptors.Length} queues, " : string.Empty;
        Backend = $"TAP: {(made ? "made, gone at the end" : "attached to a device that was there")}, {queues}{offloads}";
    }

    public string Name => _interface.Name;

    public string Backend { get; }

    public MacAddress HardwareAddress => _interface.HardwareAddress;

    public INetworkInterface Interface => this;

    public IDeviceHandover Handover => this;

    /// <summary>0 if the device is not in the switch's namespace, where another may have its index.</summary>
    public int InterfaceIndex => _monitor == null ? _interface.Index : 0;

    /// <summary>True also when the device was moved to another namespace: the descriptor still carries its packets.</summary>
    public bool HasInterface
    {
        get
        {
            lock (_lock)
            {
                InterfaceRequest request = default;
                return !_disposed && Libc.ioctl(_queues[0].PollDescriptor, TUNGETIFF, &request) == 0; // EBADFD once it is deleted
            }
        }
    }

    public int HighestMtu => 0;

    public bool IsLinkAnnounced => true;

    public event Action<string?>? Changed;

    public bool TakesOffloads => true;

    public IReadOnlyList<IPort> Queues { get; }

    /// <summary>Makes or attaches to the device in the calling thread's network namespace, and brings it up.</summary>
    /// <param name="port">What errors call the port.</param>
    /// <param name="name">The device.</param>
    /// <param name="queues">1 to 256; a device that was made beforehand with multi_queue wants 2 or more, one made without wants 1.</param>
    /// <param name="isReturning">Only attaches to a device: its maker may delete it again, and must then find the name free.</param>
    /// <param name="isHere">Whether that namespace is the switch's, which hears of link changes there already.</param>
    /// <exception cref="PortException">The name is taken or not a name, or the system refuses.</exception>
    public static TapPort Open(string port, string name, int queues = 1, bool isReturning = false, bool isHere = true)
    {
        bool existed = isReturning || LinuxInterface.IsThere(port, name);
        int[] descriptors = new int[queues];
        Array.Fill(descriptors, -1);
        LinuxInterface? device = null;
        LinkDrops? unread = null;
        try
        {
            using NetlinkSocket links = NetlinkSocket.Open();
            bool wasIdle = existed && IsIdle(links.FindLink(name));
            for (int i = 0; i < queues; i++)
            {
                descriptors[i] = OpenQueue(port, name, existed, queues > 1);
            }
            string offloads = SetOffloads(port, descriptors[0]);
            device = LinuxInterface.Open(port, name);
            if (!existed)
            {
                SetQueueLength(device);
            }
            int error = device.SetUp(up: true);
            if (error != 0)
            {
                throw PortException.FromErrno(port, "SIOCSIFFLAGS(IFF_UP)", error);
            }
            _ = device.ReadLink();
            if (wasIdle)
            {
                AwaitActivation(links, name);
            }
            unread = new LinkDrops(port, device.Index);
            var opened = new TapPort(descriptors, device, unread, !existed, offloads);
            if (!isHere)
            {
                opened._monitor = LinkMonitor.Subscribe(opened.OnChanged, opened.OnChanged);
            }
            return opened;
        }
        catch (Exception e)
        {
            unread?.Dispose();
            device?.Dispose();
            foreach (int descriptor in descriptors.Where(descriptor => descriptor >= 0))
            {
                _ = Libc.close(descriptor);
            }
            if (e is SystemCallException)
            {
                throw new PortException($"{port}: {e.Message}", e);
            }
            throw;
        }
    }

    /// <summary>Goes on with the descriptors of another process once it is told to: <see cref="IDeviceHandover.Adopt"/>.</summary>
    /// <param name="offer">As <see cref="Offer"/> made it, wherever the device is by now. Its descriptors stay the caller's if this throws.</param>
    /// <exception cref="PortException">The device is gone, or the system refuses.</exception>
    /// <exception cref="InvalidDataException">It makes no sense.</exception>
    public static TapPort Take(string port, DeviceOffer offer)
    {
        if (offer.Descriptors.Count == 0)
        {
            throw new InvalidDataException("it comes without descriptors");
        }
        using BinaryReader record = offer.ReadRecord();
        LinuxInterface device = FindInterface(port, record.ReadInt32(), offer.Descriptors[0]);
        try
        {
            (bool made, string offloads) = (record.ReadBoolean(), record.ReadString());
            return new TapPort([.. offer.Descriptors], device, new LinkDrops(port, device.Index), made, offloads) { _isOurs = false };
        }
        catch
        {
            device.Dispose();
            throw;
        }
    }

    public DeviceOffer Offer()
    {
        using DeviceRecord record = new();
        record.Write(_interface.Index);
        record.Write(_made);
        record.Write(_offloads);
        return new DeviceOffer(OfferKind, record.ToArray(), [.. _queues.Select(queue => queue.PollDescriptor)]);
    }

    public void SaveState(BinaryWriter state)
    {
        _unread.Save(state);
        _interface.SaveFound(state);
        foreach (TapQueue queue in _queues)
        {
            queue.Losses.Save(state);
        }
    }

    public void Yield()
    {
        lock (_lock)
        {
            _isOurs = false;
        }
    }

    public void Adopt(BinaryReader state)
    {
        lock (_lock)
        {
            _unread.Restore(state);
            _interface.RestoreFound(state);
            foreach (TapQueue queue in _queues)
            {
                queue.Losses = PortCounters.Read(state);
            }
            _isOurs = true;
        }
    }

    /// <summary>If a device in another namespace is set down there, the port has no link, but does not count as set down.</summary>
    public PortLink ReadLink() => _monitor == null ? _interface.ReadLink() : _interface.ReadLink() with { IsSetDown = false };

    public PortCounters ReadCounters()
    {
        PortCounters total = new() { ReceiveDropped = _unread.Read() };
        foreach (TapQueue queue in _queues)
        {
            PortCounters own = queue.Losses;
            total.ReceiveDropped += own.ReceiveDropped;
            total.ReceiveErrors += own.ReceiveErrors;
            total.TransmitErrors += own.TransmitErrors;
        }
        return total;
    }

    public void SetAdministrativeState(bool up) => _interface.SetUp(up);

    public void Dispose()
    {
        _monitor?.Dispose();
        lock (_lock)
        {
            if (!_disposed)
            {
                _disposed = true;
                if (!_isOurs)
                {
                    _interface.Leave();
                }
                _unread.Dispose();
                _interface.Dispose();
                foreach (TapQueue queue in _queues)
                {
                    _ = Libc.close(queue.PollDescriptor);
                }
            }
        }
    }

    /// <summary>Whether a device, before we have it, is up without carrier.</summary>
    /// <remarks>
    /// The carrier tells, not the state: a device that never lost its carrier stays Unknown, one that just did is Unknown until the link watch has run.
    /// </remarks>
    internal static bool IsIdle(Link? link) => link is { Carrier: false } && link.Flags.HasFlag(LinkFlags.Up);

    /// <summary>The interface of a queue's device. The descriptor says what the device is called and its address, wherever it is.</summary>
    private static LinuxInterface FindInterface(string port, int index, int descriptor)
    {
        InterfaceRequest named = default;
        InterfaceRequest addressed = default;
        if (Libc.ioctl(descriptor, TUNGETIFF, &named) < 0 || Libc.ioctl(descriptor, LinuxInterface.SIOCGIFHWADDR, &addressed) < 0)
        {
            throw PortException.FromErrno(port, "TUNGETIFF");
        }
        MacAddress address = new(new ReadOnlySpan<byte>(addressed.Address + 2, MacAddress.Size));
        return LinuxInterface.FindOrMiss(port, index, named.ReadName(), address);
    }

    /// <summary>A device that was idle has its carrier now, but the kernel lets packets out only after its link watch has run.</summary>
    private static void AwaitActivation(NetlinkSocket links, string name)
    {
        long deadline = Environment.TickCount64 + ActivationMilliseconds;
        while (links.FindLink(name) is { State: not OperationalState.Up } && Environment.TickCount64 < deadline)
        {
            Thread.Sleep(1);
        }
    }

    private void OnChanged(Link link)
    {
        if (link.Index == _interface.Index)
        {
            Changed?.Invoke(null);
        }
    }

    internal static int OpenQueue(string port, string name, bool existed, bool isOneOfSeveral)
    {
        int descriptor = Libc.open(TunDevice.Path, Libc.O_RDWR | Libc.O_NONBLOCK | Libc.O_CLOEXEC);
        if (descriptor < 0)
        {
            throw PortException.FromErrno(port, $"open({TunDevice.Path})");
        }
        InterfaceRequest request = InterfaceRequest.For(name);
        request.Short = (ushort)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (isOneOfSeveral ? IFF_MULTI_QUEUE : 0));
        if (existed)
        {
            // The index that a new device would get: one that is taken, so that none is made.
            uint taken = LoopbackIndex;
            _ = Libc.ioctl(descriptor, TUNSETIFINDEX, &taken);
        }
        if (Libc.ioctl(descriptor, TUNSETIFF, &request) == 0)
        {
            return descriptor;
        }
        int error = Errno.Last;
        _ = Libc.close(descriptor);
        throw Refused(port, name, existed, isOneOfSeveral, error);
    }

    private static PortException Refused(string port, string name, bool existed, bool isOneOfSeveral, int error) => error switch
    {
        Errno.EBUSY when existed && !LinuxInterface.IsThere(port, name) => new PortException($"{port}: TAP device {name} is gone again"),
        Errno.EBUSY => new PortException($"{port}: TAP device {name} is in use by another program (TUNSETIFF: {Errno.Text(error)})"),
        Errno.EINVAL when existed => new PortException(
            $"{port}: interface {name} exists and is not a TAP device {(isOneOfSeveral ? "with" : "without")} multi_queue (TUNSETIFF: {Errno.Text(error)})"),
        Errno.EPERM => new PortException($"{port}: TUNSETIFF: {Errno.Text(error)}; run as root or with CAP_NET_ADMIN"),
        _ => PortException.FromErrno(port, "TUNSETIFF", error),
    };

    /// <summary>Tells the kernel which checksums and segments it may hand over unfinished and uncut.</summary>
    private static string SetOffloads(string port, int descriptor)
    {
        int headerSize = VirtioNetHeader.Size;
        if (Libc.ioctl(descriptor, TUNSETVNETHDRSZ, &headerSize) < 0)
        {
            throw PortException.FromErrno(port, "TUNSETVNETHDRSZ");
        }
        return $"TCP {(PassOffloads(port, descriptor) ? "and UDP " : string.Empty)}segments and checksums passed on";
    }

    /// <summary>As long as a device's queue is that the port makes.</summary>
    internal static void SetQueueLength(LinuxInterface device)
    {
        InterfaceRequest request = default;
        request.Integer = QueueLength;
        device.Request(SIOCSIFTXQLEN, request); // better but not needed
    }
}
