using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.OfAgent.Connections;
using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Agent;

/// <summary>The switch side of OpenFlow 1.0: connects, listens, and puts controllers in charge of a datapath.</summary>
/// <remarks>
/// Threads: one per controller that is connected to, one per listener, two per connection, a timer for probes. All of them enter the
/// datapath through its lock (<see cref="DatapathControl.Enter"/>). Any thread may add and remove controllers and listeners, one at a time,
/// without the control lock. Both lists are replaced, never changed in place, so a reader sees a consistent list.
/// </remarks>
internal sealed class SwitchAgent : IDisposable
{
    /// <summary>Capabilities that every datapath has, as controllers are told.</summary>
    public const OfCapabilities Capabilities =
        OfCapabilities.FlowStats | OfCapabilities.TableStats | OfCapabilities.PortStats | OfCapabilities.QueueStats
        | OfCapabilities.ArpMatchIp | OfCapabilities.IpReassembly;

    /// <summary>The capabilities of this datapath: <see cref="Capabilities"/> and those of its options.</summary>
    public static OfCapabilities CapabilitiesOf(DatapathControl control) =>
        Capabilities | (control.HasSpanningTree ? OfCapabilities.Stp : OfCapabilities.None);

    /// <summary>Peers of listeners at a time; <see cref="ConnectionTable"/> says which peer gives way to one more.</summary>
    public const int MaxPassiveConnections = 64;

    /// <summary>Why connections end with the agent.</summary>
    internal const string Ending = "closed: the switch ends";

    private static readonly TimeSpan LongestProbeTick = TimeSpan.FromSeconds(1);

    private readonly ThreadSet _threads = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _changing = new(); // taken before the control lock
    private volatile AgentOptions _options;
    private volatile ControllerConnector[] _connectors = [];
    private volatile OpenListener[] _listeners = [];
    private ITimer? _probeTimer;
    private int _isProbing;
    private bool _disposed;

    /// <summary>Takes over <see cref="DatapathControl.Events"/> and <see cref="PipelineControl.MissBehaviour"/>; opens nothing yet.</summary>
    public SwitchAgent(DatapathControl control, AgentOptions options)
    {
        Control = control;
        _options = options;
        Sessions = new ControllerSessions();
        Misses = new MissPolicy(control, Sessions, options, _stopping.Token);
        Table = new ConnectionTable(options.TimeProvider);
        Refusals = new RefusalLog(refusal => AgentLog.Refused(options.Log, refusal), options.TimeProvider);
        using (control.EnterWithoutTable())
        {
            control.Events = Sessions;
            Misses.Update();
        }
    }

    internal DatapathControl Control { get; }

    /// <summary>The options in force. Any thread; they are changed under the control lock, so a decision under the lock uses the latest.</summary>
    internal AgentOptions Options => _options;

    internal ILogger Log => Options.Log;

    internal ConnectionTable Table { get; }

    internal ControllerSessions Sessions { get; }

    internal MissPolicy Misses { get; }

    internal RefusalLog Refusals { get; }

    /// <summary>Told of flow-mods under the control lock.</summary>
    internal WidenedMatchNotice Widened { get; } = new();

    /// <summary>How often connections are looked at for signs of life.</summary>
    internal TimeSpan ProbeTick => Options.ProbeInterval < LongestProbeTick ? Options.ProbeInterval : LongestProbeTick;

    /// <summary>Memory for a flow-mod's decoded actions. It belongs to the command that has the table's turn, also while the lock is released.</summary>
    internal FlowAction[] FlowModActions { get; } = new FlowAction[OfActions.MaxCount];

    /// <summary>Memory for a packet-out's decoded actions; under the control lock.</summary>
    internal FlowAction[] PacketOutActions { get; } = new FlowAction[OfActions.MaxCount];

    /// <summary>Where it listens, each to be paused and resumed by <see cref="ListeningSocket"/>. After <see cref="Listen()"/>.</summary>
    internal IEnumerable<(ConnectionTarget Target, SocketListener Listener)> Listeners => _listeners.Select(open => (open.Target, open.Socket));

    /// <summary>Listens, where that was not done yet, and starts to connect.</summary>
    /// <exception cref="IOException">A listener's address is unknown or taken; the message names it and the system's reason.</exception>
    /// <exception cref="InvalidOperationException">A target needs TLS and <see cref="AgentOptions.Tls"/> is not there.</exception>
    public void Start()
    {
        Listen();
        foreach (ConnectionTarget target in Options.Controllers)
        {
            Connect(target);
        }
        foreach (OpenListener open in _listeners)
        {
            open.Socket.Socket.Resume();
        }
        _probeTimer = Options.TimeProvider.CreateTimer(_ => ProbeAll(), null, ProbeTick - Since(ProbeTick), ProbeTick);
    }

    /// <summary>Listens but serves no peer yet: peers that connect have to wait. Errors as <see cref="Start"/>.</summary>
    public void Listen()
    {
        if (Options.Tls is null && Options.Listeners.Concat(Options.Controllers).FirstOrDefault(target => target.NeedsTls) is { } bare)
        {
            throw new InvalidOperationException($"{bare}: there is no certificate");
        }
        foreach (ConnectionTarget target in Options.Listeners.Skip(_listeners.Length))
        {
            Listen(target, isPaused: true);
        }
    }

    public IReadOnlyList<ConnectionStatus> ReadConnections()
    {
        using (Control.EnterWithoutTable())
        {
            return
            [
                .. Sessions.All.Select(c => new ConnectionStatus(
                    $"{c.Name}", c.IsPassive, c.Session.IsNegotiated, c.Session.Role, c.Out.DroppedPacketIns)),
            ];
        }
    }

    /// <summary>Configured controllers, connected or not, then the peers of listeners. Under the control lock, after <see cref="Start"/>.</summary>
    public IReadOnlyList<ControllerStatus> ReadControllers() =>
        [.. _connectors.Select(connector => connector.ReadStatus()), .. Sessions.All.Where(connection => connection.IsPassive).Select(connection => connection.ReadStatus())];

    /// <summary>The TCP ports listened on, in the order of <see cref="AgentOptions.Listeners"/>; 0 for a Unix socket.</summary>
    public IReadOnlyList<int> ListenPorts => [.. _listeners.Select(open => open.Socket.Port)];

    /// <summary>Where clients on this host reach the switch, in the order of <see cref="AgentOptions.Listeners"/>.</summary>
    public IReadOnlyList<ConnectionTarget> Reachable => [.. _listeners.Select(open => open.Target.ToReach(open.Socket.Port))];

    /// <summary>Changes the options that take effect at once: fail mode and attempts before an emergency.</summary>
    public void Change(FailMode failMode, int emergencyAttempts) =>
        Change(options => options with { FailMode = failMode, EmergencyAttempts = emergencyAttempts });

    /// <summary>Sets the credentials of new connections. Open connections keep the old credentials.</summary>
    public void UseTls(TlsCredentials? tls)
    {
        Change(options => options with { Tls = tls });
        foreach (OpenListener open in _listeners)
        {
            open.Socket.UseTls(tls);
        }
    }

    /// <summary>Starts to connect to one more controller.</summary>
    /// <exception cref="IOException">The system has no thread left; nothing is changed then.</exception>
    public void AddController(ConnectionTarget target)
    {
        lock (_changing)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            Connect(target);
            Change(options => options with { Controllers = [.. options.Controllers, target] });
        }
    }

    /// <summary>
    /// Removes a controller. When this returns, its messages have no effect any more and the switch sends it nothing; its connection ends by itself. To remove
    /// the last controller is no emergency, as it was intended.
    /// </summary>
    public void RemoveController(ConnectionTarget target)
    {
        lock (_changing)
        {
            if (_connectors.FirstOrDefault(connector => connector.Target == target) is not { } connector)
            {
                return;
            }
            _connectors = [.. _connectors.Where(other => other != connector)];
            Change(
                options => options with { Controllers = [.. options.Controllers.Where(other => other != target)] },
                connector.Target, () => connector.Stop("closed: the controller was removed from the configuration"));
        }
        LogEmergency();
    }

    /// <summary>Listens at one more place.</summary>
    /// <exception cref="IOException">It cannot be listened at; the message names it and the system's reason. Nothing is changed then.</exception>
    public void AddListener(ConnectionTarget target)
    {
        lock (_changing)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            Listen(target);
            Change(options => options with { Listeners = [.. options.Listeners, target] });
        }
    }

    /// <summary>Listens at a place no longer, and ends the connections that were made there. They are sent nothing any more when this returns.</summary>
    public void RemoveListener(ConnectionTarget target)
    {
        lock (_changing)
        {
            if (_listeners.FirstOrDefault(open => open.Target == target) is not { } listener)
            {
                return;
            }
            listener.Socket.Dispose();
            listener.Accepting.Join();
            listener.Admitting.Join(); // a peer it was admitting is among the connections now
            _listeners = [.. _listeners.Where(open => open != listener)];
            List<ConnectionTarget> left = [.. Options.Listeners];
            left.Remove(target);
            Change(
                options => options with { Listeners = left },
                listener.Target, () => Table.Close(listener.Target, $"closed: {target} is not listened on any more"));
        }
        LogEmergency();
    }

    /// <summary>Writes the counters, for another process. Under the control lock.</summary>
    internal void Save(BinaryWriter to)
    {
        to.Write(Misses.HasContact);
        Sessions.Save(to);
    }

    /// <summary>Takes over the counters that <see cref="Save"/> wrote. Under the control lock.</summary>
    internal void Restore(BinaryReader from)
    {
        if (from.ReadBoolean())
        {
            Misses.PresumeContact();
        }
        Sessions.Restore(from);
    }

    /// <summary>Closes all connections and waits for their threads. Not with the control lock held.</summary>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }
        lock (_changing)
        {
            _disposed = true;
        }
        _probeTimer?.Dispose();
        _stopping.Cancel();
        foreach (OpenListener open in _listeners)
        {
            open.Socket.Dispose();
        }
        Table.CloseAll(Ending);
        _threads.Join();
        _stopping.Dispose();
    }

    /// <summary>Under the control lock, and with the table if it may be a controller: emergency mode may be due.</summary>
    internal void Remove(ControllerConnection connection)
    {
        if (Sessions.Remove(connection))
        {
            Misses.Update();
        }
    }

    /// <summary>After each attempt to reach a controller, and each connection that came of one.</summary>
    /// <param name="worked">HELLOs were exchanged.</param>
    internal void NoteAttempt(bool worked)
    {
        if (!worked)
        {
            using (Control.Enter())
            {
                Misses.NoteFailedAttempt();
            }
        }
        LogEmergency();
    }

    /// <summary>A line for the log when emergency mode was entered or left.</summary>
    private void LogEmergency()
    {
        string? news;
        using (Control.EnterWithoutTable())
        {
            news = Misses.TakeNews();
        }
        if (news is not null)
        {
            AgentLog.Emergency(Log, news);
        }
    }

    /// <summary>A line for the log when an entry meets more packets than its match says.</summary>
    internal void LogWidened(ConnectionName connection)
    {
        if (Widened.Take() is { } entry)
        {
            AgentLog.Widened(Log, connection, entry);
        }
    }

    private void ProbeAll()
    {
        Table.CheckPatience();
        if (Interlocked.Exchange(ref _isProbing, 1) != 0)
        {
            return; // the look before still waits for the control lock
        }
        bool isPresumed;
        using (Control.EnterWithoutTable())
        {
            isPresumed = Misses.IsPresumed;
            foreach (ControllerConnection connection in Sessions.All)
            {
                connection.Probe();
            }
        }
        if (isPresumed)
        {
            using (Control.Enter()) // emergency mode may be due
            {
                Misses.Update();
            }
        }
        Volatile.Write(ref _isProbing, 0);
    }

    private void Connect(ConnectionTarget target)
    {
        ControllerConnector connector = new(this, target, _stopping.Token);
        _threads.Start($"connect {target}", connector.Run);
        _connectors = [.. _connectors, connector];
    }

    /// <param name="isPaused">Whether the listener accepts no peer yet.</param>
    private void Listen(ConnectionTarget target, bool isPaused = false)
    {
        try
        {
            target = target with { }; // its own, to tell its connections by: two may listen at port 0
            SocketListener socket = new(target, Options.Tls, Options.TakeListener(target));
            try
            {
                if (isPaused)
                {
                    socket.Socket.Pause();
                }
                Thread accepting = _threads.Start($"listen {target}", () => AcceptLoop(target, socket));
                _listeners = [.. _listeners, new OpenListener(target, socket, accepting, _threads.Start($"admit {target}", () => AdmitLoop(target, socket)))];
            }
            catch
            {
                socket.Dispose();
                throw;
            }
            if (target.IsOpenToAll)
            {
                AgentLog.OpenToAll(Log, target with { Port = socket.Port }, ConnectionTarget.OpenToAllWarning);
            }
        }
        catch (Exception exception) when (exception is SocketException or IOException)
        {
            throw new IOException($"{target}: {exception.Message}", exception);
        }
    }

    /// <param name="leaving">The target whose connections are removed.</param>
    /// <param name="close">Closes these connections. It runs under the lock, as they must not end, and count as lost, before they are removed.</param>
    private void Change(Func<AgentOptions, AgentOptions> change, ConnectionTarget? leaving = null, Action? close = null)
    {
        using (Control.Enter()) // with the table: an emergency may be due
        {
            close?.Invoke();
            _options = change(_options);
            Misses.Configure(_options);
            foreach (ControllerConnection connection in Sessions.All.Where(connection => connection.IsFor(leaving)).ToList())
            {
                Remove(connection);
            }
            Misses.Update();
        }
    }

    private void AcceptLoop(ConnectionTarget target, SocketListener listener) =>
        listener.AcceptAll(() => Table.MayLackThreads, origin => Refuse($"{target} from {origin}", RefusalLog.TooManyWait));

    private void AdmitLoop(ConnectionTarget target, SocketListener listener) => listener.Serve(
        origin => Table.IsKnown(origin) || Options.Controllers.Any(controller => controller.Host == origin),
        channel => Admit(channel, target));

    /// <summary>Serves a peer that was accepted, if there is room for it.</summary>
    private void Admit(IChannel channel, ConnectionTarget target)
    {
        ControllerConnection connection = new(this, channel, new ConnectionName(target, channel.Peer));
        string refusal = "";
        if (channel.IsOneTooMany && !Table.TryMakeRoom(connection))
        {
            refusal = RefusalLog.NoDescriptor;
        }
        else if (!Table.TryAdd(connection) && !(Table.TryMakeRoom(connection) && Table.TryAdd(connection)))
        {
            refusal = $"refused: all {MaxPassiveConnections} places for connections are taken by controllers";
        }
        else if (!connection.TryStartWriter() || !_threads.Keep(Table.TryStartThread($"{connection.Name}", () => Serve(connection), connection)))
        {
            refusal = RefusalLog.NoThread;
        }
        if (refusal.Length > 0)
        {
            connection.Discard();
            Refuse($"{connection.Name}", refusal);
        }
    }

    private void Refuse(string name, string reason)
    {
        if (!_stopping.IsCancellationRequested)
        {
            Refusals.Note(name, reason);
        }
    }

    private void Serve(ControllerConnection connection)
    {
        connection.Serve();
        LogEmergency();
    }

    /// <summary>The time since the interval began. It begins for all switches of the process at once, so that their timers fire together.</summary>
    private TimeSpan Since(TimeSpan interval) =>
        Options.TimeProvider == TimeProvider.System ? TimeSpan.FromTicks(Options.TimeProvider.GetElapsedTime(0).Ticks % interval.Ticks) : TimeSpan.Zero;

    private sealed record OpenListener(ConnectionTarget Target, SocketListener Socket, Thread Accepting, Thread Admitting);
}
