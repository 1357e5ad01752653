using System.Net;
using System.Net.Sockets;
using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Tests.Client;

/// <summary>One end of a connection that a test plays by hand.</summary>
internal sealed class ScriptedPeer : IDisposable
{
    private readonly Socket _socket;
    private readonly OfFramer _framer = new();

    public ScriptedPeer(Socket socket)
    {
        _socket = socket;
        _socket.NoDelay = true;
        _socket.ReceiveTimeout = 60_000;
    }

    /// <summary>Connects to a controller on this machine.</summary>
    public static ScriptedPeer ConnectTo(int port)
    {
        Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Connect(IPAddress.Loopback, port);
        return new ScriptedPeer(socket);
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

    public void Write(Action<OfBuffer> write)
    {
        OfBuffer buffer = new();
        write(buffer);
        Write(buffer.Written);
    }

    public void Write(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            bytes = bytes[_socket.Send(bytes)..];
        }
    }

    /// <summary>Writes this again and again and reads nothing, until the other end has taken nothing for a second.</summary>
    public void WriteUntilFull(ReadOnlySpan<byte> bytes)
    {
        _socket.SendTimeout = 1000;
        try
        {
            while (true)
            {
                Write(bytes);
            }
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.TimedOut)
        {
            // full
        }
    }

    /// <summary>The next message; null when the other end has closed.</summary>
    public byte[]? Read()
    {
        while (true)
        {
            FramingResult result = _framer.TryRead(out ReadOnlySpan<byte> message);
            Assert.NotEqual(FramingResult.BadLength, result);
            if (result == FramingResult.Message)
            {
                return message.ToArray();
            }
            int count = _socket.Receive(_framer.Free().Span, SocketFlags.None, out SocketError error);
            if (count == 0 || error != SocketError.Success)
            {
                Assert.NotEqual(SocketError.TimedOut, error);
                return null;
            }
            _framer.Advance(count);
        }
    }

    /// <summary>The next message of this type; others are passed over.</summary>
    public byte[] Read(OfType type)
    {
        while (true)
        {
            byte[]? message = Read();
            Assert.NotNull(message);
            if (message[1] == (byte)type)
            {
                return message;
            }
        }
    }

    public static uint XidOf(ReadOnlySpan<byte> message) => OfHeader.TryDecode(message, out OfHeader header) ? header.Xid : 0;

    public void Dispose() => _socket.Dispose();
}
