using System.Net;
using System.Net.Sockets;
using Softswitch.Hosting;
using Softswitch.Hosting.Management;
using Softswitch.OfAgent.Connections;

namespace Softswitch.Web;

/// <summary>Serves the page and metrics of a process's switches at an address, as they come and go, until it is disposed of, which is to be before they are.</summary>
internal sealed class WebServer : IDisposable
{
    private const int MaxBody = 64 * 1024;
    private static readonly TimeSpan IdlePatience = TimeSpan.FromMinutes(1);

    private readonly ManagementSocket _socket;

    private WebServer(ManagementSocket socket, string address) => (_socket, Address) = (socket, address);

    /// <summary>Where it is served: <c>http://127.0.0.1:8080/</c>.</summary>
    public string Address { get; }

    /// <summary>Serves the page of a switch, and of others that its process gets.</summary>
    public static WebServer Start(SwitchHost host, Socket listener, Action<string> say, TimeProvider? time = null) =>
        Start(host.Group, new ListeningSocket(listener), say, time);

    /// <param name="listener">From <see cref="WebListener"/>; from now on the server's.</param>
    /// <param name="say">Takes the URL, with the token that lets the page see packets' contents.</param>
    /// <param name="time">For how long clients take; null for the system's.</param>
    public static WebServer Start(SwitchGroup group, ListeningSocket listener, Action<string> say, TimeProvider? time = null)
    {
        var address = (IPEndPoint)listener.Socket.LocalEndPoint!;
        var token = new AccessToken();
        var socket = new ManagementSocket(listener);
        var server = new WebServer(socket, $"http://{HostOf(address)}:{address.Port}/");
        var reply = new Reply(time ?? TimeProvider.System);
        socket.Serve(
            () => new HttpServer(address, IdlePatience, MaxBody, (threads, end) => new WebRequests(group, token, threads, reply, end).Respond), group.Log);
        say($"web: {server.Address}{token.Fragment}{Warning(address)}");
        return server;
    }

    public void Dispose() => _socket.Dispose();

    private static string HostOf(IPEndPoint address)
    {
        IPAddress shown = address.Address.Equals(IPAddress.Any) || address.Address.Equals(IPAddress.IPv6Any) ? IPAddress.Loopback : address.Address;
        return shown.AddressFamily == AddressFamily.InterNetworkV6 ? $"[{shown}]" : $"{shown}";
    }

    private static string Warning(IPEndPoint address) =>
        IPAddress.IsLoopback(address.Address) ? string.Empty : " in clear, without authentication: whoever reaches this address sees ports, flows and counters";
}
