using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Softswitch.Datapath.Control;
using Softswitch.OfAgent.Connections;
using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Agent;

/// <summary>One connection: its threads, its bytes, its end.</summary>
/// <remarks>
/// <code>
/// reader thread:  read a chunk > take the control lock > handle its messages, append replies > leave it > write, until all are handled
/// writer thread:  woken when others append packet-ins, flow-removed, port-status > write
/// </code>
/// A peer that does not read blocks these two threads only.
/// </remarks>
internal sealed class ControllerConnection : ICommandHost
{
    private readonly SwitchAgent _agent;
    private readonly IChannel _channel;
    private readonly OfFramer _framer = OfFramer.Pool.Get();
    private readonly PeerTimeout _timeout;
    private readonly PeerLiveness _liveness;
    private Thread? _writer;
    private string? _closeReason;
    private long _lastRequest;
    private long _requestCount;
    private volatile PeerTrust _trust;
    private volatile bool _isOpen;
    private volatile string? _gaveUpFor;
    private long _stateSince;
    private volatile bool _ended;

    public ControllerConnection(SwitchAgent agent, IChannel channel, ConnectionName name)
    {
        _agent = agent;
        _channel = channel;
        Name = name;
        Out = new OutboundQueue(Time);
        Session = new ControllerSession(agent, Out, IsPassive);
        _timeout = new PeerTimeout(Time);
        _liveness = new PeerLiveness(Time, agent.Options.ProbeInterval, agent.ProbeTick);
        _lastRequest = _stateSince = Time.GetTimestamp();
    }

    /// <summary>For the log.</summary>
    public ConnectionName Name { get; }

    /// <summary>The controller that the switch connected to, or the listener that the peer came through.</summary>
    public ConnectionTarget Target => Name.Target;

    public bool IsPassive => Target.IsPassive;

    /// <summary>Where its peer is: see <see cref="PeerOrigin.Of"/>.</summary>
    public string Origin => _channel.Origin;

    /// <summary>Whether the connection belongs to this target object: two listeners may have equal targets.</summary>
    public bool IsFor(ConnectionTarget? target) => ReferenceEquals(Target, target);

    /// <summary>Whether our side has closed the connection: it ends as soon as its threads notice.</summary>
    public bool IsEnding => Volatile.Read(ref _closeReason) is not null;

    /// <summary>Whether another connection was given its place already. For <see cref="ConnectionTable"/>.</summary>
    public bool HasGivenWay { get; private set; }

    /// <summary>How far the peer's handshake has come.</summary>
    public PeerTrust Trust => _trust;

    /// <summary>Whether the reader thread waits for the peer to send something.</summary>
    public bool IsReading => _liveness.Reader == ReaderActivity.Reading;

    /// <summary>The time of the peer's last request, or else of its connecting: a timestamp of the agent's clock.</summary>
    public long LastRequest => Volatile.Read(ref _lastRequest);

    public OutboundQueue Out { get; }

    /// <summary>Touched only with the control lock and <see cref="OutboundQueue.Appending"/> held.</summary>
    public ControllerSession Session { get; }

    private TimeProvider Time => _agent.Options.TimeProvider;

    // Under TLS 1.3 our handshake ends before a controller has judged our certificate.
    private bool MayBeRefused => !IsPassive && Target.NeedsTls && _trust == PeerTrust.Unknown;

    /// <summary>Under the control lock, any thread.</summary>
    public ControllerStatus ReadStatus() => new(
        $"{Name}", IsPassive, Session.IsNegotiated ? ControllerState.Connected : ControllerState.Connecting,
        Time.GetElapsedTime(Volatile.Read(ref _stateSince)), Session.Role, Latency: Session.Latency, Requests: Session.RequestCount, DroppedPacketIns: Out.DroppedPacketIns);

    /// <summary>Starts the writer; before <see cref="Serve"/> or <see cref="Run"/>.</summary>
    /// <returns>False if the system has no thread left.</returns>
    public bool TryStartWriter()
    {
        _writer = _agent.Table.TryStartThread($"{Name} writer", WriteLoop, this);
        return _writer is not null;
    }

    /// <summary>Serves the connection on the calling thread until it ends, and says why it did. Does not throw.</summary>
    public void Serve()
    {
        string reason = Run();
        if (_gaveUpFor is { } common)
        {
            _agent.Refusals.Note($"{Name}", common);
        }
        else
        {
            AgentLog.Ended(_agent.Log, Name, _trust, reason);
        }
    }

    /// <summary>As <see cref="Serve"/>, but returns the reason of the end instead of logging it.</summary>
    public string Run()
    {
        try
        {
            Open();
            _liveness.Touch();
            using (_agent.Control.EnterWithoutTable())
            {
                lock (Out.Appending)
                {
                    Session.Start();
                }
                _agent.Sessions.Add(this);
            }
            Out.Flush(_channel.Stream);
            ReadLoop();
        }
        catch (TlsException exception)
        {
            NoteEnd($"refused: {exception.Message}");
        }
        catch (Exception exception) when (IsConnectionLoss(exception))
        {
            NoteEnd(TlsHandshake.DescribeLoss(exception, MayBeRefused));
        }
        catch (Exception exception)
        {
            // A defect of ours must not take the switch down with it; the peer may connect again.
            NoteEnd($"closed after an internal error: {exception.GetType().Name}: {exception.Message}");
        }
        End();
        return _closeReason!;
    }

    /// <summary>Ends the connection at once, so that another can have its place: the peer gets no time to read our last messages.</summary>
    public void GiveWay()
    {
        HasGivenWay = true;
        GiveUp("closed: it gave way to another, for which there was no room");
    }

    /// <summary>Ends the connection from any thread. The first reason counts.</summary>
    public void Close(string reason)
    {
        NoteEnd(reason);
        _channel.Abort();
    }

    /// <summary>As <see cref="Close"/>, for a reason that may end many connections: the log counts these instead of naming each.</summary>
    public void GiveUp(string reason)
    {
        if (!IsEnding)
        {
            _gaveUpFor = reason;
        }
        Close(reason);
    }

    /// <summary>Ends a connection that was never served.</summary>
    public void Discard()
    {
        EndWriter();
        Release();
    }

    /// <summary>Closes the connection if the peer's handshake, or the rest of its message, takes too long. Called from time to time.</summary>
    public void CheckPatience()
    {
        if (!IsEnding && _timeout.IsOver)
        {
            GiveUp(!_isOpen ? $"refused: no TLS handshake within {PeerTimeout.Grace.TotalSeconds:0} s"
                : _trust == PeerTrust.Unknown ? $"refused: no HELLO within {PeerTimeout.Grace.TotalSeconds:0} s"
                : $"closed: the rest of a message did not come within {PeerTimeout.Grace.TotalSeconds:0} s and a second for each KiB");
        }
    }

    /// <summary>Asks a peer for an echo once an interval; closes if it has been silent too long. Under the control lock, from time to time.</summary>
    public void Probe()
    {
        switch (_liveness.Look(_channel, isBusy: Session.IsNegotiated))
        {
            case ProbeDecision.Close:
                Close($"no sign of life for {_liveness.Patience.TotalSeconds:0.#} s");
                break;
            case ProbeDecision.Ask:
                lock (Out.Appending)
                {
                    Session.SendProbe();
                }
                break;
        }
    }

    /// <summary>A command of this connection releases the control lock for a while. Other threads may append messages meanwhile.</summary>
    void ICommandHost.OnLeaving()
    {
        Out.EndReader();
        if (Out.Pending.Length > 0)
        {
            Out.Wake();
        }
        Out.Appending.Exit();
    }

    void ICommandHost.OnEntered()
    {
        Out.Appending.Enter();
        Out.BeginReader();
    }

    private static bool IsConnectionLoss(Exception exception) =>
        exception is IOException or SocketException or ObjectDisposedException;

    private void NoteEnd(string reason) => Interlocked.CompareExchange(ref _closeReason, reason, null);

    /// <summary>Opens the channel of a listener's peer, on the connection's own thread: a peer that stalls in its handshake must not delay others.</summary>
    private void Open()
    {
        if (IsPassive)
        {
            _timeout.BeginWait(received: 0);
            _channel.Open(CancellationToken.None);
            _timeout.EndWait();
        }
        _isOpen = true;
    }

    /// <summary>Reads some bytes. While the switch waits for a handshake or the rest of a message, the peer's time runs.</summary>
    private int Read()
    {
        if (_framer.Pending > 0 || (IsPassive && !Session.IsNegotiated))
        {
            _timeout.BeginWait(_framer.Pending);
        }
        int count = _channel.Stream.Read(_framer.Free().Span);
        _timeout.EndWait();
        return count;
    }

    private void ReadLoop()
    {
        while (_closeReason is null)
        {
            int count = Read();
            if (count == 0)
            {
                NoteEnd(_framer.Pending > 0 ? "closed by the peer in the middle of a message" : TlsHandshake.DescribeEnd(MayBeRefused));
                return;
            }
            _framer.Advance(count);
            int pending = _framer.Pending;
            HandleChunk();
            if (_framer.Pending < pending)
            {
                _timeout.Reset(); // a message was complete
            }
        }
        Out.EndSending(_channel);
        _framer.Reset();
        LingeringClose.Drain(_channel, _framer.Free().Span);
    }

    /// <summary>Publishes the peer's trust and the time of its last request, as of the messages handled.</summary>
    private void NoteStanding()
    {
        _trust = Session.IsConfigured ? PeerTrust.Configured : Session.IsNegotiated ? PeerTrust.Greeted : PeerTrust.Unknown;
        if (Session.RequestCount != _requestCount)
        {
            _requestCount = Session.RequestCount;
            Volatile.Write(ref _lastRequest, _liveness.LastSign);
        }
    }

    private void HandleChunk()
    {
        (bool wasNegotiated, bool wasConfigured) = (Session.IsNegotiated, Session.IsConfigured);
        bool hadError = Session.FirstError is not null;
        _liveness.Touch();
        bool hasMore = true;
        while (hasMore && _closeReason is null)
        {
            _liveness.Reader = ReaderActivity.Handling;
            hasMore = HandleMessages(out bool isHeldUp);
            NoteStanding();
            if (isHeldUp)
            {
                Thread.Sleep(1);
            }
            _liveness.Touch();
            _liveness.Reader = ReaderActivity.Writing;
            Out.Flush(_channel.Stream);
            if (hasMore)
            {
                _liveness.Touch(); // a peer that reads a long reply slowly is alive, too
            }
        }
        _liveness.Reader = ReaderActivity.Reading;
        if (!wasNegotiated && Session.IsNegotiated)
        {
            Volatile.Write(ref _stateSince, Time.GetTimestamp());
            AgentLog.Connected(_agent.Log, IsPassive ? LogLevel.Debug : LogLevel.Information, Name);
        }
        if (!wasConfigured && Session.IsConfigured && IsPassive)
        {
            AgentLog.PeerConfigured(_agent.Log, Name);
            _agent.Table.Remember(Origin);
        }
        if (!hadError && Session.FirstError is OfError error)
        {
            AgentLog.ErrorReported(_agent.Log, Name, error.Name);
        }
        _agent.LogWidened(Name);
    }

    /// <param name="isHeldUp">Whether the next message has to wait for an event other than the control lock.</param>
    /// <returns>Whether messages are left: another thread waits for the lock, or the next message needs the flow table.</returns>
    private bool HandleMessages(out bool isHeldUp)
    {
        bool withTable = NeedsTable();
        using ControlScope scope = withTable ? _agent.Control.Enter(this) : _agent.Control.EnterWithoutTable();
        lock (Out.Appending)
        {
            Out.BeginReader();
            try
            {
                bool hasMore = HandleMessagesLocked(withTable);
                isHeldUp = hasMore && (Session.IsHeldUp || (_agent.Control.Flows.Removed.IsShortOfEntries && NeedsTable()));
                return hasMore;
            }
            finally
            {
                Out.EndReader();
            }
        }
    }

    private bool HandleMessagesLocked(bool withTable)
    {
        if (_closeReason is null && Session.HasUnfinishedReply)
        {
            Session.ContinueReply();
            return HasMore;
        }
        while (_closeReason is null && Out.Pending.Length <= OutboundQueue.ReplyLimit)
        {
            if ((!withTable || _agent.Control.Flows.Removed.IsShortOfEntries) && NeedsTable())
            {
                return true;
            }
            if (!TryFrame(out ReadOnlySpan<byte> message))
            {
                return false;
            }
            if (Session.Handle(message) == SessionResult.Close)
            {
                NoteEnd($"closed: {Session.CloseReason}");
                return false;
            }
            // Statistics and barriers may take long, so the thread handles only one of them each time it takes the control lock.
            if ((OfType)message[1] is OfType.StatsRequest or OfType.BarrierRequest || _agent.Control.Lock.IsOverdue)
            {
                return HasMore;
            }
        }
        return true;
    }

    private bool HasMore => Session.HasUnfinishedReply || _framer.Pending > 0;

    /// <summary>Whether the next message, or the unfinished reply, uses flow entries.</summary>
    private bool NeedsTable() => Session.HasUnfinishedReply
        ? Session.NeedsTable
        : OfHeader.TryDecode(_framer.PendingBytes, out OfHeader next) && next.Type is OfType.FlowMod or OfType.StatsRequest;

    private bool TryFrame(out ReadOnlySpan<byte> message)
    {
        if (!Session.IsNegotiated && OfHeader.TryDecode(_framer.PendingBytes, out OfHeader first) && !Handshake.IsPlausibleStart(first))
        {
            message = _framer.PendingBytes; // its length field means nothing
            return true;
        }
        FramingResult result = _framer.TryRead(out message);
        if (result == FramingResult.BadLength)
        {
            Session.RefuseFraming(_framer.PendingBytes);
            NoteEnd("closed: a message said to be shorter than its header");
        }
        return result == FramingResult.Message;
    }

    private void WriteLoop()
    {
        try
        {
            for (Out.WaitForWake(); !_ended; Out.WaitForWake())
            {
                Out.Flush(_channel.Stream);
            }
        }
        catch (Exception exception) when (IsConnectionLoss(exception))
        {
            Close(TlsHandshake.DescribeLoss(exception, MayBeRefused));
        }
    }

    private void End()
    {
        // Losing a controller may be an emergency. Other peers end without the table, so that a newcomer gets their place without waiting for a long command.
        using (!IsPassive || Session.IsConfigured ? _agent.Control.Enter() : _agent.Control.EnterWithoutTable())
        {
            _agent.Remove(this);
            Session.End();
        }
        EndWriter();
        long dropped = Out.DroppedPacketIns;
        NoteEnd("closed");
        _closeReason += Session.OpenOffer is OfVersions offer ? $"; it offered {offer}, this switch speaks 1.0" : "";
        _closeReason += dropped == 0 ? "" : $"; {dropped} packet-ins were dropped because it read too slowly";
        Release();
    }

    private void EndWriter()
    {
        _channel.Abort();
        _ended = true;
        Out.Wake();
        _writer?.Join();
    }

    private void Release()
    {
        Out.Dispose();
        OfFramer.Pool.Return(_framer);
        _channel.Dispose();
        _agent.Table.Remove(this);
    }
}
