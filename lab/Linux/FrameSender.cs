using Softswitch.Ports;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Interfaces;
using Softswitch.Ports.Linux.Sockets;

namespace Softswitch.Lab.Linux;

/// <summary>Sends whole Ethernet frames by an interface, as what its host says beside its stack: a gratuitous ARP, a hypervisor's RARP.</summary>
/// <remarks>The socket belongs to the network namespace of the thread that opened it. Threads: any.</remarks>
internal sealed unsafe class FrameSender : IDisposable
{
    private readonly string _name;
    private readonly int _socket;
    private bool _disposed;

    private FrameSender(string name, int socket)
    {
        _name = name;
        _socket = socket;
    }

    /// <exception cref="PortException">There is no such interface, or the rights are missing.</exception>
    public static FrameSender Open(string name)
    {
        using LinuxInterface device = LinuxInterface.Open(name, name);
        int socket = Libc.socket(Libc.AF_PACKET, Libc.SOCK_RAW | Libc.SOCK_CLOEXEC, 0);
        if (socket < 0)
        {
            throw PortException.FromErrno(name, "socket(AF_PACKET)");
        }
        var sender = new FrameSender(name, socket);
        try
        {
            PacketSocket.Bind(name, socket, device.Index, protocol: 0); // receives nothing
            return sender;
        }
        catch
        {
            sender.Dispose();
            throw;
        }
    }

    /// <exception cref="PortException">The interface takes nothing: it is down, full or gone.</exception>
    public void Send(ReadOnlySpan<byte> frame)
    {
        fixed (byte* bytes = frame)
        {
            if (Libc.send(_socket, bytes, (nuint)frame.Length, 0) != frame.Length)
            {
                throw PortException.FromErrno(_name, "send(AF_PACKET)");
            }
        }
    }

    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            _ = Libc.close(_socket);
        }
    }
}
