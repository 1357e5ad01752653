using System.Net.Sockets;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Ports;
using Softswitch.OfAgent.Client;
using Softswitch.OfAgent.Connections;
using Softswitch.OfAgent.Text;
using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Controllers;

/// <summary>A switch as a controller has it: what it said of itself, and messages to it.</summary>
/// <remarks>
/// Threads: any may send. Messages are gathered until <see cref="Flush"/>, which the controller calls after its handlers, or until
/// there are 512 KiB of them: more than a handler sends that answers each packet of one read of 64 KiB. Only the thread that flushes
/// waits for a switch that does not read, and no longer than the probe interval.
/// </remarks>
public sealed class SwitchConnection
{
    private const int FlushSize = 512 << 10;

    private readonly IChannel _channel;
    private readonly Lock _writing = new(); // taken before the other one
    private readonly Lock _gathering = new();
    private readonly Dictionary<uint, Action<long>> _barriers = [];
    private OfBuffer _gathered = new();
    private OfBuffer _written = new();
    private uint _lastXid;

    internal SwitchConnection(IChannel channel) => _channel = channel;

    /// <summary>From the features reply.</summary>
    public ulong DatapathId { get; internal set; }

    /// <summary>As of the features reply.</summary>
    public IReadOnlyList<PortDescription> Ports { get; internal set; } = [];

    /// <summary>As of the features reply.</summary>
    internal OfCapabilities Capabilities { get; set; }

    /// <summary>The switch's address, for people.</summary>
    public string Peer => _channel.Peer;

    /// <summary>The controller's own state of the switch, from its first message on; under the lock of the handlers.</summary>
    public object? State { get; set; }

    internal IChannel Channel => _channel;

    /// <summary>Whether it has told what it is.</summary>
    internal bool IsKnown { get; set; }

    /// <summary>Why nothing more can be sent, for people; null while it can.</summary>
    internal string? WriteFailure { get; private set; }

    /// <returns>Its xid.</returns>
    public uint Send(in FlowMod mod)
    {
        uint xid;
        lock (_gathering)
        {
            xid = ++_lastXid;
            FlowModMessage.Write(_gathered, xid, mod);
        }
        FlushIfLong();
        return xid;
    }

    /// <summary>Sends a flow-mod given in ovs-ofctl's words, which are the program's own.</summary>
    /// <param name="flow">Such as <c>priority=5,arp,actions=CONTROLLER:65535</c>.</param>
    /// <exception cref="FormatException">It is no flow.</exception>
    public uint Send(string flow, FlowSyntaxMode mode = FlowSyntaxMode.Add) =>
        FlowSyntax.TryParseFlow(flow, mode, null, out ParsedFlow parsed, out string error)
            ? Send(parsed.ToFlowMod())
            : throw new FormatException($"'{flow}': {error}");

    /// <returns>Its xid.</returns>
    public uint Send(in PacketOut packetOut)
    {
        uint xid;
        lock (_gathering)
        {
            xid = ++_lastXid;
            PacketOutMessage.Write(_gathered, xid, packetOut);
        }
        FlushIfLong();
        return xid;
    }

    /// <returns>Its xid.</returns>
    internal uint Send(RequestWriter write)
    {
        uint xid;
        lock (_gathering)
        {
            xid = ++_lastXid;
            write(_gathered, xid);
        }
        FlushIfLong();
        return xid;
    }

    /// <summary>Asks the switch to say when it has done everything sent before (§5.3.7).</summary>
    /// <param name="onReply">
    /// Called by the thread that reads, under the controller's lock, with when the reply came (Stopwatch.GetTimestamp).
    /// </param>
    public void Barrier(Action<long> onReply)
    {
        lock (_gathering)
        {
            uint xid = ++_lastXid;
            _barriers.Add(xid, onReply);
            BarrierMessage.WriteRequest(_gathered, xid);
        }
    }

    /// <summary>Sends the gathered messages. If the switch is gone they are lost, and the reading thread reports the end.</summary>
    public void Flush()
    {
        if (Volatile.Read(ref _gathered).Length == 0)
        {
            return; // this thread sees all messages that it gathered; another thread sends its own
        }
        lock (_writing)
        {
            lock (_gathering)
            {
                (_gathered, _written) = (_written, _gathered);
            }
            try
            {
                if (WriteFailure is null && _written.Length > 0)
                {
                    _channel.Stream.Write(_written.Written);
                }
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException or SocketException)
            {
                WriteFailure = e.InnerException is SocketException { SocketErrorCode: SocketError.TimedOut or SocketError.WouldBlock }
                    ? "it does not read what it is sent"
                    : (e.InnerException ?? e).Message;
                _channel.Abort();
            }
            _written.Reset();
        }
    }

    internal Action<long>? TakeBarrier(uint xid)
    {
        lock (_gathering)
        {
            return _barriers.Remove(xid, out Action<long>? onReply) ? onReply : null;
        }
    }

    private void FlushIfLong()
    {
        if (Volatile.Read(ref _gathered).Length >= FlushSize)
        {
            Flush();
        }
    }
}
