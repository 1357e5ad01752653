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
/// Threads: any may send. Messages are gathered until <see cref="Flush"/>, which the controller calls after each of its handlers, or until there
/// are 64 KiB of them. A switch that does not read blocks whoever sends for no longer than the probe interval.
/// </remarks>
public sealed class SwitchConnection
{
    private const int FlushSize = 1 << 16;

    private readonly IChannel _channel;
    private readonly Lock _sending = new();
    private readonly OfBuffer _out = new();
    private readonly Dictionary<uint, Action<long>> _barriers = [];
    private uint _lastXid;
    private bool _isLost;

    internal SwitchConnection(IChannel channel) => _channel = channel;

    /// <summary>From the features reply.</summary>
    public ulong DatapathId { get; internal set; }

    /// <summary>As of the features reply.</summary>
    public IReadOnlyList<PortDescription> Ports { get; internal set; } = [];

    /// <summary>The switch's address, for people.</summary>
    public string Peer => _channel.Peer;

    internal IChannel Channel => _channel;

    /// <returns>Its xid.</returns>
    public uint Send(in FlowMod mod)
    {
        lock (_sending)
        {
            uint xid = ++_lastXid;
            FlowModMessage.Write(_out, xid, mod);
            FlushIfLong();
            return xid;
        }
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
        lock (_sending)
        {
            uint xid = ++_lastXid;
            PacketOutMessage.Write(_out, xid, packetOut);
            FlushIfLong();
            return xid;
        }
    }

    /// <returns>Its xid.</returns>
    public uint Send(RequestWriter write)
    {
        lock (_sending)
        {
            uint xid = ++_lastXid;
            write(_out, xid);
            FlushIfLong();
            return xid;
        }
    }

    /// <summary>Asks the switch to say when it has done everything sent before (§5.3.7).</summary>
    /// <param name="onReply">Called by the thread that reads, under the controller's gate, with when the reply came (Stopwatch.GetTimestamp).</param>
    public void Barrier(Action<long> onReply)
    {
        lock (_sending)
        {
            uint xid = ++_lastXid;
            _barriers.Add(xid, onReply);
            BarrierMessage.WriteRequest(_out, xid);
        }
    }

    /// <summary>Sends what is gathered. To a switch that is gone it is lost, and the thread that reads reports the end.</summary>
    public void Flush()
    {
        lock (_sending)
        {
            if (_out.Length == 0)
            {
                return;
            }
            try
            {
                if (!_isLost)
                {
                    _channel.Stream.Write(_out.Written);
                }
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException or SocketException)
            {
                _isLost = true;
                _channel.Abort();
            }
            _out.Reset();
        }
    }

    internal Action<long>? TakeBarrier(uint xid)
    {
        lock (_sending)
        {
            return _barriers.Remove(xid, out Action<long>? onReply) ? onReply : null;
        }
    }

    private void FlushIfLong()
    {
        if (_out.Length >= FlushSize)
        {
            Flush();
        }
    }
}
