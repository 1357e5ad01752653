using System.Text;

namespace Softswitch.Ports.Linux.Sockets;

/// <summary>A connected Unix stream socket that carries file descriptors beside bytes (unix(7), SCM_RIGHTS). Every call has an end.</summary>
/// <remarks>Threads: one at a time.</remarks>
internal sealed unsafe class DescriptorSocket : IDisposable
{
    /// <summary>SCM_MAX_FD: of one message.</summary>
    public const int MostDescriptors = 253;

    /// <summary>Of sun_path, its terminating zero aside.</summary>
    public const int LongestPath = 107;

    private const int ControlHeader = 16; // struct cmsghdr: length, level, type

    private readonly bool _owns;
    private int _socket;

    private DescriptorSocket(int socket, bool owns)
    {
        _socket = socket;
        _owns = owns;
    }

    /// <summary>Polls readable when there is something to receive. Stays this object's.</summary>
    public int Descriptor => _socket;

    /// <summary>The user and process at the other end, which connected or listens.</summary>
    public (int Process, uint User) Peer
    {
        get
        {
            int* credentials = stackalloc int[3]; // struct ucred: pid, uid, gid
            uint size = 3 * sizeof(int);
            return Libc.getsockopt(_socket, Libc.SOL_SOCKET, Libc.SO_PEERCRED, credentials, &size) == 0
                ? (credentials[0], (uint)credentials[1])
                : (0, uint.MaxValue);
        }
    }

    /// <summary>Uses a socket that stays its owner's.</summary>
    public static DescriptorSocket Of(int socket) => new(socket, owns: false);

    /// <exception cref="SystemCallException">Nobody listens there, or it is not ours to talk to.</exception>
    public static DescriptorSocket Connect(string path)
    {
        int socket = TryConnect(path, flags: 0, out int error);
        return socket >= 0 ? new DescriptorSocket(socket, owns: true) : throw new SystemCallException($"connect({path})", error);
    }

    /// <summary>As <see cref="Connect"/>, without waiting for a listener whose backlog is full.</summary>
    /// <param name="error">errno, where it fails: <see cref="Errno.ENAMETOOLONG"/> for a path longer than the kernel takes.</param>
    public static DescriptorSocket? TryConnect(string path, out int error)
    {
        int socket = TryConnect(path, Libc.SOCK_NONBLOCK, out error);
        return socket >= 0 ? new DescriptorSocket(socket, owns: true) : null;
    }

    /// <summary>Takes a socket, which is this object's from now on.</summary>
    public static DescriptorSocket Take(int socket) => new(socket, owns: true);

    /// <summary>struct sockaddr_un; null for a path that it has no room for.</summary>
    internal static byte[]? AddressOf(string path)
    {
        byte[] name = Encoding.UTF8.GetBytes(path);
        if (name.Length is 0 or > LongestPath)
        {
            return null;
        }
        byte[] address = new byte[2 + name.Length + 1];
        BitConverter.TryWriteBytes(address, (ushort)Libc.AF_UNIX);
        name.CopyTo(address, 2);
        return address;
    }

    /// <summary>Sends all of the bytes; the descriptors, which stay the caller's, go with the first of them.</summary>
    /// <param name="bytes">At least one.</param>
    /// <param name="descriptors">At most <see cref="MostDescriptors"/>.</param>
    /// <param name="patience">For how many milliseconds the peer may read nothing.</param>
    /// <exception cref="SystemCallException">The peer is gone, or reads nothing.</exception>
    public void Send(ReadOnlySpan<byte> bytes, ReadOnlySpan<int> descriptors, int patience)
    {
        for (int done = 0; done < bytes.Length;)
        {
            int sent = TrySend(bytes[done..], done == 0 ? descriptors : default);
            if (sent < 0)
            {
                Wait(Libc.POLLOUT, patience, "reads nothing");
            }
            done += Math.Max(sent, 0);
        }
    }

    /// <summary>As <see cref="Send"/>, without waiting.</summary>
    /// <returns>How many bytes were sent, the descriptors with the first of them; -1 if there is no room now.</returns>
    /// <exception cref="SystemCallException">The peer is gone.</exception>
    public int TrySend(ReadOnlySpan<byte> bytes, ReadOnlySpan<int> descriptors)
    {
        byte* control = stackalloc byte[ControlHeader + (MostDescriptors * sizeof(int)) + 8];
        fixed (byte* start = bytes)
        {
            IoVector vector = new() { Base = start, Length = (nuint)bytes.Length };
            MessageHeader message = new() { Vectors = &vector, VectorCount = 1 };
            if (!descriptors.IsEmpty)
            {
                int length = ControlHeader + (descriptors.Length * sizeof(int));
                *(long*)control = length;
                *(int*)(control + 8) = Libc.SOL_SOCKET;
                *(int*)(control + 12) = Libc.SCM_RIGHTS;
                descriptors.CopyTo(new Span<int>(control + ControlHeader, descriptors.Length));
                message.Control = control;
                message.ControlLength = (nuint)((length + 7) & ~7); // CMSG_SPACE
            }
            nint sent = Libc.sendmsg(_socket, &message, Libc.MSG_DONTWAIT | Libc.MSG_NOSIGNAL);
            if (sent >= 0)
            {
                return (int)sent;
            }
            int error = Errno.Last;
            return error is Errno.EAGAIN or Errno.EINTR ? -1 : throw new SystemCallException($"the other end is gone ({Errno.Text(error)})");
        }
    }

    /// <summary>Fills <paramref name="bytes"/>.</summary>
    /// <param name="descriptors">Takes those that come with them: the caller's then.</param>
    /// <param name="patience">For how many milliseconds the peer may say nothing.</param>
    /// <exception cref="EndOfStreamException">The peer closed its end.</exception>
    /// <exception cref="SystemCallException">The peer says nothing.</exception>
    public void Receive(Span<byte> bytes, List<int> descriptors, int patience)
    {
        for (int done = 0; done < bytes.Length;)
        {
            int got = TryReceive(bytes[done..], descriptors);
            if (got == 0)
            {
                throw new EndOfStreamException("the other end is gone");
            }
            if (got < 0)
            {
                Wait(Libc.POLLIN, patience, "says nothing");
            }
            done += Math.Max(got, 0);
        }
    }

    /// <summary>From here on the peer's sends fail. Earlier messages can still be received, so both sides agree whether a message came in time.</summary>
    public void EndReceiving() => _ = Libc.shutdown(_socket, Libc.SHUT_RD);

    public void Dispose()
    {
        if (_owns && _socket >= 0)
        {
            _ = Libc.close(_socket);
        }
        _socket = -1;
    }

    /// <summary>As <see cref="Receive"/>, without waiting.</summary>
    /// <param name="descriptors">Takes those that came, also when this throws.</param>
    /// <returns>Bytes; 0 at the end; -1 if there are none yet.</returns>
    /// <exception cref="SystemCallException">The peer is gone, or sent more descriptors than this process may have open.</exception>
    public int TryReceive(Span<byte> bytes, List<int> descriptors)
    {
        byte* control = stackalloc byte[ControlHeader + (MostDescriptors * sizeof(int)) + 8];
        fixed (byte* start = bytes)
        {
            IoVector vector = new() { Base = start, Length = (nuint)bytes.Length };
            MessageHeader message = new()
            {
                Vectors = &vector,
                VectorCount = 1,
                Control = control,
                ControlLength = (nuint)(ControlHeader + (MostDescriptors * sizeof(int)) + 8),
            };
            nint got = Libc.recvmsg(_socket, &message, Libc.MSG_DONTWAIT | Libc.MSG_CMSG_CLOEXEC);
            int error = got < 0 ? Errno.Last : 0;
            if (error is Errno.EAGAIN or Errno.EINTR)
            {
                return -1;
            }
            if (got < 0)
            {
                throw new SystemCallException($"the other end is gone ({Errno.Text(error)})");
            }
            if (message.ControlLength > ControlHeader && *(int*)(control + 8) == Libc.SOL_SOCKET && *(int*)(control + 12) == Libc.SCM_RIGHTS)
            {
                int count = ((int)*(long*)control - ControlHeader) / sizeof(int);
                for (int i = 0; i < count; i++)
                {
                    descriptors.Add(((int*)(control + ControlHeader))[i]);
                }
            }
            if ((message.Flags & Libc.MSG_CTRUNC) != 0)
            {
                throw new SystemCallException("not all descriptors could be received: the limit of open files is too low");
            }
            return (int)got;
        }
    }

    private static int TryConnect(string path, int flags, out int error)
    {
        if (AddressOf(path) is not { } address)
        {
            error = Errno.ENAMETOOLONG;
            return -1;
        }
        int socket = Libc.socket(Libc.AF_UNIX, Libc.SOCK_STREAM | Libc.SOCK_CLOEXEC | flags, 0);
        fixed (byte* bytes = address)
        {
            if (socket >= 0 && Libc.connect(socket, bytes, (uint)address.Length) == 0)
            {
                error = 0;
                return socket;
            }
        }
        error = Errno.Last;
        _ = socket < 0 ? 0 : Libc.close(socket);
        return -1;
    }

    private void Wait(short events, int patience, string silence)
    {
        PollDescriptor poll = new() { Descriptor = _socket, Events = events };
        if (Libc.poll(&poll, 1, patience) == 0)
        {
            throw new SystemCallException($"the other end {silence} for {patience} ms");
        }
    }
}
