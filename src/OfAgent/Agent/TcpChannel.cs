using System.Net;
using System.Net.Sockets;

namespace Softswitch.OfAgent.Agent;

/// <summary>A TCP connection. Small messages go out at once: a barrier's round trip is the controller's pace.</summary>
internal sealed class TcpChannel : IChannel
{
    private readonly Socket _socket;

    public TcpChannel(Socket socket)
    {
        _socket = socket;
        _socket.NoDelay = true;
        Stream = new NetworkStream(socket, ownsSocket: true);
        Peer = $"{socket.RemoteEndPoint}";
    }

    public Stream Stream { get; }

    public string Peer { get; }

    /// <exception cref="SocketException">It cannot be reached.</exception>
    /// <exception cref="OperationCanceledException">Too slow, or the agent ends.</exception>
    public static TcpChannel Connect(ConnectionTarget target, CancellationToken cancellation)
    {
        Socket socket = new(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            // Synchronous Connect takes no timeout; this thread has nothing else to do than wait.
            socket.ConnectAsync(target.Host, target.Port, cancellation).AsTask().GetAwaiter().GetResult();
            return new TcpChannel(socket);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public void EndSending()
    {
        try
        {
            _socket.Shutdown(SocketShutdown.Send);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
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

/// <summary>Accepts TCP connections.</summary>
internal sealed class TcpChannelListener : IChannelListener
{
    private const int Backlog = 16;
    private const int AcceptRetryMilliseconds = 10;

    private readonly Socket _socket;
    private volatile bool _disposed;

    /// <exception cref="SocketException">The address is unknown or taken.</exception>
    public TcpChannelListener(ConnectionTarget target)
    {
        IPAddress address = target.Host.Length == 0 ? IPAddress.Any : Dns.GetHostAddresses(target.Host)[0];
        _socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            // .NET sets SO_REUSEADDR for TCP itself, so a restart need not wait for old connections to linger out. Its own
            // ReuseAddress option would set SO_REUSEPORT as well, and two switches would share the port unnoticed.
            _socket.Bind(new IPEndPoint(address, target.Port));
            _socket.Listen(Backlog);
        }
        catch
        {
            _socket.Dispose();
            throw;
        }
    }

    public int Port => ((IPEndPoint)_socket.LocalEndPoint!).Port;

    public IChannel? Accept()
    {
        while (!_disposed)
        {
            try
            {
                return new TcpChannel(_socket.Accept());
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                // The peer was gone before we took it, or we are being disposed; descriptors running out passes, too.
                if (!_disposed)
                {
                    Thread.Sleep(AcceptRetryMilliseconds);
                }
            }
        }
        return null;
    }

    public void Dispose()
    {
        _disposed = true;
        _socket.Close(timeout: 0);
    }
}
