using System.Net.Sockets;
using Softswitch.OfAgent.Connections;

namespace Softswitch.Hosting.Management;

/// <summary>The listening end of the control socket: each client has a thread of its own, so none waits for another.</summary>
/// <remarks>
/// Only the owner of the process may connect (the file's mode is 0600). A client that says nothing or does not read is hung up on after a while; where
/// there are too many, the one that has been silent the longest makes room. Threads run in the network namespace of the thread that made the listener.
/// </remarks>
internal sealed class ControlListener : IDisposable
{
    private const int Backlog = 16;
    private const int MostClients = 16;
    private const int AcceptRetryMilliseconds = 10;

    // A command that takes long, such as the start of a capture on a slow disk, must not keep the switch from ending.
    private static readonly TimeSpan EndPatience = TimeSpan.FromSeconds(2);

    private readonly Lock _lock = new();
    private readonly string _path;
    private readonly Func<string, ControlAnswer> _execute;
    private readonly List<ControlSession> _sessions = [];
    private readonly Socket _socket;
    private readonly Thread _thread;
    private volatile bool _disposed;

    /// <param name="path">Where; a socket that nobody listens at any more gives way.</param>
    /// <param name="execute">Called with each request, on the client's thread.</param>
    /// <exception cref="IOException">The path is in use, no socket, too long, or not ours to write.</exception>
    public ControlListener(string path, Func<string, ControlAnswer> execute)
    {
        _path = path;
        _execute = execute;
        _socket = UnixSocketFile.Bind(path);
        try
        {
            _socket.Listen(Backlog);
        }
        catch (SocketException e)
        {
            UnixSocketFile.Remove(path);
            _socket.Dispose();
            throw new IOException(e.Message, e);
        }
        _thread = new Thread(Accept) { Name = "control socket", IsBackground = true };
        _thread.Start();
    }

    /// <summary>Hangs up on everybody; commands under way end first, if they end soon.</summary>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }
        _disposed = true;
        UnixSocketFile.Remove(_path);
        _socket.Close(timeout: 0);
        _thread.Join();
        List<ControlSession> sessions;
        lock (_lock)
        {
            sessions = [.. _sessions];
        }
        sessions.ForEach(session => session.Abort());
        sessions.ForEach(session => session.Join(EndPatience));
    }

    private void Accept()
    {
        while (!_disposed)
        {
            try
            {
                Serve(_socket.Accept());
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // The client was gone before we took it, or we are being disposed; descriptors running out passes, too.
                if (!_disposed)
                {
                    Thread.Sleep(AcceptRetryMilliseconds);
                }
            }
        }
    }

    private void Serve(Socket client)
    {
        ControlSession session = new(client, _execute, Forget);
        lock (_lock)
        {
            if (_sessions.Count >= MostClients)
            {
                ControlSession? silent = _sessions.Where(other => other.WaitsSince is not null).MinBy(other => other.WaitsSince);
                if (silent == null)
                {
                    client.Dispose(); // all of them are at work: this one has to come again
                    return;
                }
                silent.Abort();
                _sessions.Remove(silent);
            }
            _sessions.Add(session);
        }
        session.Start();
    }

    private void Forget(ControlSession session)
    {
        lock (_lock)
        {
            _sessions.Remove(session);
        }
    }
}
