using System.Net.Sockets;

namespace Softswitch.OfAgent.Connections;

/// <summary>A listening socket that can pause: while another process takes it over, peers that connect wait in its backlog.</summary>
/// <remarks>Threads: one accepts; the rest is for any.</remarks>
internal sealed class ListeningSocket : IDisposable
{
    private const int RetryMilliseconds = 10;

    private readonly Lock _accepting = new();
    private readonly ManualResetEventSlim _goesOn = new(true);
    private volatile bool _isPaused;
    private volatile bool _disposed;

    /// <param name="socket">It listens, and is this one's from now on.</param>
    public ListeningSocket(Socket socket)
    {
        Socket = socket;
        socket.Blocking = false; // accept must not block: the peer may be gone by then, or another process has accepted it
    }

    public Socket Socket { get; }

    /// <summary>Whether another process listens by it still: then disposing leaves its name and its backlog alone.</summary>
    public bool IsForeign { get; set; }

    /// <summary>Whether it listens: not once it was disposed of.</summary>
    public bool IsOpen => !_disposed;

    /// <summary>Blocks until someone connects.</summary>
    /// <returns>Null once it was disposed.</returns>
    public Socket? Accept()
    {
        while (!_disposed)
        {
            try
            {
                _goesOn.Wait();
                if (_disposed)
                {
                    break; // no call may be under way at disposal: to end the call would shut the socket down for other processes, too
                }
                _ = Socket.Poll(-1, SelectMode.SelectRead);
                if (AcceptWaiting() is { } accepted)
                {
                    return accepted;
                }
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                // The peer was gone before we took it, or we are being disposed; descriptors running out passes, too.
                if (!_disposed)
                {
                    Thread.Sleep(RetryMilliseconds);
                }
            }
        }
        return null;
    }

    /// <summary>When this returns no peer is accepted any more, until <see cref="Resume"/>.</summary>
    public void Pause()
    {
        _goesOn.Reset();
        lock (_accepting)
        {
            _isPaused = true;
        }
    }

    public void Resume()
    {
        _isPaused = false;
        _goesOn.Set();
    }

    /// <exception cref="SocketException">No peer has connected, or it is gone again.</exception>
    private Socket? AcceptWaiting()
    {
        lock (_accepting)
        {
            if (_isPaused || _disposed)
            {
                return null;
            }
            Socket accepted = Socket.Accept();
            accepted.Blocking = true;
            return accepted;
        }
    }

    /// <summary>Ends the listening, for every process that has the socket, unless it is foreign.</summary>
    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            Resume();
            if (IsForeign)
            {
                Socket.Dispose();
                return;
            }
            Socket.Close(timeout: 0);
        }
    }
}
