using System.Net;
using System.Net.Sockets;

namespace Softswitch.OfAgent.Connections;

/// <summary>Accepts connections over TCP or a Unix socket, to be secured by TLS if there are credentials.</summary>
internal sealed class SocketListener : IDisposable
{
    /// <summary>More than a burst: a peer whose SYN finds no room comes again after 1, 2, 4, 8 seconds only. The kernel cuts it to net.core.somaxconn.</summary>
    private const int Backlog = 4096;

    // Of a name that is to be listened at: the switch does not start without.
    private static readonly TimeSpan LookupPatience = TimeSpan.FromSeconds(5);

    private readonly ListeningSocket _socket;
    private readonly ConnectionTarget _target;
    private readonly WaitingPeers _waiting = new(); // locked, and waited for: by the thread that accepts and the one that serves
    private bool _allServed; // with it
    private volatile TlsCredentials? _tls;
    private bool _disposed;

    /// <param name="taken">What another process listened there by, this one's from now on; null to bind one.</param>
    /// <exception cref="SocketException">The address is unknown.</exception>
    /// <exception cref="IOException">It is taken, or the path of a Unix socket cannot be used, or a name is not resolved in time.</exception>
    public SocketListener(ConnectionTarget target, TlsCredentials? tls, Socket? taken = null)
    {
        _target = target;
        UseTls(tls);
        _socket = new ListeningSocket(taken ?? (target.Transport == ConnectionTransport.Unix ? UnixSocketFile.Bind(target.Host) : Bind(target)));
        if (taken != null)
        {
            _socket.IsForeign = true;
            return;
        }
        try
        {
            _socket.Socket.Listen(Backlog);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>What another process can go on listening by.</summary>
    public ListeningSocket Socket => _socket;

    /// <summary>The TCP port it listens on, also where the system chose it; 0 for a Unix socket.</summary>
    public int Port => (_socket.Socket.LocalEndPoint as IPEndPoint)?.Port ?? 0;

    /// <summary>For connections accepted from now on; of no account where the target needs none. Any thread.</summary>
    public void UseTls(TlsCredentials? tls) => _tls = _target.NeedsTls ? tls : null;

    /// <summary>Blocks until someone connects. <see cref="IChannel.Open"/> is left to the caller: it waits for the peer.</summary>
    /// <returns>Null once it was disposed.</returns>
    public IChannel? Accept()
    {
        while (_socket.Accept() is { } socket)
        {
            if (TryMakeChannel(socket) is { } channel)
            {
                return channel;
            }
        }
        return null;
    }

    /// <summary>Accepts all peers that connect, for <see cref="Serve"/>, until the listener is disposed of.</summary>
    /// <remarks>
    /// On a thread of its own: to serve a peer takes longer than to connect. For a listener with places for few: more than
    /// <see cref="WaitingPeers.Capacity"/> at once are turned away.
    /// </remarks>
    /// <param name="mayLackThreads">Whether the system may have no thread for a peer. Then, as without descriptors, new peers wait in the kernel while others wait here: in order.</param>
    /// <param name="turnAway">Told the origin of a peer that is turned away: too many wait.</param>
    public void AcceptAll(Func<bool> mayLackThreads, Action<string> turnAway)
    {
        while (_socket.Accept() is { } accepted)
        {
            bool lacksDescriptors = DescriptorReserve.Includes(accepted.SafeHandle);
            Socket? turnedAway;
            lock (_waiting)
            {
                turnedAway = _socket.IsOpen ? _waiting.Add(accepted) : accepted;
                _allServed = false;
                Monitor.PulseAll(_waiting);
                while (_socket.IsOpen && !_allServed && (lacksDescriptors || mayLackThreads()))
                {
                    Monitor.Wait(_waiting);
                }
            }
            if (turnedAway != null)
            {
                turnAway(PeerOrigin.Of(turnedAway));
                turnedAway.Dispose();
            }
        }
    }

    /// <summary>Admits the accepted peers one after the other, in turn, until the listener is disposed of.</summary>
    /// <param name="isKnown">As <see cref="WaitingPeers.Take"/> wants it.</param>
    /// <param name="admit">Takes the peer whose turn it is. <see cref="IChannel.Open"/> is left to it, on another thread: it waits for the peer.</param>
    public void Serve(Func<string, bool> isKnown, Action<IChannel> admit)
    {
        while (TakeNext(isKnown) is { } peer)
        {
            if (TryMakeChannel(peer) is { } channel)
            {
                admit(channel);
            }
        }
    }

    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }
        _disposed = true;
        if (_target.Transport == ConnectionTransport.Unix && !_socket.IsForeign)
        {
            UnixSocketFile.Remove(_target.Host); // while the socket still listens, so that no process has put another file in its place
        }
        _socket.Dispose();
        lock (_waiting)
        {
            Monitor.PulseAll(_waiting);
        }
    }

    /// <returns>Null once the listener was disposed of: waiting peers are not served any more.</returns>
    private Socket? TakeNext(Func<string, bool> isKnown)
    {
        lock (_waiting)
        {
            while (_socket.IsOpen)
            {
                if (_waiting.Take(isKnown) is { } next)
                {
                    return next;
                }
                _allServed = true;
                Monitor.PulseAll(_waiting);
                Monitor.Wait(_waiting);
            }
            _waiting.Dispose();
            return null;
        }
    }

    /// <summary>What carries the bytes of a connection that was accepted here; the socket is its own from now on.</summary>
    /// <returns>Null if the peer is gone again.</returns>
    private SocketChannel? TryMakeChannel(Socket accepted)
    {
        try
        {
            return new SocketChannel(accepted, _tls, isServer: true);
        }
        catch (Exception exception) when (exception is SocketException or IOException or ObjectDisposedException)
        {
            accepted.Dispose();
            return null;
        }
    }

    private static IPAddress Find(string host)
    {
        using CancellationTokenSource timeout = new(LookupPatience);
        try
        {
            return HostLookup.Find(host, timeout.Token)[0];
        }
        catch (OperationCanceledException e)
        {
            throw new IOException($"the resolver has not answered for '{host}' within {LookupPatience.TotalSeconds:0} s", e);
        }
    }

    private static Socket Bind(ConnectionTarget target)
    {
        IPAddress address = target.Host.Length == 0 ? IPAddress.Any : Find(target.Host);
        Socket socket = new(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            // .NET sets SO_REUSEADDR for TCP itself, so a restart need not wait for old connections to linger out. Its own
            // ReuseAddress option would set SO_REUSEPORT as well, and two switches would share the port unnoticed.
            socket.Bind(new IPEndPoint(address, target.Port));
            return socket;
        }
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            socket.Dispose();
            throw new IOException($"{exception.Message}{SocketHolder.OfTcp(target.Port)}", exception);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
