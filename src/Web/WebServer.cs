using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Softswitch.Hosting;

namespace Softswitch.Web;

/// <summary>Serves the page and metrics of a process's switches over HTTP until it is disposed of, which is to be before they are.</summary>
/// <remarks>
/// Threads: requests run on the pool's. They enter the control lock for short times, as any tool does, and workers not at all. A client that sends slowly, much
/// or nothing loses its connection; there is room for so many at a time.
/// </remarks>
internal sealed class WebServer : IDisposable
{
    private const int MaxConnections = 64;
    private const int MaxBody = 64 * 1024; // the longest packet to be traced, in hexadecimal digits, is half of it
    private const int MaxHeaders = 16 * 1024;
    private static readonly TimeSpan HeaderPatience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan IdlePatience = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan EndPatience = TimeSpan.FromSeconds(1);

    private readonly WebApplication _application;
    private readonly CancellationTokenSource _end = new();

    private readonly WebRequests _requests;

    private WebServer(WebApplication application, ServedSwitches switches, AccessToken token, string address)
    {
        _application = application;
        _requests = new WebRequests(switches, token, _end.Token);
        Address = address;
    }

    /// <summary>Where it is served: <c>http://127.0.0.1:8080/</c>.</summary>
    public string Address { get; }

    /// <summary>Serves the switches of a process, as they come and go.</summary>
    public static WebServer Start(SwitchGroup group, Socket listener, Action<string> say) => Start(new ServedSwitches(group), listener, say);

    /// <param name="listener">Of <see cref="WebListener"/>; from now on the server's.</param>
    /// <param name="say">Takes the URL, with the token that lets the page see packets' contents.</param>
    public static WebServer Start(SwitchHost host, Socket listener, Action<string> say) => Start(new ServedSwitches(host), listener, say);

    private static WebServer Start(ServedSwitches switches, Socket listener, Action<string> say)
    {
        var address = (IPEndPoint)listener.LocalEndPoint!;
        var token = new AccessToken();
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions()); // no settings of any file or variable
        builder.WebHost.UseKestrelCore().ConfigureKestrel(Limit).ConfigureKestrel(kestrel => kestrel.Listen(address, one => one.Protocols = HttpProtocols.Http1));
        builder.Services.Configure<SocketTransportOptions>(options => options.CreateBoundListenSocket = _ => listener);
        var server = new WebServer(builder.Build(), switches, token, $"http://{HostOf(address)}:{address.Port}/");
        server._application.Run(server._requests.Answer);
        server._application.StartAsync().GetAwaiter().GetResult();
        say($"web: {server.Address}{token.Fragment}{Warning(address)}");
        return server;
    }

    public void Dispose()
    {
        _end.Cancel(); // what streams ends by itself
        using (var patience = new CancellationTokenSource(EndPatience))
        {
            _application.StopAsync(patience.Token).GetAwaiter().GetResult();
        }
        ((IDisposable)_application).Dispose();
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
}
