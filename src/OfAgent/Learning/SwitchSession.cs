using System.Net.Sockets;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Ports;
using Softswitch.OfAgent.Connections;
using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Learning;

/// <summary>One switch and its addresses. A thread of its own runs it from the first hello to the end.</summary>
/// <remarks>
/// Memory is bounded: one framer, the table, and as much output as one read of at most 64 KiB can cause.
/// Nothing is allocated per packet-in.
/// </remarks>
internal sealed class SwitchSession : IDisposable
{
    private readonly IChannel _channel;
    private readonly LearningOptions _options;
    private readonly OfFramer _framer = new();
    private readonly PatientStream _stream;
    private readonly OfBuffer _out = new();
    private readonly MacTable _addresses;
    private readonly FlowAction[] _action = new FlowAction[1];
    private uint _lastXid;
    private long _packetIns;
    private long _flows;

    public SwitchSession(IChannel channel, LearningOptions options)
    {
        _channel = channel;
        _options = options;
        _stream = new PatientStream(channel, _framer);
        _addresses = new MacTable(options.MacTableCapacity, options.MacLifetime);
    }

    /// <summary>The switch's address, for people.</summary>
    public string Peer => _channel.Peer;

    /// <summary>From the features reply; 0 before.</summary>
    public ulong DatapathId { get; private set; }

    public long PacketInCount => Volatile.Read(ref _packetIns);

    public long FlowCount => Volatile.Read(ref _flows);

    /// <summary>Serves the switch until it goes, misbehaves or <see cref="Dispose"/> is called.</summary>
    /// <returns>Why it ended, for people.</returns>
    public string Run()
    {
        try
        {
            using CancellationTokenSource limit = new(_options.ProbeInterval);
            _channel.Open(limit.Token);
            _channel.Stream.WriteTimeout = (int)_options.ProbeInterval.TotalMilliseconds;
            HelloMessage.Write(_out, NextXid());
            FeaturesMessage.WriteRequest(_out, NextXid());
            ConfigMessage.WriteSet(_out, NextXid(), new SwitchConfig(OfConfigFlags.FragmentsNormal, _options.MissSendLength));
            return Serve();
        }
        catch (IOException e)
        {
            return e.InnerException is SocketException { SocketErrorCode: SocketError.TimedOut or SocketError.WouldBlock }
                ? "it does not read what it is sent"
                : (e.InnerException ?? e).Message;
        }
        catch (TlsException e)
        {
            return e.Message;
        }
        catch (OperationCanceledException)
        {
            return "it did not finish the TLS handshake";
        }
        catch (ObjectDisposedException)
        {
            return "stopped";
        }
    }

    public void Dispose()
    {
        _channel.Abort(); // close alone does not wake a thread that reads
        _channel.Dispose();
    }

    private string Serve()
    {
        bool isProbed = false;
        while (true)
        {
            SendAll();
            if (!_stream.TryRead(_options.ProbeInterval, out int count))
            {
                if (isProbed)
                {
                    return "it did not answer an echo request";
                }
                EchoMessage.WriteRequest(_out, NextXid());
                isProbed = true;
                continue;
            }
            if (count == 0)
            {
                return "it closed the connection";
            }
            isProbed = false;
            if (HandleAll() is { } why)
            {
                SendAll();
                return why;
            }
        }
    }

    private void SendAll()
    {
        if (_out.Length > 0)
        {
            _channel.Stream.Write(_out.Written);
            _out.Reset();
        }
    }

    /// <returns>Why the session cannot go on; null if it can.</returns>
    private string? HandleAll()
    {
        while (true)
        {
            FramingResult result = _framer.TryRead(out ReadOnlySpan<byte> message);
            if (result == FramingResult.Incomplete)
            {
                return null;
            }
            if (result == FramingResult.BadLength)
            {
                return "it sent a message with an impossible length";
            }
            OfHeader.TryDecode(message, out OfHeader header);
            OfVersions spoken = header.Type == OfType.Hello ? HelloMessage.ReadVersions(message) : new OfVersions(1u << (header.Version & 31));
            if (!spoken.Include10)
            {
                ErrorMessage.Write(_out, header.Xid, OfError.HelloIncompatible, "OpenFlow 1.0 is spoken here"u8);
                return $"it speaks {spoken}; this controller 1.0";
            }
            Handle(message, header);
        }
    }

    private void Handle(ReadOnlySpan<byte> message, OfHeader header)
    {
        switch (header.Type)
        {
            case OfType.EchoRequest:
                EchoMessage.WriteReply(_out, header.Xid, EchoMessage.BodyOf(message));
                break;
            case OfType.FeaturesReply when DatapathId == 0:
                HandleFeatures(message);
                break;
            case OfType.PacketIn when PacketInMessage.TryDecode(message, out ReceivedPacketIn packetIn, out _):
                Volatile.Write(ref _packetIns, _packetIns + 1);
                HandlePacketIn(packetIn, Environment.TickCount64);
                break;
            case OfType.PortStatus when PortStatusMessage.TryDecode(message, out PortStatusReason reason, out PortDescription port, out _):
                HandlePortStatus(reason, port);
                break;
            default:
                // Errors, flow-removed, late replies: nothing to do, and nothing a switch can gain by sending them.
                break;
        }
    }

    private void HandleFeatures(ReadOnlySpan<byte> message)
    {
        List<PortDescription> ports = [];
        if (FeaturesMessage.TryDecodeReply(message, ports, out SwitchFeatures features, out _))
        {
            DatapathId = features.DatapathId;
            _options.Log?.Invoke($"switch {DatapathId:x16} at {Peer}: {ports.Count} ports, {features.BufferCount} buffers");
        }
    }

    private void HandlePacketIn(in ReceivedPacketIn packetIn, long now)
    {
        ushort inPort = packetIn.InPort;
        bool isPort = PortNumber.IsPhysical(inPort) || inPort == PortNumber.Local;
        if (!isPort || !PacketMatch.TryCreate(packetIn.Data, inPort, out FlowMatch match) || IsForBridges(match.DlDst))
        {
            SendPacket(packetIn, []);
            return;
        }
        if (!match.DlSrc.IsMulticast && _addresses.Learn(match.DlSrc, match.DlVlan, inPort, now))
        {
            DeleteFlowsTo(match.DlSrc, match.DlVlan);
        }
        if (match.DlDst.IsMulticast || !_addresses.TryFind(match.DlDst, match.DlVlan, now, out ushort outPort))
        {
            _action[0] = FlowAction.Output(PortNumber.Flood);
            SendPacket(packetIn, _action);
        }
        else if (outPort == inPort)
        {
            // Both are on the same side of the switch: they have heard each other already.
            SendPacket(packetIn, []);
        }
        else
        {
            Install(packetIn, match, outPort);
        }
    }

    private void Install(in ReceivedPacketIn packetIn, in FlowMatch match, ushort outPort)
    {
        _action[0] = FlowAction.Output(outPort);
        FlowMod mod = new()
        {
            Command = FlowModCommand.Add,
            Match = match,
            IdleTimeoutSeconds = _options.IdleTimeoutSeconds,
            HardTimeoutSeconds = _options.HardTimeoutSeconds,
            Priority = _options.Priority,
            BufferId = packetIn.BufferId,
            Actions = _action,
        };
        FlowModMessage.Write(_out, NextXid(), mod);
        Volatile.Write(ref _flows, _flows + 1);
        if (packetIn.BufferId == FlowMod.NoBuffer)
        {
            SendPacket(packetIn, _action);
        }
    }

    /// <summary>Sends the packet on its way, or with no actions drops it, which frees the switch's buffer.</summary>
    private void SendPacket(in ReceivedPacketIn packetIn, ReadOnlySpan<FlowAction> actions)
    {
        bool isBuffered = packetIn.BufferId != FlowMod.NoBuffer;
        if (!isBuffered && (actions.IsEmpty || packetIn.Data.Length < packetIn.TotalLength))
        {
            return; // nothing to free, or only part of the packet is left in the world
        }
        PacketOutMessage.Write(_out, NextXid(), new PacketOut
        {
            BufferId = packetIn.BufferId,
            InPort = packetIn.InPort,
            Actions = actions,
            Data = isBuffered ? default : packetIn.Data,
        });
    }

    private void HandlePortStatus(PortStatusReason reason, in PortDescription port)
    {
        bool isGone = reason == PortStatusReason.Delete || port.Config.HasFlag(PortConfig.PortDown) || port.State.HasFlag(PortState.LinkDown);
        if (!isGone)
        {
            return;
        }
        _addresses.Forget(port.Number);
        FlowModMessage.Write(_out, NextXid(), new FlowMod { Command = FlowModCommand.Delete, Match = FlowMatch.Any, OutPort = port.Number });
    }

    /// <summary>A host moved: flows that lead to its old place must not outlive the news.</summary>
    private void DeleteFlowsTo(MacAddress address, ushort vlan)
    {
        FlowMatch match = FlowMatch.Any;
        match.DlDst = address;
        match.DlVlan = vlan;
        match.Wildcards &= ~(FlowWildcards.DlDst | FlowWildcards.DlVlan);
        FlowModMessage.Write(_out, NextXid(), new FlowMod { Command = FlowModCommand.Delete, Match = match });
    }

    /// <summary>01:80:c2:00:00:00 to 0f: IEEE 802.1D keeps these for bridges, which do not forward them.</summary>
    private static bool IsForBridges(MacAddress address) => (address.Value & 0xffff_ffff_fff0) == 0x0180_c200_0000;

    private uint NextXid() => ++_lastXid;
}
