using System.Net;
using System.Net.Sockets;
using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Tests.Agent;

/// <summary>The far end of an OpenFlow connection, message by message, as a test wants it.</summary>
internal sealed class RawController : IDisposable
{
    /// <summary>Long enough for any machine; a test that gets there has failed.</summary>
    private const int PatienceMilliseconds = 120_000;

    private readonly Socket _socket;
    private readonly OfFramer _framer = new();
    private readonly OfBuffer _out = new();

    public RawController(Socket socket)
    {
        _socket = socket;
        _socket.NoDelay = true;
        _socket.ReceiveTimeout = PatienceMilliseconds;
        _socket.SendTimeout = PatienceMilliseconds;
    }

    /// <summary>Connects to a listening switch.</summary>
    public RawController(int port)
        : this(new Socket(SocketType.Stream, ProtocolType.Tcp))
    {
        _socket.Connect(IPAddress.Loopback, port);
    }

    public Socket Socket => _socket;

    /// <summary>Exchanges HELLOs.</summary>
    /// <param name="isRead">Whether the switch's has been read.</param>
    public RawController Greet(bool isRead = false)
    {
        if (!isRead)
        {
            Read(OfType.Hello);
        }
        Send(b => HelloMessage.Write(b, 1));
        return this;
    }

    public void Send(Action<OfBuffer> write)
    {
        _out.Reset();
        write(_out);
        SendBytes(_out.Written);
    }

    public void SendBytes(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            bytes = bytes[_socket.Send(bytes)..];
        }
    }

    public void SendHex(string hex) => SendBytes(Convert.FromHexString(hex.Replace(" ", "")));

    /// <summary>The next message.</summary>
    public byte[] Read() => TryRead() ?? throw new InvalidOperationException("the switch closed the connection");

    /// <summary>The next message; null if the switch closed.</summary>
    public byte[]? TryRead()
    {
        while (true)
        {
            if (_framer.TryRead(out ReadOnlySpan<byte> message) == FramingResult.Message)
            {
                return message.ToArray();
            }
            int count = _socket.Receive(_framer.Free().Span);
            if (count == 0)
            {
                return null;
            }
            _framer.Advance(count);
        }
    }

    public byte[] Read(OfType type)
    {
        byte[] message = Read();
        Assert.Equal(type, TypeOf(message));
        return message;
    }

    /// <summary>The next message must be an error; returns its name and what came with it.</summary>
    public (string Name, uint Xid, byte[] Data) ReadError()
    {
        byte[] message = Read(OfType.Error);
        Assert.True(ErrorMessage.TryDecode(message, out OfError error, out ReadOnlySpan<byte> data, out _));
        return (error.Name, XidOf(message), data.ToArray());
    }

    /// <summary>Sends a barrier and returns what came before its reply.</summary>
    public List<byte[]> Barrier(uint xid = 0xba44)
    {
        Send(b => BarrierMessage.WriteRequest(b, xid));
        List<byte[]> before = [];
        while (true)
        {
            byte[] message = Read();
            if (TypeOf(message) == OfType.BarrierReply && XidOf(message) == xid)
            {
                return before;
            }
            before.Add(message);
        }
    }

    public static OfType TypeOf(byte[] message) => (OfType)message[1];

    public static uint XidOf(byte[] message) => OfHeader.TryDecode(message, out OfHeader header) ? header.Xid : 0;

    public void Dispose() => _socket.Dispose();
}
