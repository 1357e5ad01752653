using System.Net;
using System.Net.Sockets;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Ports;
using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Tests.Agent;

/// <summary>The far end of an OpenFlow connection, message by message, as a test wants it.</summary>
#pragma warning disable CA1852 // the file is part of other projects, too, where nothing derives from it
internal class RawController : IDisposable
#pragma warning restore CA1852
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

    /// <summary>The next message; null if the other end closed.</summary>
    /// <param name="mayReset">Whether it may do so over what it was sent and had not read yet.</param>
    public byte[]? TryRead(bool mayReset = false)
    {
        while (true)
        {
            if (_framer.TryRead(out ReadOnlySpan<byte> message) == FramingResult.Message)
            {
                return message.ToArray();
            }
            int count = _socket.Receive(_framer.Free().Span, SocketFlags.None, out SocketError error);
            if (error != SocketError.Success && !(mayReset && error == SocketError.ConnectionReset))
            {
                throw new SocketException((int)error);
            }
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

    public ReceivedPacketIn ReadPacketIn()
    {
        Assert.True(PacketInMessage.TryDecode(Read(OfType.PacketIn), out ReceivedPacketIn packetIn, out _));
        return packetIn;
    }

    public (PortStatusReason Reason, PortDescription Port) ReadPortStatus()
    {
        Assert.True(PortStatusMessage.TryDecode(Read(OfType.PortStatus), out PortStatusReason reason, out PortDescription port, out _));
        return (reason, port);
    }

    /// <summary>Asks for features.</summary>
    public SwitchFeatures ReadFeatures(List<PortDescription> ports)
    {
        Send(b => FeaturesMessage.WriteRequest(b, 3));
        Assert.True(FeaturesMessage.TryDecodeReply(Read(OfType.FeaturesReply), ports, out SwitchFeatures features, out _));
        return features;
    }

    /// <summary>Sends SET_CONFIG and waits until it holds.</summary>
    public void Configure(ushort missSendLength = SwitchConfig.DefaultMissSendLength, OfConfigFlags flags = OfConfigFlags.FragmentsNormal)
    {
        Send(b => ConfigMessage.WriteSet(b, 1, new SwitchConfig(flags, missSendLength)));
        Assert.Empty(Barrier());
    }

    /// <summary>Sends a flow-mod that is refused in no way, and waits until it holds.</summary>
    public void Apply(in FlowMod mod)
    {
        _out.Reset();
        FlowModMessage.Write(_out, 1, mod);
        SendBytes(_out.Written);
        Assert.Empty(Barrier());
    }

    public void Add(FlowMatch match, ushort priority, params FlowAction[] actions) =>
        Apply(new FlowMod { Match = match, Priority = priority, Actions = actions });

    /// <summary>Asks for statistics.</summary>
    /// <returns>The bodies of all parts of the reply.</returns>
    public List<byte[]> ReadStatistics(OfStatsType expected, Action<OfBuffer, uint> write)
    {
        const uint xid = 5;
        Send(b => write(b, xid));
        List<byte[]> parts = [];
        ushort flags;
        do
        {
            byte[] part = Read(OfType.StatsReply);
            Assert.True(StatsMessage.TryDecode(part, out OfStatsType type, out flags, out ReadOnlySpan<byte> body, out _));
            Assert.Equal((expected, xid), (type, XidOf(part)));
            parts.Add(body.ToArray());
        }
        while (flags == StatsMessage.ReplyMore);
        Assert.Equal(0, flags);
        return parts;
    }

    public List<(FlowMatch Match, ushort Priority, byte Table, FlowAction[] Actions)> ReadFlows(byte table = FlowFilter.AllTables)
    {
        List<(FlowMatch, ushort, byte, FlowAction[])> flows = [];
        FlowAction[] storage = new FlowAction[OfActions.MaxCount];
        foreach (byte[] part in ReadStatistics(OfStatsType.Flow, (b, xid) => FlowStatsMessage.WriteRequest(b, xid, new FlowFilter(FlowMatch.Any, table))))
        {
            ReadOnlySpan<byte> rest = part;
            while (FlowStatsMessage.TryReadEntry(ref rest, storage, out FlowStatistics flow))
            {
                flows.Add((flow.Match, flow.Priority, flow.TableId, flow.Actions.ToArray()));
            }
            Assert.Equal(0, rest.Length);
        }
        return flows;
    }

    public uint CountFlows(byte table = FlowFilter.AllTables)
    {
        ReadOnlySpan<byte> body = Assert.Single(
            ReadStatistics(OfStatsType.Aggregate, (b, xid) => AggregateStatsMessage.WriteRequest(b, xid, new FlowFilter(FlowMatch.Any, table))));
        Assert.True(AggregateStatsMessage.TryReadEntry(ref body, out AggregateStatistics total));
        return total.FlowCount;
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

    public void Dispose()
    {
        _socket.Dispose();
        GC.SuppressFinalize(this);
    }
}
