namespace Softswitch.Ports.Linux.Sockets;

/// <summary>A Unix stream socket that listens at a path. Nothing here waits.</summary>
/// <remarks>
/// A process that died leaves its socket's file behind, and bind(2) refuses a path that exists. So the file of a socket without a
/// listener is replaced; a socket that answers, and any other file, stays. Threads: one at a time.
/// </remarks>
internal sealed unsafe class UnixListener : IDisposable
{
    private const int Backlog = 8;

    private readonly string _path;
    private int _socket;

    private UnixListener(int socket, string path)
    {
        _socket = socket;
        _path = path;
    }

    /// <summary>The descriptor, which polls readable when a peer has connected. Stays this object's.</summary>
    public int Descriptor => _socket;

    /// <exception cref="SystemCallException">The path is in use, too long, or not ours to write.</exception>
    public static UnixListener Open(string path)
    {
        int socket = Libc.socket(Libc.AF_UNIX, Libc.SOCK_STREAM | Libc.SOCK_CLOEXEC | Libc.SOCK_NONBLOCK, 0);
        try
        {
            if (socket < 0)
            {
                throw SystemCallException.Last("socket(AF_UNIX)");
            }
            int error = Bind(socket, path);
            if (error == Errno.EADDRINUSE)
            {
                MakeWay(path);
                error = Bind(socket, path);
            }
            if (error != 0)
            {
                throw new SystemCallException($"bind({path})", error);
            }
            return Libc.listen(socket, Backlog) == 0 ? new UnixListener(socket, path) : throw SystemCallException.Last($"listen({path})");
        }
        catch
        {
            _ = socket < 0 ? 0 : Libc.close(socket);
            throw;
        }
    }

    /// <summary>Goes on with another process's, which is this object's from now on.</summary>
    public static UnixListener Take(int socket, string path) => new(socket, path);

    /// <summary>The first waiting peer; null if none waits.</summary>
    public DescriptorSocket? TryAccept()
    {
        int accepted = Libc.accept4(_socket, null, null, Libc.SOCK_CLOEXEC | Libc.SOCK_NONBLOCK);
        return accepted >= 0 ? DescriptorSocket.Take(accepted) : null;
    }

    /// <summary>Ends it for this process only: the file stays, for another that listens by the same socket.</summary>
    public void Leave()
    {
        _ = _socket < 0 ? 0 : Libc.close(_socket);
        _socket = -1;
    }

    /// <summary>Removes the file while the socket still listens, so that nobody can have put another in its place.</summary>
    public void Dispose()
    {
        if (_socket >= 0)
        {
            _ = Libc.unlink(_path);
        }
        Leave();
    }

    /// <returns>errno; 0 if it succeeded.</returns>
    private static int Bind(int socket, string path)
    {
        byte[]? address = DescriptorSocket.AddressOf(path);
        fixed (byte* bytes = address)
        {
            return address == null ? Errno.ENAMETOOLONG
                : Libc.bind(socket, bytes, (uint)address.Length) == 0 ? 0
                : Errno.Last;
        }
    }

    private static void MakeWay(string path)
    {
        if (!IsSocket(path))
        {
            throw new SystemCallException($"bind({path}): the file exists and is no socket");
        }
        using DescriptorSocket? holder = DescriptorSocket.TryConnect(path, out int error);
        if (error != Errno.ECONNREFUSED)
        {
            throw new SystemCallException(error is Errno.EACCES or Errno.EPERM
                ? $"bind({path}): the socket exists and is another user's"
                : $"bind({path}): another program listens there");
        }
        _ = Libc.unlink(path);
    }

    /// <summary>open(2) says ENXIO of a socket and of nothing else that is opened for reading and writing, and it waits for none.</summary>
    internal static bool IsSocket(string path)
    {
        int file = Libc.open(path, Libc.O_RDWR | Libc.O_NONBLOCK | Libc.O_CLOEXEC);
        if (file < 0)
        {
            return Errno.Last == Errno.ENXIO;
        }
        _ = Libc.close(file);
        return false;
    }
}
