using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Softswitch.Hosting.Management;

namespace Softswitch.Web;

/// <summary>Serves the management interface over HTTP to whom it is given, until it is disposed of.</summary>
/// <remarks>
/// Threads: requests run on the pool's, and what waits for a switch on threads of its own. It enters the control lock for short times, and workers not at all.
/// A client that sends slowly, much or nothing, or does not read, loses its connection; there is room for so many at a time, and for so many bytes of what they
/// are to read.
/// </remarks>
internal sealed class HttpServer : IConnectionServer
{
    private const int MaxConnections = 64;
    private const int MaxHeaders = 16 * 1024;
    private static readonly TimeSpan EndPatience = TimeSpan.FromSeconds(1);

    private readonly KestrelServer _kestrel;
    private readonly Connections _connections;
    private readonly CancellationTokenSource _end = new();
    private readonly CommandThreads _threads = new();

    /// <param name="local">Where its clients connect to.</param>
    /// <param name="idle">How long a client may say nothing.</param>
    /// <param name="longestBody">Bytes of a request.</param>
    /// <param name="make">Makes what answers each request; the token is cancelled at the end.</param>
    public HttpServer(EndPoint local, TimeSpan idle, int longestBody, Func<CommandThreads, CancellationToken, Func<HttpContext, Task>> make)
    {
        // The server alone: what usually surrounds it reads settings of files and variables, and is several times as large.
        var options = new KestrelServerOptions { AddServerHeader = false };
        KestrelServerLimits limits = options.Limits;
        limits.MaxConcurrentConnections = MaxConnections;
        limits.MaxConcurrentUpgradedConnections = 0;
        limits.MaxRequestBodySize = longestBody;
        limits.MaxRequestHeadersTotalSize = MaxHeaders;
        limits.MaxRequestLineSize = MaxHeaders / 2;
        limits.RequestHeadersTimeout = limits.KeepAliveTimeout = idle;
        options.Listen(local, one => one.Protocols = HttpProtocols.Http1);
        _connections = new Connections(local);
        _kestrel = new KestrelServer(Options.Create(options), _connections, NullLoggerFactory.Instance);
        _kestrel.StartAsync(new Application(make(_threads, _end.Token)), CancellationToken.None).GetAwaiter().GetResult();
    }

    public void Serve(Socket client) => _connections.Add(client);

    public void Dispose()
    {
        _end.Cancel(); // what streams ends by itself
        using (var patience = new CancellationTokenSource(EndPatience))
        {
            _kestrel.StopAsync(patience.Token).GetAwaiter().GetResult();
        }
        _kestrel.Dispose();
        _threads.Dispose();
        _end.Dispose();
    }

    /// <summary>What the server takes connections from: those that somebody else has accepted.</summary>
    private sealed class Connections(EndPoint local) : IConnectionListenerFactory, IConnectionListener
    {
        private readonly Channel<Socket> _waiting = Channel.CreateUnbounded<Socket>();
        private readonly SocketConnectionContextFactory _factory = new(new SocketConnectionFactoryOptions(), NullLogger.Instance);

        public EndPoint EndPoint => local;

        public void Add(Socket client)
        {
            if (!_waiting.Writer.TryWrite(client))
            {
                client.Dispose();
            }
        }

        public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) => ValueTask.FromResult<IConnectionListener>(this);

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default) =>
            await _waiting.Reader.WaitToReadAsync(cancellationToken) && _waiting.Reader.TryRead(out Socket? client) ? _factory.Create(client) : null;

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
        {
            _waiting.Writer.TryComplete();
            return ValueTask.CompletedTask;
        }

        public ValueTask DisposeAsync()
        {
            while (_waiting.Reader.TryRead(out Socket? client))
            {
                client.Dispose();
            }
            _factory.Dispose();
            return ValueTask.CompletedTask;
        }
    }

    /// <summary>What the server calls for each request.</summary>
    private sealed class Application(Func<HttpContext, Task> answer) : IHttpApplication<HttpContext>
    {
        public HttpContext CreateContext(IFeatureCollection contextFeatures) => new DefaultHttpContext(contextFeatures);

        public Task ProcessRequestAsync(HttpContext context) => answer(context);

        public void DisposeContext(HttpContext context, Exception? exception)
        {
            // it holds nothing
        }
    }
}
