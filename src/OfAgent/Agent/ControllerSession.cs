using System.Buffers.Binary;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Fragments;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;
using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Agent;

/// <summary>What the connection has to do after a message.</summary>
internal enum SessionResult
{
    /// <summary>The next message may come.</summary>
    Continue,

    /// <summary>The peer does not speak our protocol: the pending messages are sent, then the connection ends.</summary>
    Close,
}

/// <summary>The protocol on one connection: takes messages, appends replies. It knows neither sockets nor threads.</summary>
/// <remarks>Threads: every member is called with the control lock and the connection's append lock held.</remarks>
internal sealed class ControllerSession
{
    /// <summary>Asynchronous messages answer nothing.</summary>
    private const uint NoXid = 0;

    private readonly SwitchAgent _agent;
    private readonly OutboundQueue _out;
    private readonly StatsResponder _stats;
    private readonly Handshake _handshake = new();
    private readonly bool _isPassive;
    private BarrierProgress _barrier;
    private uint? _barrierXid;
    private FlowRemovedCursor _removed;
    private bool _flowModsNameTables;
    private long _probedAt;

    public ControllerSession(SwitchAgent agent, OutboundQueue output, bool isPassive)
    {
        _agent = agent;
        _out = output;
        _isPassive = isPassive;
        _stats = new StatsResponder(agent.Control, agent.Options.Description, output);
        Config = new SwitchConfig(OfConfigFlags.FragmentsNormal, agent.Options.IsManagement(isPassive) ? (ushort)0 : SwitchConfig.DefaultMissSendLength);
    }

    /// <summary>Whether the peer is known to speak OpenFlow 1.0.</summary>
    public bool IsNegotiated => _handshake.Step == HandshakeStep.Done;

    /// <summary>Whether the peer sent SET_CONFIG.</summary>
    public bool IsConfigured { get; private set; }

    /// <summary>Whether the peer asked for features, as controllers do first of all.</summary>
    public bool IsIntroduced { get; private set; }

    /// <summary>Round-trip time of the last answered <see cref="SendProbe"/>; null before the first.</summary>
    public TimeSpan? Latency { get; private set; }

    /// <summary>Messages handled, without echoes: these only show that the peer is alive.</summary>
    public long RequestCount { get; private set; }

    public SwitchConfig Config { get; private set; }

    public ControllerRole Role { get; private set; }

    /// <summary>Why <see cref="Handle"/> said Close, for the log.</summary>
    public string CloseReason => _handshake.Refusal;

    /// <summary>The versions of the peer's HELLO, if the connection ended before the peer showed whether it speaks 1.0; for the log.</summary>
    public OfVersions? OpenOffer => _handshake.Step == HandshakeStep.Open ? _handshake.Offer : null;

    /// <summary>The first error the peer reported, for the log; null while there is none.</summary>
    public OfError? FirstError { get; private set; }

    /// <summary>Whether a multipart or barrier reply is unfinished: <see cref="ContinueReply"/> goes on with it before the next message.</summary>
    public bool HasUnfinishedReply => _stats.IsUnfinished || _barrierXid is not null;

    /// <summary>Whether the reply can go on only after a short wait.</summary>
    public bool IsHeldUp => _barrierXid is not null && _barrier.IsHeldUp;

    /// <summary>Whether the next part of the reply needs the flow table.</summary>
    public bool NeedsTable => _stats.IsUnfinished;

    /// <summary>How many reports of removed entries this connection has taken.</summary>
    public long FlowRemovedTaken => _removed.Count;

    /// <summary>Whether this peer is sent packets, and told of the end of entries.</summary>
    public bool WantsPacketIns => WantsEvents && Role != ControllerRole.Slave;

    private OfBuffer Pending => _out.Pending;

    /// <summary>Says hello; the first thing on every connection (§5.5.1).</summary>
    public void Start()
    {
        _removed = _agent.Control.Flows.Removed.EndOfReports; // entries that ended before it connected are not reported to it
        HelloMessage.Write(Pending, NoXid);
    }

    /// <summary>Gives back the resources of an unfinished reply.</summary>
    public void End() => _stats.Abandon();

    /// <summary>Appends the next part of the unfinished reply.</summary>
    public void ContinueReply()
    {
        if (_stats.IsUnfinished)
        {
            _stats.Continue();
        }
        else
        {
            ContinueBarrier();
        }
    }

    public SessionResult Handle(ReadOnlySpan<byte> message)
    {
        OfHeader.TryDecode(message, out OfHeader header); // framing saw to its length
        if (!IsNegotiated)
        {
            _handshake.Take(message, header, Pending);
            if (_handshake.Step != HandshakeStep.Done)
            {
                return _handshake.Step == HandshakeStep.Refused ? SessionResult.Close : SessionResult.Continue;
            }
            _agent.Misses.Update();
            if (header.Type == OfType.Hello)
            {
                return SessionResult.Continue;
            }
        }
        if (header.Version != OfHeader.Version10)
        {
            // A later HELLO may carry its own version number; other messages must have the negotiated version (§5.5.1).
            return header.Type == OfType.Hello ? SessionResult.Continue : Refuse(header, OfError.BadRequestBadVersion, message);
        }
        return Dispatch(message, header);
    }

    /// <summary>Appends a packet-in if this peer wants one.</summary>
    public void OnPacketIn(in PacketIn packetIn)
    {
        if (!WantsPacketIns || !_out.AdmitPacketIn())
        {
            return;
        }
        // §5.3.2, §5.4.1: without a buffer the controller needs all of it.
        int length = packetIn.BufferId == FlowMod.NoBuffer ? int.MaxValue
            : packetIn.Reason == PacketInReason.NoMatch ? Config.MissSendLength
            : packetIn.MaxLength;
        PacketInMessage.Write(Pending, NoXid, packetIn, length);
        _out.Wake();
    }

    /// <summary>Appends the ends of entries that there is room for, if this peer is told of them.</summary>
    /// <param name="limit">How many at most.</param>
    /// <param name="force">Whether room does not matter.</param>
    /// <returns>False if one had to be appended and does not fit.</returns>
    public bool TakeFlowRemoved(int limit, bool force)
    {
        if (!WantsPacketIns)
        {
            _removed = _agent.Control.Flows.Removed.EndOfReports;
            return true;
        }
        force |= _out.HasRoomForFlowRemoved();
        for (; force && limit > 0 && _agent.Control.Flows.Removed.TryRead(ref _removed, out FlowRemoved removed); limit--)
        {
            if (!_out.AdmitState())
            {
                _removed = _agent.Control.Flows.Removed.EndOfReports; // the connection ends: nothing is kept for it
                return false;
            }
            FlowRemovedMessage.Write(Pending, NoXid, removed);
            _out.Wake();
        }
        return true;
    }

    /// <returns>False if it should have been appended and does not fit.</returns>
    public bool OnPortStatus(PortStatusReason reason, in PortDescription port)
    {
        if (!WantsEvents)
        {
            return true;
        }
        bool fits = _out.AdmitState();
        if (fits)
        {
            PortStatusMessage.Write(Pending, NoXid, reason, port);
            _out.Wake();
        }
        return fits;
    }

    /// <summary>Asks the peer for a sign of life.</summary>
    public void SendProbe()
    {
        _probedAt = _probedAt == 0 ? _agent.Options.TimeProvider.GetTimestamp() : _probedAt;
        EchoMessage.WriteRequest(Pending, NoXid);
        _out.Wake();
    }

    private bool NoteEcho()
    {
        if (_probedAt != 0)
        {
            Latency = _agent.Options.TimeProvider.GetElapsedTime(_probedAt);
            _probedAt = 0;
        }
        return true;
    }

    /// <summary>Answers a length that leaves no way to find the next message.</summary>
    public void RefuseFraming(ReadOnlySpan<byte> header) =>
        ErrorMessage.Write(Pending, OfHeader.TryDecode(header, out OfHeader h) ? h.Xid : NoXid, OfError.BadRequestBadLength, header);

    /// <summary>Another connection became master (Nicira's role request).</summary>
    public void Demote()
    {
        if (Role == ControllerRole.Master)
        {
            Role = ControllerRole.Slave;
        }
    }

    /// <summary>A management connection gets events once it asked for packets, as with Open vSwitch's service connections.</summary>
    private bool WantsEvents => IsNegotiated && (!_agent.Options.IsManagement(_isPassive) || (IsConfigured && Config.MissSendLength != 0));

    private SessionResult Dispatch(ReadOnlySpan<byte> message, OfHeader header)
    {
        OfError error = default;
        RequestCount += header.Type is OfType.EchoRequest or OfType.EchoReply ? 0 : 1;
        bool done = header.Type switch
        {
            OfType.FlowMod => MayChange(out error) && FlowModHandler.TryHandle(_agent, message, _flowModsNameTables, out error),
            OfType.PacketOut => MayChange(out error) && FlowModHandler.TryHandlePacketOut(_agent, message, out error),
            OfType.PortMod => MayChange(out error) && TryHandlePortMod(message, out error),
            OfType.BarrierRequest => TryHandleBarrier(message, header.Xid, out error),
            OfType.Hello => true,
            OfType.EchoReply => NoteEcho(),
            OfType.Error => NoteError(message),
            OfType.EchoRequest => TryHandleEcho(message, header.Xid),
            OfType.FeaturesRequest => TryHandleFeatures(message, header.Xid, out error),
            OfType.GetConfigRequest => TryHandleGetConfig(message, header.Xid, out error),
            OfType.SetConfig => TryHandleSetConfig(message, out error),
            OfType.StatsRequest => _stats.TryHandle(message, header.Xid, out error),
            OfType.QueueGetConfigRequest => QueueResponder.TryHandleConfig(_agent.Control, message, header.Xid, Pending, out error),
            OfType.Vendor => TryHandleVendor(message, header.Xid, out error),
            _ => Fail(OfError.BadRequestBadType, out error),
        };
        return done ? SessionResult.Continue : Refuse(header, error, message);
    }

    private SessionResult Refuse(OfHeader header, OfError error, ReadOnlySpan<byte> message)
    {
        if (header.Type == OfType.FlowMod)
        {
            _agent.Sessions.CountRefusedFlowMod(error);
        }
        ErrorMessage.Write(Pending, header.Xid, error, message);
        return SessionResult.Continue;
    }

    private static bool Fail(OfError reason, out OfError error)
    {
        error = reason;
        return false;
    }

    private bool MayChange(out OfError error)
    {
        error = OfError.BadRequestPermission;
        return Role != ControllerRole.Slave;
    }

    private bool NoteError(ReadOnlySpan<byte> message)
    {
        if (FirstError is null && ErrorMessage.TryDecode(message, out OfError reported, out _, out _))
        {
            FirstError = reported;
        }
        return true; // never an error for an error, or two peers could go on for ever
    }

    private bool TryHandleEcho(ReadOnlySpan<byte> message, uint xid)
    {
        EchoMessage.WriteReply(Pending, xid, EchoMessage.BodyOf(message));
        return true;
    }

    private bool TryHandleFeatures(ReadOnlySpan<byte> message, uint xid, out OfError error)
    {
        if (!OfMessage.HasLength(message, OfHeader.Size, out error))
        {
            return false;
        }
        if (!IsIntroduced)
        {
            IsIntroduced = true;
            _agent.Misses.Update();
        }
        DatapathControl control = _agent.Control;
        SwitchFeatures features = new(
            control.DatapathId, (uint)control.Buffers.Capacity, TableCount: 1, SwitchAgent.CapabilitiesOf(control), control.SupportedActions);
        FeaturesMessage.WriteReply(Pending, xid, features, control.Ports.Descriptions);
        return true;
    }

    private bool TryHandleGetConfig(ReadOnlySpan<byte> message, uint xid, out OfError error)
    {
        if (!OfMessage.HasLength(message, OfHeader.Size, out error))
        {
            return false;
        }
        // Fragment handling is a setting of the switch, not of the connection.
        ConfigMessage.WriteGetReply(Pending, xid, Config with { Flags = (OfConfigFlags)_agent.Control.Pipeline.FragmentHandling });
        return true;
    }

    private bool TryHandleSetConfig(ReadOnlySpan<byte> message, out OfError error)
    {
        if (!ConfigMessage.TryDecode(message, out SwitchConfig config, out error))
        {
            return false;
        }
        Config = config;
        if (Role != ControllerRole.Slave)
        {
            SetFragmentHandling(config.Flags & OfConfigFlags.FragmentsMask);
        }
        IsConfigured = true;
        _agent.Misses.Update();
        return true;
    }

    /// <summary>Of several controllers the last to speak wins. DROP and REASM together mean nothing, and change nothing.</summary>
    private void SetFragmentHandling(OfConfigFlags flags)
    {
        if (flags != OfConfigFlags.FragmentsMask)
        {
            _agent.Control.Pipeline.FragmentHandling = (FragmentHandling)flags;
        }
    }

    private bool TryHandleBarrier(ReadOnlySpan<byte> message, uint xid, out OfError error)
    {
        if (!OfMessage.HasLength(message, OfHeader.Size, out error))
        {
            return false;
        }
        _barrier = default;
        _barrierXid = xid;
        ContinueBarrier();
        return true;
    }

    private void ContinueBarrier()
    {
        if (_agent.Control.Barriers.TryFinish(ref _barrier, _removed))
        {
            BarrierMessage.WriteReply(Pending, _barrierXid!.Value);
            _barrierXid = null;
        }
    }

    private bool TryHandlePortMod(ReadOnlySpan<byte> message, out OfError error)
    {
        if (!PortModMessage.TryDecode(message, out PortMod mod, out error))
        {
            return false;
        }
        ControlError refusal = _agent.Control.Ports.Configure(mod.Number, mod.HardwareAddress, mod.Config, mod.Mask);
        error = refusal == ControlError.None ? default : ControlErrors.ToOfError(refusal);
        return refusal == ControlError.None;
    }

    private bool TryHandleVendor(ReadOnlySpan<byte> message, uint xid, out OfError error)
    {
        bool isNicira = VendorMessage.TryDecode(message, out uint vendor, out ReadOnlySpan<byte> body, out _) && vendor == VendorMessage.Nicira;
        if (isNicira && body.Length >= sizeof(uint) && NiciraFormatMessage.IsFormat(BinaryPrimitives.ReadUInt32BigEndian(body)))
        {
            if (!NiciraFormatMessage.TryDecode(message, out uint format, out error))
            {
                return false;
            }
            if (BinaryPrimitives.ReadUInt32BigEndian(body) == NiciraFormatMessage.FlowModTableIdSubtype)
            {
                _flowModsNameTables = format != 0;
                return true;
            }
            // OpenFlow 1.0's own formats are what is spoken anyway; for others Open vSwitch's word is "not permitted".
            return format == 0 || Fail(OfError.BadRequestPermission, out error);
        }
        if (!RoleMessage.TryDecode(message, out bool isReply, out ControllerRole role, out error))
        {
            return false;
        }
        if (isReply)
        {
            return Fail(OfError.BadRequestBadSubtype, out error);
        }
        if (role > ControllerRole.Slave)
        {
            return Fail(BadRole, out error);
        }
        if (role == ControllerRole.Master)
        {
            _agent.Sessions.DemoteMasters();
        }
        Role = role;
        _agent.Misses.Update();
        RoleMessage.WriteReply(Pending, xid, role);
        return true;
    }

    /// <summary>NXBRC_BAD_ROLE of Nicira's extensions: no role of that number.</summary>
    private static OfError BadRole => new(OfErrorType.BadRequest, 513);
}
