using System.Diagnostics;
using System.Net.Sockets;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Ports;
using Softswitch.OfAgent.Client;
using Softswitch.OfAgent.Connections;
using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Controllers;

/// <summary>
/// What every OpenFlow 1.0 controller does: listens, shakes hands, keeps connections alive, takes messages apart. What to do with them is
/// up to the class derived from it.
/// </summary>
/// <remarks>
/// Threads: one that accepts and one for each switch, born in the network namespace of the thread that calls <see cref="Start"/>. Handlers
/// are called
/// by the switches' threads under <see cref="HandlerLock"/>, one at a time for the whole controller: their state needs no lock of its
/// own.
/// Messages that handlers send, to any switch, leave once all messages of one read are handled; a switch that does not read holds up no
/// handlers.
/// Memory is bounded: a framer for each switch, and the messages that handlers make for one read of at most 64 KiB.
/// </remarks>
public abstract class OfController : IDisposable
{
    private readonly ControllerOptions _options;
    private readonly ConnectionTarget _target;
    private readonly Lock _connecting = new();
    private readonly List<SwitchConnection> _switches = []; // those whose features are known
    private readonly ThreadSet _threads = new();
    private readonly RefusalLog _refusals;
    private readonly CancellationTokenSource _stopping = new();
    private SocketListener? _listener;
    private SwitchConnection[] _channels = []; // all of them; replaced, not changed
    private bool _isStopped;

    /// <exception cref="OfClientException">There is nothing to listen on in <see cref="ControllerOptions.Listen"/>.</exception>
    protected OfController(ControllerOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        if (!ConnectionTarget.TryParse(options.Listen, out ConnectionTarget? target, out string error))
        {
            throw new OfClientException(error);
        }
        if (!target!.IsPassive)
        {
            throw new OfClientException($"{options.Listen}: a target to listen on is needed ({ConnectionTarget.PassiveForms})");
        }
        if (target.NeedsTls && options.Tls is null)
        {
            throw new OfClientException($"{options.Listen}: needs --private-key, --certificate and --ca-cert");
        }
        _target = target;
        _refusals = new RefusalLog(Log, TimeProvider.System);
    }

    /// <summary>Held while a handler runs. Other threads must take it before they touch the controller's state.</summary>
    public Lock HandlerLock { get; } = new();

    /// <summary>The TCP port it listens on, once started.</summary>
    public int Port { get; private set; }

    /// <summary>For people: where it listens, once started, and whether any host may connect there.</summary>
    public string ListeningLine => (_target with { Port = Port }).ListeningLine;

    /// <summary>Switches connected now, also those that have not told what they are.</summary>
    public int SwitchCount => Volatile.Read(ref _channels).Length;

    /// <summary>Switches connected now for which <see cref="OnConnected"/> has been called, in the order of their coming.</summary>
    public IReadOnlyList<SwitchConnection> Switches
    {
        get
        {
            lock (_connecting)
            {
                return [.. _switches];
            }
        }
    }

    /// <summary>The connected switch of this datapath id; null if there is none.</summary>
    public SwitchConnection? Find(ulong datapathId)
    {
        lock (_connecting)
        {
            return _switches.Find(one => one.DatapathId == datapathId);
        }
    }

    /// <summary>Listens and returns; switches are served from now on.</summary>
    /// <exception cref="OfClientException">The address is taken or not ours.</exception>
    public void Start()
    {
        try
        {
            _listener = new SocketListener(_target, _options.Tls);
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
            throw new OfClientException($"{_options.Listen}: {e.Message}", e);
        }
        Port = _listener.Port;
        if (!_threads.Keep(ThreadStarter.TryStart("controller", Accept)))
        {
            throw new OfClientException($"{_options.Listen}: the system has no thread left");
        }
    }

    /// <summary>Closes every connection and waits until the threads are gone.</summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>As <see cref="Dispose()"/>; a derived class ends what it has besides.</summary>
    protected virtual void Dispose(bool disposing)
    {
        lock (_connecting)
        {
            if (!disposing || _isStopped)
            {
                return;
            }
            _isStopped = true;
            _stopping.Cancel();
            Array.ForEach(_channels, one => one.Channel.Abort());
        }
        _listener?.Dispose();
        _threads.Join();
        _stopping.Dispose();
    }

    /// <summary>A switch has told what it is; the first of its messages.</summary>
    protected virtual void OnConnected(SwitchConnection from)
    {
    }

    /// <summary>A switch is gone.</summary>
    protected virtual void OnDisconnected(SwitchConnection from)
    {
    }

    /// <summary>A packet the switch sent up; valid during the call.</summary>
    protected virtual void OnPacketIn(SwitchConnection from, in ReceivedPacketIn packetIn)
    {
    }

    /// <summary>A port came, went or changed.</summary>
    protected virtual void OnPortStatus(SwitchConnection from, PortStatusReason reason, in PortDescription port)
    {
    }

    /// <summary>An entry that was to report its end has ended.</summary>
    protected virtual void OnFlowRemoved(SwitchConnection from, in FlowRemoved removed)
    {
    }

    /// <summary>A part of a reply to a statistics request.</summary>
    /// <param name="xid">Of the request.</param>
    /// <param name="body">Entries; part of the message.</param>
    /// <param name="isLast">Whether no more parts follow.</param>
    protected virtual void OnStatsReply(SwitchConnection from, uint xid, OfStatsType type, ReadOnlySpan<byte> body, bool isLast)
    {
    }

    /// <param name="xid">Of the message it is about.</param>
    protected virtual void OnError(SwitchConnection from, uint xid, OfError error) =>
        Log($"switch {from.DatapathId:x16}: {error.Name}");

    /// <summary>Sends a barrier to each of these switches.</summary>
    /// <param name="onAll">
    /// Called as <see cref="SwitchConnection.Barrier"/> calls, once the last has answered: when each did, in the order given.
    /// </param>
    protected static void BarrierAll(IReadOnlyList<SwitchConnection> switches, Action<IReadOnlyList<long>> onAll)
    {
        ArgumentNullException.ThrowIfNull(switches);
        long[] answered = new long[switches.Count];
        int missing = answered.Length;
        if (missing == 0)
        {
            onAll(answered);
        }
        for (int i = 0; i < answered.Length; i++)
        {
            int place = i;
            switches[i].Barrier(when =>
            {
                answered[place] = when;
                if (--missing == 0) // under the lock, as all of them
                {
                    onAll(answered);
                }
            });
        }
    }

    /// <summary>Calls a handler after this time, unless the controller is disposed of before.</summary>
    protected void Later(TimeSpan time, Action handler) =>
        _ = Task.Delay(time, _stopping.Token).ContinueWith(_ => Handle(handler), _stopping.Token, TaskContinuationOptions.OnlyOnRanToCompletion, TaskScheduler.Default);

    private void Accept()
    {
        while (_listener!.Accept() is IChannel channel)
        {
            var connection = new SwitchConnection(channel);
            string? refusal = null;
            lock (_connecting)
            {
                if (_isStopped)
                {
                    channel.Dispose();
                    return;
                }
                if (channel.IsOneTooMany)
                {
                    refusal = RefusalLog.NoDescriptor;
                }
                else if (_channels.Length >= _options.MaxSwitches)
                {
                    refusal = $"refused: {_options.MaxSwitches} are connected";
                }
                else if (_threads.Keep(ThreadStarter.TryStart("switch " + connection.Peer, () => Serve(connection))))
                {
                    _channels = [.. _channels, connection]; // its thread cannot have ended: it would have to take the lock
                }
                else
                {
                    refusal = RefusalLog.NoThread;
                }
            }
            if (refusal is not null)
            {
                _refusals.Note($"switch at {connection.Peer}", refusal);
                channel.Dispose();
            }
        }
    }

    /// <returns>Whether its features were known.</returns>
    private bool Forget(SwitchConnection connection)
    {
        lock (_connecting)
        {
            _channels = [.. _channels.Where(one => one != connection)];
            return _switches.Remove(connection);
        }
    }

    private void Serve(SwitchConnection connection)
    {
        string why = Run(connection);
        bool wasKnown = Forget(connection);
        connection.Channel.Dispose();
        if (wasKnown)
        {
            Handle(() => OnDisconnected(connection));
        }
        if (!_isStopped)
        {
            Log($"switch {connection.DatapathId:x16} at {connection.Peer}: disconnected: {why}");
        }
    }

    /// <returns>Why it ended, for people.</returns>
    private string Run(SwitchConnection connection)
    {
        var stream = new TimeoutStream(connection.Channel);
        bool isProbed = false;
        try
        {
            using (CancellationTokenSource limit = new(_options.ProbeInterval))
            {
                connection.Channel.Open(limit.Token);
            }
            connection.Channel.Stream.WriteTimeout = (int)_options.ProbeInterval.TotalMilliseconds;
            connection.Send(HelloMessage.Write);
            connection.Send(FeaturesMessage.WriteRequest);
            connection.Send((buffer, xid) => ConfigMessage.WriteSet(buffer, xid, new SwitchConfig(OfConfigFlags.FragmentsNormal, _options.MissSendLength)));
            while (true)
            {
                connection.Flush();
                if (!stream.TryRead(_options.ProbeInterval, out int count))
                {
                    if (isProbed)
                    {
                        return "it did not answer an echo request";
                    }
                    connection.Send((buffer, xid) => EchoMessage.WriteRequest(buffer, xid));
                    isProbed = true;
                    continue;
                }
                isProbed = false;
                long now = Stopwatch.GetTimestamp();
                if (count == 0)
                {
                    return connection.WriteFailure ?? "it closed the connection";
                }
                if (TakeAll(connection, stream, now) is { } why)
                {
                    connection.Flush(); // the reason; a switch that has just come may not be among all yet
                    return why;
                }
            }
        }
        catch (OperationCanceledException)
        {
            return "it did not finish the TLS handshake";
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException or TlsException)
        {
            return connection.WriteFailure ?? (e is TlsException ? e : e.InnerException ?? e).Message;
        }
    }

    /// <summary>
    /// Handles all complete messages, then sends the messages that handlers made: a switch that asks much gets its answers in few, long writes.
    /// </summary>
    /// <returns>Why the connection cannot go on; null if it can.</returns>
    private string? TakeAll(SwitchConnection connection, TimeoutStream stream, long now)
    {
        string? failure = null;
        lock (HandlerLock)
        {
            while (failure is null && stream.TryTake(out ReadOnlySpan<byte> message, out OfHeader header, out failure))
            {
                OfVersions spoken = OfVersions.SpokenIn(message, header);
                if (spoken.Include10)
                {
                    Take(connection, message, header, now);
                    continue;
                }
                uint xid = header.Xid;
                connection.Send((buffer, _) => ErrorMessage.Write(buffer, xid, OfError.HelloIncompatible, "OpenFlow 1.0 is spoken here"u8));
                failure = $"speaks {spoken}; this controller 1.0";
            }
        }
        FlushAll();
        return failure is null ? null : $"it {failure}";
    }

    private void Take(SwitchConnection connection, ReadOnlySpan<byte> message, OfHeader header, long now)
    {
        switch (header.Type)
        {
            case OfType.EchoRequest:
                byte[] body = EchoMessage.BodyOf(message).ToArray();
                connection.Send((buffer, _) => EchoMessage.WriteReply(buffer, header.Xid, body));
                break;
            case OfType.FeaturesReply when !connection.IsKnown:
                TakeFeatures(connection, message);
                break;
            case OfType.BarrierReply:
                connection.TakeBarrier(header.Xid)?.Invoke(now);
                break;
            case OfType.PacketIn when PacketInMessage.TryDecode(message, out ReceivedPacketIn packetIn, out _):
                OnPacketIn(connection, packetIn);
                break;
            case OfType.PortStatus when PortStatusMessage.TryDecode(message, out PortStatusReason reason, out PortDescription port, out _):
                OnPortStatus(connection, reason, port);
                break;
            case OfType.FlowRemoved when FlowRemovedMessage.TryDecode(message, out FlowRemoved removed, out _):
                OnFlowRemoved(connection, removed);
                break;
            case OfType.StatsReply when StatsMessage.TryDecode(message, out OfStatsType type, out ushort flags, out ReadOnlySpan<byte> entries, out _):
                OnStatsReply(connection, header.Xid, type, entries, (flags & StatsMessage.ReplyMore) == 0);
                break;
            case OfType.Error when ErrorMessage.TryDecode(message, out OfError error, out _, out _):
                OnError(connection, header.Xid, error);
                break;
            default:
                break; // hello, echo and late replies
        }
    }

    private void TakeFeatures(SwitchConnection connection, ReadOnlySpan<byte> message)
    {
        List<PortDescription> ports = [];
        if (!FeaturesMessage.TryDecodeReply(message, ports, out SwitchFeatures features, out _))
        {
            return;
        }
        connection.IsKnown = true;
        connection.DatapathId = features.DatapathId;
        connection.Ports = ports;
        connection.Capabilities = features.Capabilities;
        OnConnected(connection);
        lock (_connecting)
        {
            _switches.Add(connection);
        }
        string noun = ports.Count == 1 ? "port" : "ports";
        Log($"switch {connection.DatapathId:x16} at {connection.Peer}: {ports.Count} {noun}, {features.BufferCount} buffers");
    }

    private void Handle(Action action)
    {
        lock (HandlerLock)
        {
            action();
        }
        FlushAll();
    }

    private void FlushAll()
    {
        foreach (SwitchConnection connection in Volatile.Read(ref _channels))
        {
            connection.Flush();
        }
    }

    private void Log(string line) => _options.Log?.Invoke(_options.Name.Length == 0 ? line : $"{_options.Name}: {line}");
}
