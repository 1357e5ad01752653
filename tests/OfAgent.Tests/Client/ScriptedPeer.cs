using System.Net;
using System.Net.Sockets;
using Softswitch.OfAgent.Tests.Agent;
using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Tests.Client;

/// <summary>A switch that a test plays by hand.</summary>
internal sealed class ScriptedPeer : RawController
{
    private ScriptedPeer(Socket socket)
        : base(socket)
    {
    }

    /// <summary>Connects to a controller on this machine.</summary>
    public ScriptedPeer(int port)
        : base(port)
    {
    }

    /// <summary>Waits for one connection on a free port and plays <paramref name="script"/> on it.</summary>
    /// <returns>The target to connect to, and the task that ends with the script.</returns>
    public static (string Target, Task Script) Listen(Action<ScriptedPeer> script)
    {
        Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        Task task = Task.Factory.StartNew(() =>
        {
            using ScriptedPeer peer = new(listener.Accept());
            listener.Dispose();
            script(peer);
        }, TaskCreationOptions.LongRunning);
        return ($"tcp:127.0.0.1:{((IPEndPoint)listener.LocalEndPoint!).Port}", task);
    }

    /// <summary>Writes this again and again and reads nothing, until the other end has taken nothing for a second.</summary>
    public void WriteUntilFull(ReadOnlySpan<byte> bytes)
    {
        Socket.SendTimeout = 1000;
        try
        {
            while (true)
            {
                SendBytes(bytes);
            }
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.TimedOut)
        {
            // full
        }
    }

    /// <summary>The next message of this type; others are passed over.</summary>
    public byte[] Await(OfType type)
    {
        byte[] message;
        do
        {
            message = Read();
        }
        while (TypeOf(message) != type);
        return message;
    }
}
