using System.Net.Sockets;
using Softswitch.Hosting;
using Softswitch.Hosting.Management;

namespace Softswitch.Web;

/// <summary>Has tools reach the switches of a program: <c>softswitch status</c>, <c>top</c>, <c>drops</c> and the like, over the control socket.</summary>
/// <remarks>
/// The socket is there for a switch or a group with a <c>Name</c> or <c>Control</c> in its options; only the program's own user may connect. It is served until
/// the switches end. Nothing is loaded for it before a tool comes. Threads: any, in the network namespace of the switches.
/// </remarks>
public static class ManagementServer
{
    // What is asked by hand in a terminal takes longer; it connects anew then.
    private static readonly TimeSpan IdlePatience = TimeSpan.FromSeconds(30);

    /// <summary>Serves tools that ask for a switch, and its process.</summary>
    public static void Serve(SwitchHost host)
    {
        ArgumentNullException.ThrowIfNull(host);
        Serve(host.Group);
    }

    /// <summary>Serves tools that ask for the switches of a process.</summary>
    public static void Serve(SwitchGroup group)
    {
        ArgumentNullException.ThrowIfNull(group);
        group.Serve(() => CreateServer(group));
    }

    /// <summary>What answers at the control socket.</summary>
    internal static IConnectionServer CreateServer(SwitchGroup group) => new HttpServer(
        new UnixDomainSocketEndPoint(group.Socket!.Listener.Path), IdlePatience, ManagementRequest.LongestBody,
        (threads, end) => new WebRequests(group, null, threads, new Reply(TimeProvider.System), end).Respond);
}
