using System.Net.Sockets;
using Softswitch.OfAgent.Connections;
using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Agent;

/// <summary>One connection: its threads, its bytes, its end.</summary>
/// <remarks>
/// <code>
/// reader thread:  read a chunk > enter the gate > handle its messages, append replies > leave the gate > write
/// writer thread:  woken when others append packet-ins, flow-removed, port-status > write
/// </code>
/// A peer that does not read blocks these two threads and nobody else.
/// </remarks>
internal sealed class ControllerConnection
{
    /// <summary>How long the peer may take to read our last words and close.</summary>
    private const int FarewellMilliseconds = 1000;

    /// <summary>How much is read and thrown away meanwhile; closing with bytes unread would reset the connection under our last words.</summary>
    private const int FarewellBytes = 1024 * 1024;

    private readonly SwitchAgent _agent;
    private readonly IChannel _channel;
    private readonly OfFramer _framer = OfFramer.Pool.Get();
    private string? _closeReason;
    private long _lastActivity;
    private int _probesSent;
    private volatile bool _ended;

    public ControllerConnection(SwitchAgent agent, IChannel channel, string name, bool isPassive)
    {
        _agent = agent;
        _channel = channel;
        Name = name;
        IsPassive = isPassive;
        Session = new ControllerSession(agent, Out, isPassive);
    }

    /// <summary>For the log.</summary>
    public string Name { get; }

    public bool IsPassive { get; }

    public OutboundQueue Out { get; } = new();

    /// <summary>Touched only with the gate and <see cref="OutboundQueue.Appending"/> held.</summary>
    public ControllerSession Session { get; }

    private TimeProvider Time => _agent.Options.TimeProvider;

    /// <summary>Serves the connection on the calling thread until it ends. Does not throw.</summary>
    /// <returns>Why it ended.</returns>
    public string Run()
    {
        Thread writer = new(WriteLoop) { IsBackground = true, Name = $"{Name} writer" };
        Touch();
        try
        {
            lock (_agent.Control.Gate)
            {
                lock (Out.Appending)
                {
                    Session.Start();
                }
                _agent.Add(this);
            }
            writer.Start();
            Out.Flush(_channel.Stream);
            ReadLoop();
        }
        catch (Exception exception) when (IsConnectionLoss(exception))
        {
            NoteEnd($"connection lost: {(exception.InnerException ?? exception).Message}");
        }
        catch (Exception exception)
        {
            // A defect of ours must not take the switch down with it; the peer may connect again.
            NoteEnd($"closed after an internal error: {exception.GetType().Name}: {exception.Message}");
        }
        End(writer);
        return _closeReason!;
    }

    /// <summary>Ends the connection from any thread. The first reason counts.</summary>
    public void Close(string reason)
    {
        NoteEnd(reason);
        _channel.Abort();
    }

    /// <summary>Asks an idle peer for an echo; closes if it has been silent too long. Under the gate, from time to time.</summary>
    public void Probe()
    {
        TimeSpan interval = _agent.Options.ProbeInterval;
        TimeSpan silence = Time.GetElapsedTime(Volatile.Read(ref _lastActivity));
        int intervals = (int)(silence / interval);
        // At the next look it might be too late: without a controller the fail mode is due within the three intervals.
        if (silence + _agent.ProbeTick > interval * AgentOptions.ProbesUntilClose)
        {
            Close($"no sign of life for {(interval * AgentOptions.ProbesUntilClose).TotalSeconds:0.#} s");
            return;
        }
        if (intervals > _probesSent)
        {
            lock (Out.Appending)
            {
                Session.SendProbe();
            }
        }
        _probesSent = intervals;
    }

    private static bool IsConnectionLoss(Exception exception) =>
        exception is IOException or SocketException or ObjectDisposedException;

    private void NoteEnd(string reason) => Interlocked.CompareExchange(ref _closeReason, reason, null);

    private void Touch() => Volatile.Write(ref _lastActivity, Time.GetTimestamp());

    private void ReadLoop()
    {
        while (_closeReason is null)
        {
            int count = _channel.Stream.Read(_framer.Free().Span);
            if (count == 0)
            {
                NoteEnd(_framer.Pending == 0 ? "closed by the peer" : "closed by the peer in the middle of a message");
                return;
            }
            _framer.Advance(count);
            HandleChunk();
        }
        Farewell();
    }

    private void HandleChunk()
    {
        bool wasNegotiated = Session.IsNegotiated;
        bool hadError = Session.FirstError is not null;
        bool more;
        Touch();
        do
        {
            more = HandleMessages();
            Out.Flush(_channel.Stream);
        }
        while (more && _closeReason is null);
        if (!wasNegotiated && Session.IsNegotiated)
        {
            _agent.Log($"{Name}: connected");
        }
        if (!hadError && Session.FirstError is OfError error)
        {
            _agent.Log($"{Name}: the peer reports {error.Name}; further errors of it are not shown");
        }
    }

    /// <returns>Whether messages are left: the gate was left because someone else may have waited for long enough.</returns>
    private bool HandleMessages()
    {
        lock (_agent.Control.Gate)
        {
            lock (Out.Appending)
            {
                Out.BeginReader();
                try
                {
                    return HandleMessagesLocked();
                }
                finally
                {
                    Out.EndReader();
                }
            }
        }
    }

    private bool HandleMessagesLocked()
    {
        if (Session.HasUnfinishedReply)
        {
            Touch(); // it took the part before: a peer that reads a long reply slowly is alive, too
            Session.ContinueReply();
            return true;
        }
        while (Out.Pending.Length <= OutboundQueue.ReplyLimit)
        {
            if (!TryFrame(out ReadOnlySpan<byte> message))
            {
                return false;
            }
            if (Session.Handle(message) == SessionResult.Close)
            {
                NoteEnd($"closed: {Session.CloseReason}");
                return false;
            }
            // Statistics and barriers take their time: one of them per visit behind the gate.
            if ((OfType)message[1] is OfType.StatsRequest or OfType.BarrierRequest)
            {
                return true;
            }
        }
        return true;
    }

    private bool TryFrame(out ReadOnlySpan<byte> message)
    {
        if (!Session.IsNegotiated && OfHeader.TryDecode(_framer.PendingBytes, out OfHeader first) && !ControllerSession.IsPlausibleStart(first))
        {
            message = _framer.PendingBytes; // what its length field says means nothing
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

    /// <summary>Lets the peer read the error that explains the end.</summary>
    private void Farewell()
    {
        Out.EndSending(_channel);
        _channel.Stream.ReadTimeout = FarewellMilliseconds;
        for (int left = FarewellBytes; left > 0;)
        {
            _framer.Reset();
            int count = _channel.Stream.Read(_framer.Free().Span);
            if (count == 0)
            {
                return;
            }
            left -= count;
        }
    }

    private void WriteLoop()
    {
        try
        {
            while (true)
            {
                Out.WaitForWake();
                if (_ended)
                {
                    return;
                }
                Out.Flush(_channel.Stream);
            }
        }
        catch (Exception exception) when (IsConnectionLoss(exception))
        {
            Close($"connection lost: {(exception.InnerException ?? exception).Message}");
        }
    }

    private void End(Thread writer)
    {
        lock (_agent.Control.Gate)
        {
            _agent.Remove(this);
            Session.End();
        }
        _channel.Abort();
        _ended = true;
        Out.Wake();
        if (!writer.ThreadState.HasFlag(ThreadState.Unstarted))
        {
            writer.Join();
        }
        long dropped = Out.DroppedPacketIns;
        NoteEnd("closed");
        _closeReason += Session.OpenOffer is OfVersions offer ? $"; it offered {offer}, this switch speaks 1.0" : "";
        _closeReason += dropped == 0 ? "" : $"; {dropped} packet-ins were dropped because it read too slowly";
        Out.Dispose();
        OfFramer.Pool.Return(_framer);
        _channel.Dispose();
    }
}
