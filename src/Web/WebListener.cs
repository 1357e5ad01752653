using System.Net;
using System.Net.Sockets;
using Softswitch.Hosting.Configuration;

namespace Softswitch.Web;

/// <summary>The socket that browsers connect to. Open before the switch is, so that an address in use ends a start at which nothing has happened yet.</summary>
internal static class WebListener
{
    private const int Backlog = 64;

    // For each connection: what its client does not read waits where it is counted (ReplyMemory), not in the kernel.
    private const int SendBuffer = 32 * 1024;

    /// <exception cref="OptionException">The address cannot be listened on; the message names --web and the reason.</exception>
    public static Socket Open(IPEndPoint address)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.SendBufferSize = SendBuffer;
            socket.Bind(address);
            socket.Listen(Backlog); // here already: binding alone does not tell that another program listens
            return socket;
        }
        catch (SocketException e)
        {
            socket.Dispose();
            string remedy = e.SocketErrorCode == SocketError.AddressAlreadyInUse ? " (another program listens there; choose another port, or 0 for any)" : string.Empty;
            throw new OptionException($"--web: {address}: {e.Message}{remedy}", e);
        }
    }
}
