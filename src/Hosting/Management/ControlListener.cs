using System.Net.Sockets;
using Softswitch.Hosting.Captures;
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

    // A command that takes long, such as the start of a capture on a slow disk, must not keep the switch from ending.
    private static readonly TimeSpan EndPatience = TimeSpan.FromSeconds(2);

    private readonly Lock _lock = new();
    private readonly Func<string, ControlAnswer> _execute;
    private readonly List<ControlSession> _sessions = [];
    private readonly ListeningSocket _socket;
    private readonly Thread _thread;
    private bool _disposed;

    /// <summary>Nobody is served before <see cref="Start"/>.</summary>
    /// <param name="path">Where; a socket that nobody listens at any more gives way.</param>
    /// <param name="execute">Called with each request, on the client's thread.</param>
    /// <param name="taken">What another process listened there by, this one's from now on; null to bind one.</param>
    /// <exception cref="IOException">The path is in use, no socket, too long, or not ours to write.</exception>
    public ControlListener(string path, Func<string, ControlAnswer> execute, Socket? taken = null)
    {
        Path = path;
        _execute = execute;
        _socket = new ListeningSocket(taken ?? UnixSocketFile.Bind(path)) { IsForeign = taken != null };
        _thread = new Thread(Accept) { Name = "control socket", IsBackground = true };
        if (taken != null)
        {
            return;
        }
        try
        {
            _socket.Socket.Listen(Backlog);
        }
        catch (SocketException e)
        {
            UnixSocketFile.Remove(path);
            _socket.Dispose();
            throw new IOException(e.Message, e);
        }
    }

    public string Path { get; }

    /// <summary>What another process can go on listening by.</summary>
    public ListeningSocket Socket => _socket;

    /// <summary>Begins to serve.</summary>
    public void Start() => _thread.Start();

    /// <summary>Hangs up on everybody; commands under way end first, if they end soon.</summary>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }
        _disposed = true;
        if (!_socket.IsForeign)
        {
            UnixSocketFile.Remove(Path);
        }
        _socket.Dispose();
        if (!_thread.ThreadState.HasFlag(ThreadState.Unstarted))
        {
            _thread.Join();
        }
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
        while (_socket.Accept() is { } client)
        {
            Serve(client);
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

/// <summary>The answer to a request.</summary>
/// <param name="Done">Whether it was done.</param>
/// <param name="Lines">What there is to say; the reasons if it was not.</param>
/// <param name="Capture">What follows it on the connection, until the client says no more; null for nothing.</param>
/// <param name="Follow">Has the connection's socket for the rest of it; null for nobody.</param>
internal readonly record struct ControlAnswer(bool Done, IReadOnlyList<string> Lines, CaptureStream? Capture = null, Action<Socket>? Follow = null);
