using System.Text;

namespace Softswitch.Ports.Linux.Interfaces;

/// <summary>Keeps an interface to one switch: a listening socket in the abstract namespace, named after the interface's index.</summary>
/// <remarks>
/// Abstract names are scoped to the network namespace, as indices are, and vanish with the process, however it ends. A
/// process that finds the name taken connects to it, and the kernel tells which process listens (SO_PEERCRED).
/// </remarks>
internal sealed unsafe class InterfaceLock : IDisposable
{
    // A released name outlives its socket while a child of the process, between fork and exec, still has the descriptor.
    // A busy machine may keep it waiting for its turn there.
    private const int ReleaseRetries = 2000;
    private const int Backlog = 16;

    private int _socket;

    private InterfaceLock(int socket) => _socket = socket;

    /// <summary>The lock's socket, for another process to go on with.</summary>
    public int Descriptor => _socket;

    /// <summary>Goes on with the lock of another process, whose socket is this one's from now on.</summary>
    public static InterfaceLock Of(int descriptor) => new(descriptor);

    /// <summary>Makes this process the owner of the lock: other processes are told its number from now on (a second listen(2) does that).</summary>
    public void Own() => _ = Libc.listen(_socket, Backlog);

    /// <summary>Another process goes on with the lock: nothing is released by this one.</summary>
    public void Leave()
    {
        _ = Libc.close(_socket);
        _socket = -1;
    }

    /// <exception cref="PortException">Another switch has the interface.</exception>
    public static InterfaceLock Take(string port, LinuxInterface device)
    {
        byte[] address = new byte[2 + 1 + 64];
        BitConverter.TryWriteBytes(address, (ushort)Libc.AF_UNIX);
        // sun_path begins with a zero byte: the abstract namespace (unix(7)).
        int length = 3 + Encoding.ASCII.GetBytes($"softswitch-interface-{device.Index}", address.AsSpan(3));
        int socket = Libc.socket(Libc.AF_UNIX, Libc.SOCK_STREAM | Libc.SOCK_CLOEXEC | Libc.SOCK_NONBLOCK, 0);
        if (socket < 0)
        {
            throw PortException.FromErrno(port, "socket(AF_UNIX)");
        }
        fixed (byte* bytes = address)
        {
            string owner = string.Empty;
            int error = 0;
            for (int i = 0; i < ReleaseRetries; i++)
            {
                if (Libc.bind(socket, bytes, (uint)length) == 0 && Libc.listen(socket, Backlog) == 0)
                {
                    return new InterfaceLock(socket);
                }
                error = Errno.Last;
                if (error != Errno.EADDRINUSE || !IsBeingReleased(bytes, (uint)length, out owner))
                {
                    break;
                }
                Thread.Sleep(1);
            }
            _ = Libc.close(socket);
            throw error == Errno.EADDRINUSE
                ? new PortException($"{port}: interface {device.Name} is in use by another softswitch{owner}")
                : PortException.FromErrno(port, "bind(AF_UNIX)", error);
        }
    }

    public void Dispose()
    {
        if (_socket >= 0)
        {
            _ = Libc.shutdown(_socket, Libc.SHUT_RDWR); // refuses connections from now on
            _ = Libc.close(_socket);
            _socket = -1;
        }
    }

    /// <returns>True if no process listens at the name any more; else false with the owner in words for an error message.</returns>
    private static bool IsBeingReleased(byte* address, uint length, out string owner)
    {
        owner = string.Empty;
        int socket = Libc.socket(Libc.AF_UNIX, Libc.SOCK_STREAM | Libc.SOCK_CLOEXEC | Libc.SOCK_NONBLOCK, 0);
        int connected = Libc.connect(socket, address, length);
        int error = Errno.Last;
        int* credentials = stackalloc int[3]; // struct ucred: pid, uid, gid
        uint size = 3 * sizeof(int);
        if (connected == 0 && Libc.getsockopt(socket, Libc.SOL_SOCKET, Libc.SO_PEERCRED, credentials, &size) == 0 && credentials[0] > 0)
        {
            owner = credentials[0] == Environment.ProcessId ? " port of this process" : $" (pid {credentials[0]})";
        }
        if (socket >= 0)
        {
            _ = Libc.close(socket);
        }
        return connected < 0 && error == Errno.ECONNREFUSED;
    }
}
