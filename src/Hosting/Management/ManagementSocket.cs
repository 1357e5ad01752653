using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Softswitch.Hosting.Logging;
using Softswitch.OfAgent.Connections;

namespace Softswitch.Hosting.Management;

/// <summary>Where the management interface is served: the control socket, or that of <c>--web</c>. Connections wait in its backlog until someone serves it.</summary>
/// <remarks>
/// It is this process's to accept, so that accepting can pause while another one takes the socket over. Threads: one of its own accepts; the members are for any.
/// </remarks>
internal sealed class ManagementSocket : IDisposable
{
    private const int Backlog = 16;

    // Until the first client has said something, or is gone: others wait meanwhile.
    private static readonly TimeSpan ProbePatience = TimeSpan.FromMilliseconds(100);

    private readonly Lock _lock = new();
    private Thread? _thread;
    private IConnectionServer? _server;
    private bool _disposed;

    /// <param name="socket">It listens, and is this one's from now on.</param>
    /// <param name="path">Its file, which goes with it; empty for none.</param>
    public ManagementSocket(ListeningSocket socket, string path = "") => (Socket, Path) = (socket, path);

    public string Path { get; }

    /// <summary>What another process can go on listening by.</summary>
    public ListeningSocket Socket { get; }

    /// <summary>Opens a control socket, to which only the owner of the process may connect (the file's mode is 0600).</summary>
    /// <param name="path">Where; a socket that nobody listens at any more gives way.</param>
    /// <param name="taken">What another process listened there by, this one's from now on; null to bind one.</param>
    /// <exception cref="IOException">The path is in use, no socket, too long, or not ours to write.</exception>
    public static ManagementSocket Open(string path, Socket? taken = null)
    {
        ListeningSocket socket = new(taken ?? UnixSocketFile.Bind(path)) { IsForeign = taken != null };
        try
        {
            if (taken == null)
            {
                socket.Socket.Listen(Backlog);
            }
            return new ManagementSocket(socket, path);
        }
        catch (SocketException e)
        {
            UnixSocketFile.Remove(path);
            socket.Dispose();
            throw new IOException(e.Message, e);
        }
    }

    /// <summary>Has connections served from now on, by threads of the calling one's network namespace.</summary>
    /// <param name="make">Makes the server, when the first client comes: a switch that nobody asks loads nothing for it.</param>
    /// <param name="log">Told if that fails; each client is hung up on then.</param>
    public void Serve(Func<IConnectionServer> make, ILogger log)
    {
        lock (_lock)
        {
            if (_disposed || _thread != null)
            {
                return;
            }
            _thread = new Thread(() => Accept(make, log)) { Name = "management", IsBackground = true };
            _thread.Start();
        }
    }

    /// <summary>Hangs up on everybody; commands under way end first, if they end soon.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_disposed)
            {
                return;
            }
            _disposed = true;
        }
        if (Path.Length > 0 && !Socket.IsForeign)
        {
            UnixSocketFile.Remove(Path);
        }
        Socket.Dispose();
        _thread?.Join();
        _server?.Dispose();
    }

    private void Accept(Func<IConnectionServer> make, ILogger log)
    {
        while (Socket.Accept() is { } client)
        {
            try
            {
                if (_server == null && client.Poll(ProbePatience, SelectMode.SelectRead) && client.Available == 0)
                {
                    client.Dispose(); // who only looked whether somebody listens is gone by now
                    continue;
                }
                _server ??= make();
                _server.Serve(client);
            }
#pragma warning disable CA1031 // a switch that cannot be asked forwards all the same
            catch (Exception e)
#pragma warning restore CA1031
            {
                client.Dispose();
                HostLog.Warn(log, $"control socket: no client can be served: {e.GetType().Name}: {e.Message.ReplaceLineEndings(" ")}");
            }
        }
    }
}

/// <summary>Serves connections of a <see cref="ManagementSocket"/> until it is disposed of.</summary>
internal interface IConnectionServer : IDisposable
{
    /// <summary>Serves one more; does not wait. One caller at a time.</summary>
    /// <param name="client">Connected; the server's from now on.</param>
    void Serve(Socket client);
}
