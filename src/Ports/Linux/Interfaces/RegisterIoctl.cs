using System.Runtime.InteropServices;

namespace Softswitch.Ports.Linux.Interfaces;

/// <summary>The private ioctls by which the NetFPGA driver reads and writes a card's registers, on a network interface or on a character device.</summary>
/// <remarks>
/// The driver returns success for addresses outside the card; keeping to those inside is the caller's affair. An interface is looked up
/// in the network namespace of the thread that opened it. Threads: one at a time.
/// </remarks>
internal sealed unsafe class RegisterIoctl : IDisposable
{
    public const uint SIOCREGREAD = 0x89f0; // SIOCDEVPRIVATE
    public const uint SIOCREGWRITE = 0x89f1;

    private readonly string? _interface;
    private int _descriptor;

    private RegisterIoctl(int descriptor, string? name)
    {
        _descriptor = descriptor;
        _interface = name;
    }

    /// <summary>By any socket: the request names the interface.</summary>
    /// <param name="name">At most <see cref="LinuxInterface.MaxNameLength"/> characters.</param>
    /// <exception cref="SystemCallException">No socket.</exception>
    public static RegisterIoctl OnInterface(string name)
    {
        int socket = Libc.socket(Libc.AF_INET, Libc.SOCK_DGRAM | Libc.SOCK_CLOEXEC, 0);
        return socket >= 0 ? new RegisterIoctl(socket, name) : throw SystemCallException.Last("socket(AF_INET)");
    }

    /// <exception cref="SystemCallException">It cannot be opened.</exception>
    public static RegisterIoctl OnDevice(string path)
    {
        int device = Libc.open(path, Libc.O_RDWR | Libc.O_CLOEXEC);
        return device >= 0 ? new RegisterIoctl(device, null) : throw SystemCallException.Last($"open {path}");
    }

    /// <exception cref="SystemCallException">The driver refuses.</exception>
    public uint Read(uint address)
    {
        RegisterRequest request = new() { Address = address };
        Ask(SIOCREGREAD, &request, "SIOCDEVPRIVATE");
        return request.Value;
    }

    /// <inheritdoc cref="Read"/>
    public void Write(uint address, uint value)
    {
        RegisterRequest request = new() { Address = address, Value = value };
        Ask(SIOCREGWRITE, &request, "SIOCDEVPRIVATE+1");
    }

    public void Dispose()
    {
        if (_descriptor >= 0)
        {
            _ = Libc.close(_descriptor);
            _descriptor = -1;
        }
    }

    private void Ask(uint number, RegisterRequest* request, string name)
    {
        ObjectDisposedException.ThrowIf(_descriptor < 0, this);
        int result;
        if (_interface == null)
        {
            result = Libc.ioctl(_descriptor, number, request);
        }
        else
        {
            InterfaceRequest named = InterfaceRequest.For(_interface);
            named.Pointer = request;
            result = Libc.ioctl(_descriptor, number, &named);
        }
        if (result < 0)
        {
            throw SystemCallException.Last(name);
        }
    }
}

/// <summary>struct nf2reg of the NetFPGA driver: what its ioctls read and fill. Host byte order.</summary>
/// <remarks>
/// <code>
/// 0         4       8        256
/// | address | value | spare  |
/// </code>
/// The driver's record ends at 8. Drivers of other devices use the same private ioctl numbers for larger records of their own; whatever one of
/// them copies here must not end up behind it.
/// </remarks>
[StructLayout(LayoutKind.Explicit, Size = Size)]
internal struct RegisterRequest
{
    public const int Size = 256;

    /// <summary>Byte address.</summary>
    [FieldOffset(0)]
    public uint Address;

    [FieldOffset(4)]
    public uint Value;
}
