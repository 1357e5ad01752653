using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;
using Softswitch.OfAgent.Connections;
using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Agent;

/// <summary>The switch side of OpenFlow 1.0: connects, listens, and puts controllers in charge of a datapath.</summary>
/// <remarks>
/// <para>
/// Threads: one per controller that is connected to, one per listener, two per connection, a timer for probes. All of them enter the
/// datapath through its lock (<see cref="DatapathControl.Enter"/>). <see cref="IControlEvents"/> is called with the control lock held and never blocks.
/// </para>
/// <para>
/// Who gets packets without a flow entry. If controllers are configured: they do while at least one is connected; peers of listeners are
/// management tools, which get events only after SET_CONFIG with a miss_send_len above 0, like Open vSwitch's service
/// connections, and do not count. While no controller is there they get, in fail mode secure, what would be dropped. If none is configured,
/// a peer of a listener may be the controller: it gets events at once, and
/// counts from its SET_CONFIG on (in fail mode secure, where nothing is lost by it, from its FEATURES_REQUEST on). While nobody counts,
/// the fail mode decides.
/// </para>
/// </remarks>
internal sealed partial class SwitchAgent : IControlEvents, IDisposable
{
    /// <summary>What always works, told to controllers.</summary>
    public const OfCapabilities Capabilities =
        OfCapabilities.FlowStats | OfCapabilities.TableStats | OfCapabilities.PortStats | OfCapabilities.QueueStats
        | OfCapabilities.ArpMatchIp | OfCapabilities.IpReassembly;

    /// <summary>What works on this datapath: <see cref="Capabilities"/> and what it was given besides.</summary>
    public static OfCapabilities CapabilitiesOf(DatapathControl control) =>
        Capabilities | (control.HasSpanningTree ? OfCapabilities.Stp : OfCapabilities.None);

    /// <summary>Peers of listeners at a time; see <see cref="ConnectionTable"/> for who gives way to one more.</summary>
    public const int MaxPassiveConnections = 64;

    /// <summary>Why connections end with the agent.</summary>
    internal const string Ending = "closed: the switch ends";

    private const int ThreadTries = 50;
    private const int ThreadRetryMilliseconds = 10;

    /// <summary>For how long a controller that another process had is waited for.</summary>
    internal static readonly TimeSpan PresumedFor = TimeSpan.FromSeconds(3);

    private static readonly TimeSpan LongestProbeTick = TimeSpan.FromSeconds(1);

    private readonly List<ControllerConnection> _connections = []; // under the control lock
    private readonly Dictionary<OfError, long> _refusedFlowMods = []; // under the control lock
    private readonly List<Thread> _threads = [];
    private readonly CancellationTokenSource _stopping = new();
    private readonly ContactWatch _contact; // under the control lock
    private ITimer? _probeTimer;
    private int _isProbing;
    private bool _hasOwnController;
    private long? _presumedSince;
    private long _droppedPacketInsBefore;
    private long _endedConnections;
    private bool _disposed;

    /// <summary>Takes over <see cref="DatapathControl.Events"/> and <see cref="DatapathControl.MissBehaviour"/>; opens nothing yet.</summary>
    public SwitchAgent(DatapathControl control, AgentOptions options)
    {
        Control = control;
        _options = options;
        _contact = new ContactWatch(control, options);
        Table = new ConnectionTable(options.TimeProvider);
        Refusals = new RefusalLog(refusal => AgentLog.Refused(options.Log, refusal), options.TimeProvider);
        using (control.EnterWithoutTable())
        {
            control.Events = this;
            OnSessionChanged();
        }
    }

    /// <summary>Under the control lock. Whether the program that runs the switch takes packet-ins itself: a controller that is always there.</summary>
    public bool HasOwnController
    {
        get => _hasOwnController;
        set
        {
            _hasOwnController = value;
            ChooseMissBehaviour();
        }
    }

    internal DatapathControl Control { get; }

    /// <summary>Any thread; what is decided under the control lock goes by what they are then.</summary>
    internal AgentOptions Options => _options;

    internal ConnectionTable Table { get; }

    internal RefusalLog Refusals { get; }

    /// <summary>Told of flow-mods under the control lock.</summary>
    internal WidenedMatchNotice Widened { get; } = new();

    /// <summary>How often connections are looked at for signs of life.</summary>
    internal TimeSpan ProbeTick => Options.ProbeInterval < LongestProbeTick ? Options.ProbeInterval : LongestProbeTick;

    /// <summary>Memory for a flow-mod's decoded actions: for whoever has the table, also while it lets others in.</summary>
    internal FlowAction[] FlowModActions { get; } = new FlowAction[OfActions.MaxCount];

    /// <summary>Memory for a packet-out's decoded actions; under the control lock.</summary>
    internal FlowAction[] PacketOutActions { get; } = new FlowAction[OfActions.MaxCount];

    /// <summary>Where it listens, each to be paused and resumed by <see cref="ListeningSocket"/>. After <see cref="Listen()"/>.</summary>
    internal IEnumerable<(ConnectionTarget Target, SocketListener Listener)> Listeners => _listeners.Select(open => (open.Target, open.Socket));

    /// <summary>Under the control lock. Whether there is a controller, or one is presumed to be.</summary>
    internal bool HasContact => _presumedSince != null || _connections.Exists(IsInCharge);

    /// <summary>
    /// Another process had a controller, which is about to connect again: until it has, or <see cref="PresumedFor"/> is over, misses are the controller's
    /// and wait for it. Under the control lock.
    /// </summary>
    internal void PresumeContact()
    {
        _presumedSince = Options.TimeProvider.GetTimestamp();
        Control.HoldsPacketIns = true;
        OnSessionChanged();
    }

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

    /// <summary>How long ago such an interval began for all switches of the process: their looks come together, and wake the machine once.</summary>
    private TimeSpan Since(TimeSpan interval) =>
        Options.TimeProvider == TimeProvider.System ? TimeSpan.FromTicks(Options.TimeProvider.GetElapsedTime(0).Ticks % interval.Ticks) : TimeSpan.Zero;

    /// <summary>Listens, and serves nobody yet: who connects waits. Errors as <see cref="Start"/>.</summary>
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

    /// <summary>Whether every connection waits for its peer, for tests.</summary>
    internal bool IsIdle
    {
        get
        {
            using (Control.EnterWithoutTable())
            {
                return _connections.TrueForAll(connection => connection.IsReading);
            }
        }
    }

    public IReadOnlyList<ConnectionStatus> ReadConnections()
    {
        using (Control.EnterWithoutTable())
        {
            return
            [
                .. _connections.Select(c => new ConnectionStatus(
                    $"{c.Name}", c.IsPassive, c.Session.IsNegotiated, c.Session.Role, c.Out.DroppedPacketIns)),
            ];
        }
    }

    /// <summary>Configured controllers, connected or not, then the peers of listeners. Under the control lock, after <see cref="Start"/>.</summary>
    public IReadOnlyList<ControllerStatus> ReadControllers() =>
        [.. _connectors.Select(connector => connector.ReadStatus()), .. _connections.Where(connection => connection.IsPassive).Select(connection => connection.ReadStatus())];

    /// <summary>Flow-mods answered with an error, by OpenFlow's name for it. Under the control lock.</summary>
    public IReadOnlyDictionary<string, long> ReadRefusedFlowMods() => _refusedFlowMods.ToDictionary(refused => refused.Key.Name, refused => refused.Value);

    /// <summary>Connections on which HELLOs were exchanged, ever. Under the control lock.</summary>
    public long EstablishedConnections => _endedConnections + _connections.Count(connection => connection.Session.IsNegotiated);

    /// <summary>Packet-ins lost by slow readers, over all connections there were. Under the control lock.</summary>
    public long DroppedPacketIns => _droppedPacketInsBefore + _connections.Sum(connection => connection.Out.DroppedPacketIns);

    public void OnPacketIn(in PacketIn packetIn)
    {
        foreach (ControllerConnection connection in _connections)
        {
            lock (connection.Out.Appending)
            {
                connection.Session.OnPacketIn(packetIn);
            }
        }
    }

    public long OnFlowsRemoved(int limit, bool force)
    {
        long taken = long.MaxValue;
        foreach (ControllerConnection connection in _connections)
        {
            bool fits;
            lock (connection.Out.Appending)
            {
                fits = connection.Session.TakeFlowRemoved(limit, force);
            }
            CloseIfFull(connection, fits);
            taken = Math.Min(taken, connection.Session.FlowRemovedTaken);
        }
        return taken;
    }

    public void OnPortStatus(PortStatusReason reason, in PortDescription port)
    {
        foreach (ControllerConnection connection in _connections)
        {
            bool fits;
            lock (connection.Out.Appending)
            {
                fits = connection.Session.OnPortStatus(reason, port);
            }
            CloseIfFull(connection, fits);
        }
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
        while (TakeThread() is Thread thread)
        {
            thread.Join();
        }
        _stopping.Dispose();
    }

    /// <summary>Whether such a connection is for management only: a peer of a listener beside configured controllers.</summary>
    internal bool IsManagement(bool isPassive) => isPassive && Options.Controllers.Count > 0;

    internal ILogger Log => Options.Log;

    /// <summary>Under the control lock.</summary>
    internal void Add(ControllerConnection connection)
    {
        if (!connection.IsEnding) // its controller may have been removed meanwhile
        {
            _connections.Add(connection);
        }
    }

    /// <summary>Under the control lock: a flow-mod is answered with an error.</summary>
    internal void CountRefusedFlowMod(OfError error) => CollectionsMarshal.GetValueRefOrAddDefault(_refusedFlowMods, error, out _)++;

    /// <summary>Under the control lock, and with the table if it may be a controller: emergency mode may be due.</summary>
    internal void Remove(ControllerConnection connection)
    {
        if (!_connections.Remove(connection))
        {
            return;
        }
        _droppedPacketInsBefore += connection.Out.DroppedPacketIns;
        _endedConnections += connection.Session.IsNegotiated ? 1 : 0;
        OnSessionChanged();
    }

    /// <summary>Under the control lock: someone came, went, or asked for packets.</summary>
    internal void OnSessionChanged()
    {
        if (_presumedSince is { } since && (_connections.Exists(IsInCharge) || Options.TimeProvider.GetElapsedTime(since) > PresumedFor))
        {
            _presumedSince = null;
            Control.HoldsPacketIns = false;
        }
        ChooseMissBehaviour();
        if (!_stopping.IsCancellationRequested)
        {
            _contact.Note(_presumedSince != null || _connections.Exists(IsController));
        }
    }

    private void ChooseMissBehaviour()
    {
        Control.MissBehaviour = _hasOwnController || HasContact ? MissBehaviour.Controller
            : Options.FailMode == FailMode.Standalone ? MissBehaviour.Normal
            : _connections.Exists(IsMonitor) ? MissBehaviour.Controller
            : MissBehaviour.Drop;
    }

    /// <summary>Under the control lock: at most one connection is master.</summary>
    internal void DemoteMasters()
    {
        foreach (ControllerConnection connection in _connections)
        {
            connection.Session.Demote();
        }
    }

    private static void CloseIfFull(ControllerConnection connection, bool fits)
    {
        if (!fits)
        {
            connection.Close($"closed: it does not read, and {OutboundQueue.StateLimit >> 20} MiB wait for it");
        }
    }

    private bool IsInCharge(ControllerConnection connection)
    {
        ControllerSession session = connection.Session;
        if (!session.IsNegotiated || IsManagement(connection.IsPassive))
        {
            return false;
        }
        return !connection.IsPassive || session.IsConfigured || (Options.FailMode == FailMode.Secure && session.IsIntroduced);
    }

    /// <summary>Whether this management tool asked for packets: what would be dropped while no controller is there, it is shown.</summary>
    private bool IsMonitor(ControllerConnection connection) => IsManagement(connection.IsPassive) && connection.Session.WantsPacketIns;

    /// <summary>Whether losing this connection is losing contact: a tool that looks in through a listener and leaves is no controller.</summary>
    private bool IsController(ControllerConnection connection) =>
        connection.Session.IsNegotiated && !IsManagement(connection.IsPassive) && (!connection.IsPassive || connection.Session.IsConfigured);

    /// <summary>After each attempt to reach a controller, and each connection that came of one.</summary>
    /// <param name="worked">HELLOs were exchanged.</param>
    internal void NoteAttempt(bool worked)
    {
        if (!worked)
        {
            using (Control.Enter())
            {
                _contact.NoteFailedAttempt();
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
            news = _contact.TakeNews();
        }
        if (news is not null)
        {
            AgentLog.Emergency(Log, news);
        }
    }

    /// <summary>Starts a thread for a connection, if need be one that another's peer gives up.</summary>
    /// <returns>Null if there is none to be had.</returns>
    internal Thread? TryStartThread(string name, ThreadStart body, ControllerConnection connection)
    {
        Thread? thread = ThreadStarter.TryStart(name, body);
        _lacksThreads = thread is null;
        if (thread is null && Table.TryMakeRoom(connection))
        {
            for (int tries = 0; thread is null && tries < ThreadTries; tries++)
            {
                Thread.Sleep(ThreadRetryMilliseconds); // its threads are about to end
                thread = ThreadStarter.TryStart(name, body);
            }
        }
        return thread;
    }

    /// <summary>Has the end of the agent wait for a thread.</summary>
    /// <returns>False if there is none.</returns>
    private bool Keep(Thread? thread)
    {
        lock (_threads)
        {
            _threads.RemoveAll(t => !t.IsAlive);
            if (thread is not null)
            {
                _threads.Add(thread);
            }
            return thread is not null;
        }
    }

    /// <exception cref="IOException">The system has none left.</exception>
    private Thread StartThread(string name, ThreadStart body)
    {
        Thread? thread = ThreadStarter.TryStart(name, body);
        return Keep(thread) ? thread! : throw new IOException($"{name}: the system has no thread left");
    }

    private Thread? TakeThread()
    {
        lock (_threads)
        {
            Thread? first = _threads.Count == 0 ? null : _threads[0];
            if (first is not null)
            {
                _threads.RemoveAt(0); // listeners first: while they live they may still start others
            }
            return first;
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
            isPresumed = _presumedSince != null;
            foreach (ControllerConnection connection in _connections)
            {
                connection.Probe();
            }
        }
        if (isPresumed)
        {
            using (Control.Enter()) // emergency mode may be due
            {
                OnSessionChanged();
            }
        }
        Volatile.Write(ref _isProbing, 0);
    }
}
