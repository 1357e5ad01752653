using System.Net.Sockets;

namespace Softswitch.OfAgent.Connections;

/// <summary>The file a listening Unix socket leaves in the file system.</summary>
/// <remarks>
/// A process that died leaves its socket file behind, and bind(2) refuses a path that exists. So a socket without a listener gives way;
/// one that answers, and anything that is no socket, stays as it is.
/// </remarks>
internal static class UnixSocketFile
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>ENXIO: open(2) says so of a socket, and of nothing else that is opened for reading and writing.</summary>
    private const int NoSuchDeviceOrAddress = 6;

    /// <summary>A socket bound to the path, which only our user may connect to, as with Open vSwitch.</summary>
    /// <exception cref="IOException">The path is in use, no socket, too long, or not ours to write.</exception>
    public static Socket Bind(string path)
    {
        UnixDomainSocketEndPoint endPoint = EndPoint(path);
        if (Directory.Exists(path))
        {
            throw new IOException("is a folder");
        }
        if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } folder && !Directory.Exists(folder))
        {
            throw new IOException($"there is no folder {folder}");
        }
        if (File.Exists(path))
        {
            MakeWay(path, endPoint);
        }
        Socket socket = Create();
        try
        {
            socket.Bind(endPoint);
            if (!OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(path, OwnerOnly); // before Listen: no peer can have connected yet
            }
            return socket;
        }
        catch (Exception exception)
        {
            socket.Dispose();
            throw exception is SocketException or UnauthorizedAccessException ? new IOException(exception.Message, exception) : exception;
        }
    }

    /// <summary>Removes the file of a socket that is still listening, so that no process can have put another in its place.</summary>
    public static void Remove(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // It stays behind, stale; the next listener makes it give way.
        }
    }

    /// <summary>Whether a process listens there, also one of another user that we may not connect to.</summary>
    public static bool IsListening(string path)
    {
        if (!File.Exists(path))
        {
            return false; // as at most starts: without the exception, which takes longer than all of this
        }
        using Socket probe = Create();
        probe.Blocking = false; // a full backlog is a sign of life, too
        try
        {
            probe.Connect(EndPoint(path));
            return true;
        }
        catch (SocketException exception)
        {
            return exception.SocketErrorCode is not (SocketError.ConnectionRefused or SocketError.AddressNotAvailable or SocketError.ProtocolType) && File.Exists(path);
        }
        catch (IOException)
        {
            return false; // longer than the kernel takes
        }
    }

    private static UnixDomainSocketEndPoint EndPoint(string path)
    {
        try
        {
            return new UnixDomainSocketEndPoint(path);
        }
        catch (ArgumentException exception)
        {
            throw new IOException("the path is longer than the kernel takes for a socket", exception);
        }
    }

    private static Socket Create() => new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);

    private static void MakeWay(string path, UnixDomainSocketEndPoint endPoint)
    {
        if (!IsSocket(path))
        {
            throw new IOException("the file exists and is no socket");
        }
        using Socket probe = Create();
        probe.Blocking = false; // a full backlog is a sign of life, too
        string holder = string.Empty;
        try
        {
            probe.Connect(endPoint);
            holder = SocketHolder.Of(probe);
        }
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.ConnectionRefused)
        {
            File.Delete(path);
            return;
        }
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.AccessDenied)
        {
            throw new IOException("the socket exists and is another user's", exception);
        }
        catch (SocketException)
        {
            // In use, or not to be told: it stays.
        }
        throw new IOException($"the socket is in use by a running process{holder}");
    }

    private static bool IsSocket(string path)
    {
        try
        {
            // For reading and writing, because that blocks on no kind of file.
            using (File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete))
            {
                return false;
            }
        }
        catch (IOException exception)
        {
            return exception.HResult == NoSuchDeviceOrAddress;
        }
        catch (UnauthorizedAccessException)
        {
            return false;
        }
    }
}
