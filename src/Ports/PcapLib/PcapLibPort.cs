using SharpPcap;
using SharpPcap.LibPcap;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Interfaces;
using Softswitch.Ports.Linux.Sockets;
using static Softswitch.Ports.Linux.Sockets.PacketSocket;

namespace Softswitch.Ports.PcapLib;

/// <summary><c>pcaplib:NAME</c>: a Linux interface through libpcap, by way of SharpPcap. Only in builds with WithSharpPcap=true.</summary>
/// <remarks>
/// <para>
/// What it is. libpcap reads an AF_PACKET ring and copies each packet once more for whoever asks for one at a time; sending is a system
/// call per packet. Immediate mode hands packets over as they come: without it they would wait for a block to fill or a timer.
/// </para>
/// <para>
/// Direction. SharpPcap has no pcap_setdirection, and libpcap's filter "inbound" loses the first packet (its issues 1254 and 1482). So
/// the kernel is told, on libpcap's own socket, to leave out what the host sends by the interface (PACKET_IGNORE_OUTGOING).
/// </para>
/// <para>
/// Offloads. libpcap carries no virtio_net_hdr: <see cref="PartialSegment"/> finds what is unfinished on the way in, and nothing
/// unfinished may go out. VLAN tags that the kernel took out, libpcap puts back.
/// </para>
/// <para>
/// Left as found. Promiscuous mode is a membership of libpcap's socket and ends with it. An interface that is down cannot be opened:
/// libpcap wants it up.
/// </para>
/// <para>References: SharpPcap 6.3; pcap(3PCAP); pcap-linux.c of libpcap 1.10.</para>
/// </remarks>
internal sealed unsafe class PcapLibPort : IPortDevice, INetworkInterface
{
    // On an interface with offloads libpcap gives each packet a slot of this length, rounded up with its header to 64 KiB. Full 64 KiB
    // would take twice the memory. TCP's segments have room: Linux keeps MAX_TCP_HEADER, some 300 bytes, off the limit (sk_setup_caps
    // in net/core/sock.c). What is longer all the same comes truncated and is counted.
    private const int SegmentLength = (64 * 1024) - 128;

    // 1024 slots where segments may come, 42,000 where they do not and the MTU is 1500.
    private const int RingBytes = 64 * 1024 * 1024;

    // Packets wait for the device as socket buffers: room for some thousands.
    private const int SendBufferBytes = 8 * 1024 * 1024;
    private const int SO_SNDBUF = 7;
    private const uint FIOCLEX = 0x5451;

    private readonly Lock _sync = new();
    private readonly LinuxInterface _interface;
    private readonly InterfaceLock _lock;
    private readonly LiveCapture _capture;
    private readonly PcapLibQueue _queue;
    private long _ringDrops;
    private bool _disposed;

    private PcapLibPort(LinuxInterface device, InterfaceLock interfaceLock, LiveCapture capture)
    {
        _interface = device;
        _lock = interfaceLock;
        _capture = capture;
        _queue = new PcapLibQueue(capture, device);
        Queues = [_queue];
        _ = ReadLink();
    }

    public string Name => _interface.Name;

    public INetworkInterface Interface => this;

    public int InterfaceIndex => _interface.Index;

    public bool HasInterface => _interface.Exists;

    public int HighestMtu => 0;

    public bool HidesPartialChecksums => true;

    public string Backend =>
        "libpcap (SharpPcap): a call and a copy more per packet than packet:; TCP segments are cut to the MTU, UDP segments (USO) are lost";

    public MacAddress HardwareAddress => _interface.HardwareAddress;

    public bool TakesOffloads => false;

    public IReadOnlyList<IPort> Queues { get; }

    /// <summary>Opens an interface of the calling thread's network namespace.</summary>
    /// <param name="port">What errors call the port.</param>
    /// <param name="interfaceName">The interface.</param>
    /// <exception cref="PortException">
    /// The interface does not exist, is not Ethernet, is down or taken, libpcap is not installed, or it or the system refuses.
    /// </exception>
    public static PcapLibPort Open(string port, string interfaceName)
    {
        LinuxInterface device = LinuxInterface.OpenEthernet(port, interfaceName);
        InterfaceLock? interfaceLock = null;
        LiveCapture? capture = null;
        try
        {
            if (!device.WasUp)
            {
                throw new PortException(
                    $"{port}: interface {interfaceName} is down and libpcap opens only what is up: ip link set {interfaceName} up");
            }
            interfaceLock = InterfaceLock.Take(port, device);
            capture = Find(port, interfaceName);
            Start(port, capture, device);
            return new PcapLibPort(device, interfaceLock, capture);
        }
        catch (Exception e)
        {
            capture?.Dispose();
            interfaceLock?.Dispose();
            device.Dispose();
            throw Refused(port, e) ?? e;
        }
    }

    public PortLink ReadLink() => _interface.ReadLink();

    public PortCounters ReadCounters()
    {
        lock (_sync)
        {
            if (!_disposed)
            {
                // Not SharpPcap's Statistics: on 64-bit Linux they read the three 32-bit fields of struct pcap_stat as machine words, so that what they
                // call dropped is what the interface dropped. libpcap asks the kernel only when it is asked itself.
                _ringDrops += TakeDrops(_capture.Descriptor);
            }
            PortCounters losses = _queue.Losses;
            losses.ReceiveDropped += _ringDrops;
            return losses;
        }
    }

    /// <summary>Sets the interface up or down; what it was when the port was opened is restored on dispose.</summary>
    public void SetAdministrativeState(bool up) => _interface.SetUp(up);

    public void Dispose()
    {
        lock (_sync)
        {
            if (!_disposed)
            {
                _disposed = true;
                // Close would do it, but not while a child of this process, between fork and exec, still has the descriptor.
                SetPromiscuous(PACKET_DROP_MEMBERSHIP, _capture.Descriptor, _interface.Index);
                _capture.Dispose();
                _interface.Dispose();
                _lock.Dispose();
            }
        }
    }

    private static LiveCapture Find(string port, string interfaceName)
    {
        foreach (PcapInterface candidate in PcapInterface.GetAllPcapInterfaces())
        {
            if (candidate.Name == interfaceName)
            {
                return new LiveCapture(candidate);
            }
        }
        throw new PortException($"{port}: libpcap does not list interface {interfaceName}");
    }

    private static void Start(string port, LiveCapture capture, LinuxInterface device)
    {
        int longestFrame = device.Mtu + LinkFrame.HeaderLength + LinkFrame.TagLength;
        capture.Open(new DeviceConfiguration
        {
            Mode = DeviceModes.Promiscuous,
            Immediate = true,
            Snaplen = Math.Clamp(longestFrame, SegmentLength, FramePool.LargeFrameCapacity),
            BufferSize = RingBytes,
        });
        capture.NonBlockingMode = true;
        int socket = capture.Descriptor;
        _ = Libc.ioctl(socket, FIOCLEX, null); // libpcap leaves it open for children
        SetBuffer(socket, Libc.SO_SNDBUFFORCE, SO_SNDBUF, SendBufferBytes);
        Set(port, socket, PACKET_IGNORE_OUTGOING, 1, nameof(PACKET_IGNORE_OUTGOING));
        DiscardWaiting(capture);
    }

    /// <summary>What came before the kernel was told to leave out the host's own packets.</summary>
    private static void DiscardWaiting(LiveCapture capture)
    {
        const int slots = RingBytes / (64 * 1024); // not for ever on a busy interface
        nint header = 0;
        nint data = 0;
        for (int i = 0; i < slots && capture.GetNextPacketPointers(ref header, ref data) == (int)GetPacketStatus.PacketRead; i++)
        {
        }
    }

    /// <summary>In a port's words what SharpPcap and the runtime throw; null if they did not.</summary>
    private static PortException? Refused(string port, Exception e) => e switch
    {
        PcapException { Error: PcapError.PermissionDenied or PcapError.PromiscuousPermissionDenied } =>
            new PortException($"{port}: libpcap: no permission to capture; run as root or with CAP_NET_RAW", e),
        PcapException => new PortException($"{port}: libpcap: {e.Message}", e),
        DllNotFoundException or TypeInitializationException { InnerException: DllNotFoundException } =>
            new PortException($"{port}: libpcap is not installed (Debian: apt-get install libpcap0.8)", e),
        _ => null,
    };
}

/// <summary>A live device that tells its file descriptor, which SharpPcap shows to derived classes only.</summary>
internal sealed class LiveCapture(PcapInterface source) : LibPcapLiveDevice(source)
{
    /// <summary>What pcap_get_selectable_fd gave at Open: on Linux the AF_PACKET socket itself. -1 if there is none.</summary>
    public int Descriptor => FileDescriptor;
}
