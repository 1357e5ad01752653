using System.Diagnostics;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Sockets;

namespace Softswitch.Ports.VhostUser;

/// <summary>
/// <c>vhost-user:PATH</c>: a virtual machine whose memory the switch shares; packets are copied between its rings and the switch's frames.
/// </summary>
/// <remarks>
/// The front-end (QEMU, or DPDK's virtio_user) describes memory and rings by messages on a Unix socket. As a client the port connects to PATH
/// whenever a front-end listens there; as a server it listens, for one front-end at a time. The link is up while the guest has a pair of rings
/// ready. Handed over, the port meets its front-end anew: by the socket it listens at, or by connecting, which succeeds when the owner before
/// hangs up. The rings tell where they are, and what the guest sends meanwhile waits in them.
/// Threads: a thread of the port's own reads the socket. It waits for the socket only, and delays a worker no longer than a change of a
/// ring takes.
/// References: QEMU's docs/interop/vhost-user.rst; virtio 1.2 §5.1.
/// </remarks>
internal sealed unsafe class VhostUserPort : IPortDevice, IDeviceHandover
{
    /// <summary>Queue pairs of a port: messages have 8 bits for a ring's number.</summary>
    public const int MostQueues = 128;

    /// <summary>What an offer of this backend is called.</summary>
    public const string OfferKind = "vhost-user";

    private const int RetryMilliseconds = 100;
    private const int PenaltyMilliseconds = 1000; // after a front-end that broke the protocol
    private const int MessagesAtOnce = 64;

    // A guest's start takes dozens of messages. A message that causes work on the control side, a port-status, counts as many.
    private const int MessagesPerSecond = 8192;
    private const int MessagesPerChange = 128;

    private readonly string _path;
    private readonly UnixListener? _listener;
    private readonly GuestRings _rings;
    private readonly Thread _thread;
    private readonly int _wake;
    private int _messages;
    private long _second;
    private DescriptorSocket? _first; // connected when the port was opened
    private string? _refusal; // of the path, by the system
    private volatile string? _fault;
    private bool _hasBeenUp; // since it is connected
    private volatile bool _isUp;
    private volatile int _mtu;
    private volatile bool _stopping;
    private PortCounters _before; // of the processes that had it
    private volatile bool _isOurs = true;

    private VhostUserPort(string path, UnixListener? listener, DescriptorSocket? first, int queues)
    {
        _path = path;
        _listener = listener;
        _first = first;
        _wake = Libc.eventfd(0, Libc.EFD_CLOEXEC | Libc.EFD_NONBLOCK);
        if (_wake < 0)
        {
            throw SystemCallException.Last("eventfd");
        }
        _rings = new GuestRings(queues);
        Queues = [.. _rings.Queues];
        Name = Path.GetFileName(path);
        HardwareAddress = LocalMacAddress.For(path);
        Backend = $"vhost-user: {(listener == null ? "client" : "server")} of {path}, {queues} queue{(queues == 1 ? string.Empty : "s")}";
        _thread = new Thread(Run) { IsBackground = true, Name = $"vhost-user {Name}" };
    }

    public event Action<string?>? Changed;

    public string Name { get; }

    public string Backend { get; }

    public MacAddress HardwareAddress { get; }

    /// <summary>Whether the guest takes packets with unfinished checksums and segments, as negotiated.</summary>
    public bool TakesOffloads => (_rings.Features & VirtioFeatures.VIRTIO_NET_F_GUEST_CSUM) != 0;

    public bool Takes(in OffloadState offload) => _rings.Takes(offload);

    public IReadOnlyList<IPort> Queues { get; }

    public string? Fault => _fault;

    public IDeviceHandover Handover => this;

    /// <param name="port">What errors call the port.</param>
    /// <param name="isServer">Whether it listens at the path; else it connects, now or when somebody listens there.</param>
    /// <param name="queues">Pairs of rings, 1 to <see cref="MostQueues"/>.</param>
    /// <exception cref="PortException">The path cannot be a socket's, or is not ours.</exception>
    public static VhostUserPort Open(string port, string path, bool isServer, int queues)
    {
        CheckPath(port, path);
        if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } folder && !Directory.Exists(folder))
        {
            throw new PortException($"{port}: there is no folder {folder}");
        }
        UnixListener? listener = null;
        DescriptorSocket? first = null;
        try
        {
            listener = isServer ? UnixListener.Open(path) : null;
            first = isServer ? null : DescriptorSocket.TryConnect(path, out int error) ?? Await(path, error);
            VhostUserPort opened = new(path, listener, first, queues);
            opened._thread.Start();
            return opened;
        }
        catch (SystemCallException e)
        {
            listener?.Dispose();
            first?.Dispose();
            throw new PortException($"{port}: {e.Message}", e);
        }
    }

    /// <summary>Goes on for another process once it is told to: <see cref="IDeviceHandover.Adopt"/>.</summary>
    /// <param name="offer">As <see cref="Offer"/> made it. Its descriptors stay the caller's if this throws.</param>
    /// <exception cref="InvalidDataException">It makes no sense.</exception>
    public static VhostUserPort Take(string port, DeviceOffer offer)
    {
        using BinaryReader record = offer.ReadRecord();
        (string path, int queues, bool isServer) = (record.ReadString(), record.ReadInt32(), record.ReadBoolean());
        if (queues is < 1 or > MostQueues || offer.Descriptors.Count != (isServer ? 1 : 0))
        {
            throw new InvalidDataException($"{queues} queues and {offer.Descriptors.Count} descriptors");
        }
        try
        {
            UnixListener? listener = isServer ? UnixListener.Take(offer.Descriptors[0], path) : null;
            return new VhostUserPort(path, listener, first: null, queues) { _isOurs = false };
        }
        catch (SystemCallException e)
        {
            throw new PortException($"{port}: {e.Message}", e);
        }
    }

    /// <exception cref="PortException">The path is longer than a socket's may be.</exception>
    public static void CheckPath(string port, string path)
    {
        if (DescriptorSocket.AddressOf(path) == null)
        {
            throw new PortException(
                $"{port}: {path}: the path is longer than the kernel takes for a socket ({DescriptorSocket.LongestPath} bytes)");
        }
    }

    public PortLink ReadLink() => new(_isUp, _mtu);

    public PortCounters ReadCounters()
    {
        PortCounters total = _rings.ReadCounters();
        total.ReceiveDropped += _before.ReceiveDropped;
        total.ReceiveErrors += _before.ReceiveErrors;
        total.TransmitErrors += _before.TransmitErrors;
        return total;
    }

    public void SetAdministrativeState(bool up)
    {
    }

    public DeviceOffer Offer()
    {
        using DeviceRecord record = new();
        record.Write(_path);
        record.Write(Queues.Count);
        record.Write(_listener != null);
        return new DeviceOffer(OfferKind, record.ToArray(), _listener == null ? [] : [_listener.Descriptor]);
    }

    public void SaveState(BinaryWriter state) => ReadCounters().Save(state);

    public void Yield() => _isOurs = false;

    public void Adopt(BinaryReader state)
    {
        _before = PortCounters.Read(state);
        _isOurs = true;
        _thread.Start();
    }

    public void Dispose()
    {
        if (_stopping)
        {
            return;
        }
        _stopping = true;
        ulong one = 1;
        _ = Libc.write(_wake, &one, sizeof(ulong));
        if (!_thread.ThreadState.HasFlag(System.Threading.ThreadState.Unstarted))
        {
            _thread.Join();
        }
        _first?.Dispose();
        if (!_isOurs)
        {
            _listener?.Leave();
        }
        _listener?.Dispose();
        _rings.Dispose();
        _ = Libc.close(_wake);
    }

    /// <returns>Null: it is tried again.</returns>
    private static DescriptorSocket? Await(string path, int error) =>
        IsAwaited(path, error) ? null : throw new SystemCallException($"connect({path})", error);

    /// <summary>Whether the front-end may come yet: it has not made its socket, does not listen, or is busy.</summary>
    private static bool IsAwaited(string path, int error) =>
        error is Errno.ENOENT or Errno.EAGAIN || (error == Errno.ECONNREFUSED && UnixListener.IsSocket(path));

    private void Run()
    {
        while (!_stopping)
        {
            if (_listener != null)
            {
                Wait(_listener.Descriptor, milliseconds: -1);
            }
            DescriptorSocket? socket = _stopping ? null : _listener == null ? Connect() : _listener.TryAccept();
            bool isGood = socket == null || Serve(socket);
            Wait(descriptor: -1, isGood ? RetryMilliseconds : PenaltyMilliseconds);
        }
    }

    private DescriptorSocket? Connect()
    {
        if (Interlocked.Exchange(ref _first, null) is { } first)
        {
            return first;
        }
        DescriptorSocket? socket = DescriptorSocket.TryConnect(_path, out int error);
        string? fault = socket != null || IsAwaited(_path, error) ? null : new SystemCallException($"connect({_path})", error).Message;
        if (fault != _refusal) // the same error again must not replace the front-end's last fault
        {
            _fault = _refusal = fault;
        }
        return socket;
    }

    /// <returns>False if the front-end broke the protocol.</returns>
    private bool Serve(DescriptorSocket socket)
    {
        bool isGood = true;
        string? news = null;
        using (VhostUserSession session = new(socket, _rings))
        {
            try
            {
                while (!_stopping)
                {
                    int handled = session.Handle(MessagesAtOnce);
                    Pause(handled + (Note(session) ? MessagesPerChange : 0));
                    Wait(session.Descriptor, milliseconds: -1);
                    if (_rings.Fault is { } lie)
                    {
                        throw new InvalidDataException(lie);
                    }
                }
            }
            catch (InvalidDataException e)
            {
                _fault = e.Message;
                isGood = false;
            }
            catch (IOException e)
            {
                news = _hasBeenUp ? $"disconnected: {e.Message}" : null;
            }
            (_isUp, _hasBeenUp) = (false, false); // set before the socket closes: a front-end that sees the close finds the link down
        }
        if (!_stopping)
        {
            Changed?.Invoke(news);
        }
        return isGood;
    }

    /// <summary>Has the link's state told.</summary>
    /// <returns>Whether it changed.</returns>
    private bool Note(VhostUserSession session)
    {
        if (session.IsUp == _isUp && session.Mtu == _mtu)
        {
            return false;
        }
        bool isFirst = session.IsUp && !_hasBeenUp;
        if (isFirst)
        {
            _hasBeenUp = true;
            _fault = null; // cleared first: a reader that sees the link up must not see an old fault
        }
        (_isUp, _mtu) = (session.IsUp, session.Mtu);
        Changed?.Invoke(isFirst ? $"connected: {session.Describe()}" : null);
        return true;
    }

    /// <summary>Waits until the second is over if the front-end has sent too many messages in it, so that it cannot keep a processor busy.</summary>
    private void Pause(int messages)
    {
        long elapsed = Stopwatch.GetElapsedTime(_second).Ticks;
        if (elapsed >= TimeSpan.TicksPerSecond)
        {
            (_second, _messages, elapsed) = (Stopwatch.GetTimestamp(), 0, 0);
        }
        _messages += messages;
        if (_messages > MessagesPerSecond)
        {
            Wait(descriptor: -1, (int)((TimeSpan.TicksPerSecond - elapsed) / TimeSpan.TicksPerMillisecond) + 1);
        }
    }

    /// <summary>Waits for the descriptor, which may be -1, for a wake-up of the thread, or for a ring's fault.</summary>
    /// <param name="milliseconds">-1: without an end.</param>
    private void Wait(int descriptor, int milliseconds)
    {
        PollDescriptor* descriptors = stackalloc PollDescriptor[3];
        descriptors[0] = new PollDescriptor { Descriptor = _wake, Events = Libc.POLLIN };
        descriptors[1] = new PollDescriptor { Descriptor = descriptor, Events = Libc.POLLIN };
        descriptors[2] = new PollDescriptor { Descriptor = _rings.FaultDescriptor, Events = Libc.POLLIN };
        _ = Libc.poll(descriptors, 3, milliseconds);
        ulong count;
        _ = Libc.read(_wake, &count, sizeof(ulong)); // non-blocking
    }
}
