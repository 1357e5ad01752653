using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Softswitch.Hosting;

namespace Softswitch.Web;

/// <summary>Serves the page and metrics of a process's switches over HTTP until it is disposed of, which is to be before they are.</summary>
/// <remarks>
/// Threads: requests run on the pool's. They enter the control lock for short times, as any tool does, and workers not at all. A client that sends slowly, much
/// or nothing, or does not read, loses its connection; there is room for so many at a time, and for so many bytes of what they are to read.
/// </remarks>
internal sealed class WebServer : IDisposable
{
    private const int MaxConnections = 64;
    private const int MaxBody = 64 * 1024; // the longest packet to be traced, in hexadecimal digits, is half of it
    private const int MaxHeaders = 16 * 1024;
    private static readonly TimeSpan HeaderPatience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan IdlePatience = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan EndPatience = TimeSpan.FromSeconds(1);

    private readonly KestrelServer _kestrel;
    private readonly CancellationTokenSource _end = new();

    private readonly WebRequests _requests;

    private WebServer(KestrelServer kestrel, ServedSwitches switches, AccessToken token, Reply reply, string address)
    {
        _kestrel = kestrel;
        _requests = new WebRequests(switches, token, reply, _end.Token);
        Address = address;
    }

    /// <summary>Where it is served: <c>http://127.0.0.1:8080/</c>.</summary>
    public string Address { get; }

    /// <summary>Serves the switches of a process, as they come and go.</summary>
    public static WebServer Start(SwitchGroup group, Socket listener, Action<string> say) => Start(new ServedSwitches(group), listener, say);

    /// <param name="listener">Of <see cref="WebListener"/>; from now on the server's.</param>
    /// <param name="say">Takes the URL, with the token that lets the page see packets' contents.</param>
    /// <param name="time">For how long clients take; null for the system's.</param>
    public static WebServer Start(SwitchHost host, Socket listener, Action<string> say, TimeProvider? time = null) =>
        Start(new ServedSwitches(host), listener, say, time);

    private static WebServer Start(ServedSwitches switches, Socket listener, Action<string> say, TimeProvider? time = null)
    {
        var address = (IPEndPoint)listener.LocalEndPoint!;
        var token = new AccessToken();
        // The server alone: what usually surrounds it reads settings of files and variables, and is several times as large.
        var options = new KestrelServerOptions();
        Limit(options);
        options.Listen(address, one => one.Protocols = HttpProtocols.Http1);
        NullLoggerFactory log = NullLoggerFactory.Instance;
        var sockets = new SocketTransportOptions { CreateBoundListenSocket = _ => listener };
        var kestrel = new KestrelServer(Options.Create(options), new SocketTransportFactory(Options.Create(sockets), log), log);
        var reply = new Reply(time ?? TimeProvider.System);
        var server = new WebServer(kestrel, switches, token, reply, $"http://{HostOf(address)}:{address.Port}/");
        server._kestrel.StartAsync(new Application(server._requests), CancellationToken.None).GetAwaiter().GetResult();
        say($"web: {server.Address}{token.Fragment}{Warning(address)}");
        return server;
    }

    public void Dispose()
    {
        _end.Cancel(); // what streams ends by itself
        using (var patience = new CancellationTokenSource(EndPatience))
        {
            _kestrel.StopAsync(patience.Token).GetAwaiter().GetResult();
        }
        _kestrel.Dispose();
        _end.Dispose();
    }

    private static void Limit(KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxConcurrentConnections = MaxConnections;
        kestrel.Limits.MaxConcurrentUpgradedConnections = 0;
        kestrel.Limits.MaxRequestBodySize = MaxBody;
        kestrel.Limits.MaxRequestHeadersTotalSize = MaxHeaders;
        kestrel.Limits.MaxRequestLineSize = MaxHeaders / 2;
        kestrel.Limits.RequestHeadersTimeout = HeaderPatience;
        kestrel.Limits.KeepAliveTimeout = IdlePatience;
    }

    private static string HostOf(IPEndPoint address)
    {
        IPAddress shown = address.Address.Equals(IPAddress.Any) || address.Address.Equals(IPAddress.IPv6Any) ? IPAddress.Loopback : address.Address;
        return shown.AddressFamily == AddressFamily.InterNetworkV6 ? $"[{shown}]" : $"{shown}";
    }

    private static string Warning(IPEndPoint address) =>
        IPAddress.IsLoopback(address.Address) ? string.Empty : " in clear, without authentication: whoever reaches this address sees ports, flows and counters";

    /// <summary>What the server calls for each request.</summary>
    private sealed class Application(WebRequests requests) : IHttpApplication<HttpContext>
    {
        public HttpContext CreateContext(IFeatureCollection contextFeatures) => new DefaultHttpContext(contextFeatures);

        public Task ProcessRequestAsync(HttpContext context) => requests.Answer(context);

        public void DisposeContext(HttpContext context, Exception? exception)
        {
            // it holds nothing
        }
    }
}
