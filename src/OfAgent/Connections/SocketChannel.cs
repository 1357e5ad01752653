using System.Net;
using System.Net.Security;
using System.Net.Sockets;

namespace Softswitch.OfAgent.Connections;

/// <summary>A connection over TCP or a Unix socket, with TLS on it if there are credentials.</summary>
internal sealed class SocketChannel : IChannel
{
    private readonly Socket _socket;
    private readonly TlsCredentials? _tls;
    private readonly bool _isServer;

    /// <param name="socket">Connected; ours from now on.</param>
    /// <param name="tls">Null for a connection in clear.</param>
    /// <param name="isServer">Which side of the TLS handshake is ours.</param>
    public SocketChannel(Socket socket, TlsCredentials? tls, bool isServer)
    {
        _socket = socket;
        _tls = tls;
        _isServer = isServer;
        if (socket.ProtocolType == ProtocolType.Tcp)
        {
            socket.NoDelay = true; // small messages go out at once: a barrier's round trip is the controller's pace
        }
        Stream = new NetworkStream(socket, ownsSocket: true);
        Origin = PeerOrigin.Of(socket);
        Peer = socket.RemoteEndPoint?.ToString() is { Length: > 0 } peer ? peer : "a local process";
    }

    public Stream Stream { get; private set; }

    public string Peer { get; }

    public string Origin { get; }

    public bool IsOneTooMany => DescriptorReserve.Includes(_socket.SafeHandle);

    public bool HasInput
    {
        get
        {
            try
            {
                return _socket.Available > 0;
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                return false;
            }
        }
    }

    /// <summary>Connects; <see cref="Open"/> is still to be called.</summary>
    /// <exception cref="SocketException">It cannot be reached, or its name has no address.</exception>
    /// <exception cref="ArgumentException">A Unix socket's path is longer than the kernel takes.</exception>
    /// <exception cref="OperationCanceledException">Too slow, or cancelled.</exception>
    public static SocketChannel Connect(ConnectionTarget target, TlsCredentials? tls, CancellationToken cancellation)
    {
        bool isUnix = target.Transport == ConnectionTransport.Unix;
        IPAddress[] addresses = isUnix ? [] : HostLookup.Find(target.Host, cancellation);
        Socket socket = isUnix
            ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
            : new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            // Synchronous Connect takes no timeout; this thread has nothing else to do than wait.
            ValueTask connecting = isUnix
                ? socket.ConnectAsync(new UnixDomainSocketEndPoint(target.Host), cancellation)
                : socket.ConnectAsync(addresses, target.Port, cancellation);
            connecting.AsTask().GetAwaiter().GetResult();
            return new SocketChannel(socket, target.NeedsTls ? tls : null, isServer: false);
        }
        catch (Exception exception) when (exception is IOException or SocketException { SocketErrorCode: SocketError.NotConnected })
        {
            // Reset between the connection and our first question about it.
            socket.Dispose();
            throw new SocketException((int)SocketError.ConnectionRefused);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public void Open(CancellationToken cancellation)
    {
        if (_tls is null)
        {
            return;
        }
        // The synchronous handshake needs no thread of the pool; that it takes no token is made up for by ending the socket under it.
        using CancellationTokenRegistration registration = cancellation.Register(Abort);
        try
        {
            Stream = TlsHandshake.Run(Stream, _tls, _isServer);
        }
        catch (Exception exception) when (exception is TlsException or ObjectDisposedException)
        {
            cancellation.ThrowIfCancellationRequested();
            throw exception as TlsException ?? new TlsException("the connection was closed in the TLS handshake", exception);
        }
    }

    public void EndSending()
    {
        try
        {
            (Stream as SslStream)?.ShutdownAsync().GetAwaiter().GetResult(); // close_notify: peers tell an end from a cut
            _socket.Shutdown(SocketShutdown.Send);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException or IOException or InvalidOperationException)
        {
            // gone already
        }
    }

    public void Abort()
    {
        try
        {
            _socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // gone already
        }
        _socket.Close(timeout: 0);
    }

    public void Dispose() => Stream.Dispose();
}
