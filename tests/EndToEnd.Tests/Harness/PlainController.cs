using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Softswitch.EndToEnd.Tests.Harness;

/// <summary>A controller that says what the test gives it in hexadecimal, and nothing by itself.</summary>
internal sealed class PlainController : IDisposable
{
    private const byte Error = 1;
    private const byte EchoReply = 3;
    private const byte PacketIn = 10;
    private const byte BarrierReply = 19;
    private const int HeaderSize = 8;

    private static readonly TimeSpan BetweenSigns = TimeSpan.FromSeconds(1);

    private readonly Socket _peer;
    private readonly byte[] _buffer = new byte[1 << 16];
    private int _start;
    private int _end;
    private Timer? _signs;

    private PlainController(Socket peer) => _peer = peer;

    /// <summary>Listens for switches.</summary>
    public static Socket Listen(LabNode inside, int port)
    {
        Socket listener = inside.Run(() => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
        listener.Bind(new IPEndPoint(IPAddress.Any, port));
        listener.Listen();
        return listener;
    }

    /// <summary>Waits for the next switch and says HELLO.</summary>
    public static PlainController Accept(Socket listener)
    {
        Assert.True(listener.Poll(SwitchProgram.Patience, SelectMode.SelectRead), "the switch connects");
        Socket peer = listener.Accept();
        peer.NoDelay = true;
        peer.ReceiveTimeout = (int)SwitchProgram.Patience.TotalMilliseconds;
        var controller = new PlainController(peer);
        controller.Send("01000008 00000001");
        return controller;
    }

    /// <summary>
    /// Says each second that it lives, from a thread of its own: the switch gives up who is silent for some seconds, and a test on a busy machine may be so.
    /// For tests that send whole messages.
    /// </summary>
    public void KeepAlive() => _signs = new Timer(_ => TrySayThatItLives(), null, TimeSpan.Zero, BetweenSigns);

    /// <param name="hex">Any number of messages or a part of one; spaces are for the reader.</param>
    public void Send(string hex) => _peer.Send(Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal)));

    /// <summary>BARRIER_REQUEST, and what came before its reply.</summary>
    /// <returns>How many packet-ins there were.</returns>
    public int Barrier(uint xid)
    {
        Send($"01120008 {xid:x8}");
        return WaitFor(BarrierReply, xid);
    }

    /// <summary>ECHO_REQUEST, and what came before its reply.</summary>
    /// <returns>How many packet-ins there were.</returns>
    public int Echo(uint xid)
    {
        Send($"01020008 {xid:x8}");
        return WaitFor(EchoReply, xid);
    }

    /// <summary>A FLOW_MOD without actions, for one port or, without <paramref name="inPort"/>, for all packets.</summary>
    /// <param name="command">OFPFC_ADD is 0, OFPFC_DELETE is 3.</param>
    public void SendFlowMod(uint xid, int command, int priority, int inPort = 0)
    {
        string match = $"{(inPort == 0 ? "003fffff" : "003ffffe")} {inPort:x4} {new string('0', 68)}";
        Send($"010e0048 {xid:x8} {match} 0000000000000000 {command:x4} 0000 0000 {priority:x4} ffffffff ffff 0000");
    }

    public void Dispose()
    {
        _signs?.Dispose();
        _peer.Dispose();
    }

    private void TrySayThatItLives()
    {
        try
        {
            Send("01020008 ffffffff");
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // the test finds out itself, or has ended
        }
    }

    /// <summary>Reads up to a message of this type and xid.</summary>
    /// <returns>How many packet-ins came before it.</returns>
    private int WaitFor(byte type, uint xid)
    {
        int packetIns = 0;
        while (true)
        {
            (byte readType, uint readXid) = Read();
            if (readType == type && readXid == xid)
            {
                return packetIns;
            }
            Assert.NotEqual(Error, readType);
            packetIns += readType == PacketIn ? 1 : 0;
        }
    }

    private (byte Type, uint Xid) Read()
    {
        Fill(HeaderSize);
        ReadOnlySpan<byte> header = _buffer.AsSpan(_start);
        (byte Type, uint Xid) message = (header[1], BinaryPrimitives.ReadUInt32BigEndian(header[4..]));
        int length = BinaryPrimitives.ReadUInt16BigEndian(header[2..]);
        Fill(length);
        _start += length;
        return message;
    }

    /// <summary>Receives until this many bytes are there.</summary>
    private void Fill(int count)
    {
        if (_buffer.Length - _start < count)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            (_start, _end) = (0, _end - _start);
        }
        while (_end - _start < count)
        {
            int received = _peer.Receive(_buffer.AsSpan(_end));
            Assert.NotEqual(0, received);
            _end += received;
        }
    }
}
