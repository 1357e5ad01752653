using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Ports;

namespace Softswitch.Ports.Linux.Interfaces;

/// <summary>One network interface by its index, asked and set through the interface ioctls (netdevice(7)).</summary>
/// <remarks>
/// The socket belongs to the network namespace of the thread that opened it, and so does everything asked through it. The
/// index, not the name, is the identity: a renamed interface is still found, a new one with the old name is not taken for it.
/// Threads: any, under a lock of its own.
/// </remarks>
internal sealed unsafe class LinuxInterface : IDisposable
{
    public const int MaxNameLength = 15; // IFNAMSIZ - 1
    public const uint SIOCGIFHWADDR = 0x8927; // of a TAP device's descriptor, too

    private const uint SIOCGIFNAME = 0x8910;
    private const uint SIOCGIFFLAGS = 0x8913;
    private const uint SIOCSIFFLAGS = 0x8914;
    private const uint SIOCGIFMTU = 0x8921;
    private const uint SIOCGIFINDEX = 0x8933;
    private const uint SIOCETHTOOL = 0x8946;

    private const ushort ARPHRD_ETHER = 1;
    private const ushort IFF_UP = 0x1;
    private const ushort IFF_RUNNING = 0x40;

    // A driver that is told another speed, such as a TAP device's, announces nothing.
    private const long FeaturesInterval = 2000;

    // A name may change between two questions that go by it; then all are asked again.
    private const int ReadAttempts = 3;

    private readonly Lock _lock = new();
    private readonly int _socket;
    private PortLink _link;
    private volatile string _name;
    private long _address;
    private ushort _hardwareType;
    private volatile int _mtu;
    private volatile bool _isUp;
    private ushort? _flagsOfLink;
    private long _featuresReadAt;
    private bool _disposed;
    private bool _setUp;
    private bool _foundUp;

    private LinuxInterface(int socket, int index, string name)
    {
        _socket = socket;
        Index = index;
        _name = name;
    }

    public int Index { get; }

    /// <summary>Its name as of the last <see cref="ReadLink"/>.</summary>
    public string Name => _name;

    /// <summary>As of the last <see cref="ReadLink"/>.</summary>
    public MacAddress HardwareAddress => new((ulong)Volatile.Read(ref _address));

    /// <summary>Whether the network namespace still has it.</summary>
    public bool Exists
    {
        get
        {
            lock (_lock)
            {
                return !_disposed && TryCurrentName(out _);
            }
        }
    }

    /// <summary>Layer-3 payload in bytes, as of the last <see cref="ReadLink"/>.</summary>
    public int Mtu => _mtu;

    /// <summary>Whether it has a link, as of the last <see cref="ReadLink"/>.</summary>
    public bool IsUp => _isUp;

    /// <summary>Finds an interface in the calling thread's network namespace.</summary>
    /// <exception cref="PortException">There is none of this name, or it cannot be asked.</exception>
    public static LinuxInterface Open(string port, string name)
    {
        int socket = OpenSocket(port, name);
        InterfaceRequest request = InterfaceRequest.For(name);
        if (Libc.ioctl(socket, SIOCGIFINDEX, &request) < 0)
        {
            int error = Errno.Last;
            _ = Libc.close(socket);
            throw error == Errno.ENODEV
                ? new PortException($"{port}: there is no interface {name} (SIOCGIFINDEX: {Errno.Text(error)})")
                : PortException.FromErrno(port, "SIOCGIFINDEX", error);
        }
        var opened = new LinuxInterface(socket, request.Integer, name);
        _ = opened.ReadLink();
        opened._foundUp = (opened._flagsOfLink & IFF_UP) != 0;
        return opened;
    }

    /// <summary>The same of an interface for a port: it must carry Ethernet frames.</summary>
    /// <exception cref="PortException">As above, or it does not.</exception>
    public static LinuxInterface OpenEthernet(string port, string name)
    {
        LinuxInterface opened = Open(port, name);
        if (opened._hardwareType == ARPHRD_ETHER)
        {
            return opened;
        }
        opened.Dispose();
        throw new PortException($"{port}: interface {name} is not Ethernet (hardware type {opened._hardwareType})");
    }

    /// <summary>Finds the interface that another process has open, in the calling thread's network namespace.</summary>
    /// <exception cref="PortException">There is none of this index, or it cannot be asked.</exception>
    public static LinuxInterface Find(string port, int index)
    {
        var found = new LinuxInterface(OpenSocket(port), index, string.Empty);
        _ = found.ReadLink();
        if (found._flagsOfLink == null)
        {
            found.Dispose();
            throw new PortException($"{port}: this network namespace has no interface {index}, which the running switch has open");
        }
        return found;
    }

    /// <summary>The interface of a device that another process has open, which may have been moved to another network namespace.</summary>
    /// <param name="name">The device's present name, and its address: the index alone may be another interface's here.</param>
    /// <returns>The interface in the calling thread's network namespace; if the device is elsewhere, one without link until it comes back.</returns>
    /// <exception cref="PortException">The system refuses.</exception>
    public static LinuxInterface FindOrMiss(string port, int index, string name, MacAddress address)
    {
        var found = new LinuxInterface(OpenSocket(port), index, string.Empty);
        _ = found.ReadLink();
        if (found._flagsOfLink != null && found.Name == name && found.HardwareAddress == address)
        {
            return found;
        }
        const int nobodys = 0; // no interface has this index
        bool isOthers = found._flagsOfLink != null;
        found.Dispose();
        return new LinuxInterface(OpenSocket(port), isOthers ? nobodys : index, name) { _address = (long)address.Value };
    }

    /// <summary>Whether the calling thread's network namespace has an interface of this name.</summary>
    /// <exception cref="PortException">It cannot be a name, or the system refuses to say.</exception>
    public static bool IsThere(string port, string name)
    {
        int socket = OpenSocket(port, name);
        InterfaceRequest request = InterfaceRequest.For(name);
        bool exists = Libc.ioctl(socket, SIOCGIFINDEX, &request) == 0;
        _ = Libc.close(socket);
        return exists;
    }

    /// <summary>Whether the interface was administratively up when it was opened.</summary>
    public bool WasUp => _foundUp;

    /// <summary>A number that no other network namespace has until the next boot; null before Linux 5.14.</summary>
    public ulong? NamespaceCookie
    {
        get
        {
            ulong cookie = 0;
            uint size = sizeof(ulong);
            return Libc.getsockopt(_socket, Libc.SOL_SOCKET, Libc.SO_NETNS_COOKIE, &cookie, &size) == 0 ? cookie : null;
        }
    }

    /// <summary>Whether the interface's network namespace has one of this index.</summary>
    public bool IsIndexTaken(int index)
    {
        InterfaceRequest asked = default;
        asked.Integer = index;
        return Libc.ioctl(_socket, SIOCGIFNAME, &asked) == 0;
    }

    /// <summary>The link's state now; down without an MTU when the interface is gone.</summary>
    public PortLink ReadLink()
    {
        lock (_lock)
        {
            PortLink link = ReadLinkLocked();
            _isUp = link.Up;
            return _link = link;
        }
    }

    /// <summary>Writes how the interface was found, and whether that is to be restored, for another process to do so.</summary>
    public void SaveFound(BinaryWriter to)
    {
        lock (_lock)
        {
            to.Write(_foundUp);
            to.Write(_setUp);
        }
    }

    /// <summary>Takes over what another process found and changed.</summary>
    public void RestoreFound(BinaryReader from) => RestoreFound(from.ReadBoolean(), from.ReadBoolean());

    public void RestoreFound(bool wasUp, bool wasChanged)
    {
        lock (_lock)
        {
            (_foundUp, _setUp) = (wasUp, wasChanged);
        }
    }

    /// <summary>The interface is another process's: <see cref="Dispose"/> changes nothing back.</summary>
    public void Leave() => RestoreFound(WasUp, wasChanged: false);

    /// <summary>Sets or clears IFF_UP; what was changed is changed back by <see cref="Dispose"/>.</summary>
    /// <returns>0 or the error number.</returns>
    public int SetUp(bool up)
    {
        lock (_lock)
        {
            if (_disposed)
            {
                return Errno.ENODEV;
            }
            int error = WriteUp(up);
            _setUp |= error == 0;
            return error;
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            if (_disposed)
            {
                return;
            }
            if (_setUp)
            {
                _ = WriteUp(_foundUp);
            }
            _disposed = true;
            _ = Libc.close(_socket);
        }
    }

    /// <summary>An ioctl of the interface family by the interface's present name; false when it is gone or the system refuses.</summary>
    public bool Request(uint code, InterfaceRequest request)
    {
        if (!TryCurrentName(out InterfaceRequest named))
        {
            return false;
        }
        named.Pointer = request.Pointer; // the union's first word, which is all that requests carry
        return Libc.ioctl(_socket, code, &named) == 0;
    }

    private static int OpenSocket(string port, string name)
    {
        if (name.Length is 0 or > MaxNameLength || name is "." or ".." || name.Any(c => c is '/' or ':' or <= ' ' or > '~'))
        {
            throw new PortException($"{port}: '{name}' cannot be the name of an interface (1 to {MaxNameLength} characters)");
        }
        return OpenSocket(port);
    }

    private static int OpenSocket(string port)
    {
        int socket = Libc.socket(Libc.AF_INET, Libc.SOCK_DGRAM | Libc.SOCK_CLOEXEC, 0);
        return socket >= 0 ? socket : throw PortException.FromErrno(port, "socket(AF_INET)");
    }

    private PortLink ReadLinkLocked()
    {
        if (_disposed || !TryCurrentName(out _))
        {
            _flagsOfLink = null;
            return new PortLink(Up: false, _link.Mtu, IsSetDown: _link.IsSetDown);
        }
        if (!TryRead(out State state))
        {
            return _link; // it is being renamed: for some milliseconds neither name leads to it
        }
        Keep(state);
        long now = Environment.TickCount64;
        // Speed is asked of the driver, which may be slow: seldom, unless something else changed.
        if (state.Flags == _flagsOfLink && now - _featuresReadAt < FeaturesInterval)
        {
            return _link with { Mtu = state.Mtu };
        }
        bool up = (state.Flags & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING);
        PortLink link = ReadFeatures(ref state.Request, new PortLink(up, state.Mtu, IsSetDown: (state.Flags & IFF_UP) == 0));
        _flagsOfLink = state.Flags;
        _featuresReadAt = now;
        return link;
    }

    private int WriteUp(bool up)
    {
        if (!TryCurrentName(out InterfaceRequest request) || Libc.ioctl(_socket, SIOCGIFFLAGS, &request) < 0)
        {
            return Errno.Last;
        }
        request.Short = (ushort)(up ? request.Short | IFF_UP : request.Short & ~IFF_UP);
        return Libc.ioctl(_socket, SIOCSIFFLAGS, &request) < 0 ? Errno.Last : 0;
    }

    /// <summary>Reads all that goes by the name; as it was under one name.</summary>
    private bool TryRead(out State state)
    {
        state = default;
        for (int i = 0; i < ReadAttempts && TryCurrentName(out state.Request); i++)
        {
            bool complete = TryAsk(ref state);
            if (complete && TryCurrentName(out InterfaceRequest named) && named.HasNameOf(state.Request))
            {
                return true;
            }
        }
        return false;
    }

    private bool TryAsk(ref State state)
    {
        InterfaceRequest request = state.Request;
        if (Libc.ioctl(_socket, SIOCGIFFLAGS, &request) < 0)
        {
            return false;
        }
        state.Flags = request.Short;
        if (Libc.ioctl(_socket, SIOCGIFMTU, &request) < 0)
        {
            return false;
        }
        state.Mtu = request.Integer;
        if (Libc.ioctl(_socket, SIOCGIFHWADDR, &request) < 0)
        {
            return false;
        }
        state.HardwareType = request.Short;
        state.Address = new MacAddress(new ReadOnlySpan<byte>(request.Address + 2, MacAddress.Size));
        return true;
    }

    private void Keep(in State state)
    {
        if (!state.Request.HasName(_name))
        {
            _name = state.Request.ReadName();
        }
        Volatile.Write(ref _address, (long)state.Address.Value);
        _hardwareType = state.HardwareType;
        _mtu = state.Mtu;
    }

    private bool TryCurrentName(out InterfaceRequest request)
    {
        InterfaceRequest asked = default;
        asked.Integer = Index;
        bool found = Libc.ioctl(_socket, SIOCGIFNAME, &asked) == 0;
        request = asked;
        return found;
    }

    private PortLink ReadFeatures(ref InterfaceRequest request, PortLink link)
    {
        EthtoolSettings settings = default;
        settings.Command = EthtoolSettings.ETHTOOL_GSET;
        request.Pointer = &settings;
        fixed (InterfaceRequest* pinned = &request)
        {
            if (Libc.ioctl(_socket, SIOCETHTOOL, pinned) < 0)
            {
                // ENODEV: it is being renamed; what was known holds. Anything else: the driver does not say.
                return Errno.Last == Errno.ENODEV ? _link with { Up = link.Up, Mtu = link.Mtu, IsSetDown = link.IsSetDown } : link;
            }
        }
        return link with
        {
            Current = settings.Current,
            Advertised = EthtoolSettings.ToFeatures(settings.Advertising),
            Supported = EthtoolSettings.ToFeatures(settings.Supported),
            Peer = EthtoolSettings.ToFeatures(settings.PeerAdvertising),
        };
    }

    /// <summary>What was read under one name.</summary>
    private struct State
    {
        public InterfaceRequest Request;
        public ushort Flags;
        public int Mtu;
        public ushort HardwareType;
        public MacAddress Address;
    }
}
