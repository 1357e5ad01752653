using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Packets;
using Softswitch.Hosting.Captures;
using Softswitch.Hosting.Cards;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Logging;
using Softswitch.Hosting.Ports;
using Softswitch.Hosting.Reports;
using Softswitch.Hosting.State;
using Softswitch.Hosting.TakeOver;
using Softswitch.OfAgent.Agent;
using Softswitch.OfAgent.Connections;
using Softswitch.Ports;
using Softswitch.Ports.Linux.Memory;

namespace Softswitch.Hosting;

/// <summary>A running switch: datapath, ports, agent, and the threads that drive them. Disposing ends it.</summary>
/// <remarks>
/// <para>
/// Threads: every member may be used by any, also by handlers of events. Those are called by the control thread, one at a time: while one runs, nobody gets
/// packet-ins and no flow entry times out, so a handler does not wait. One that throws is logged.
/// </para>
/// <code>
/// worker 0..n-1   WorkerThread: forwards
/// control         DatapathControl.Serve: packet-ins, timeouts, link state; then, without the control lock, handlers of events
/// link monitor    SwitchPorts: interfaces that vanish, change and return
/// management      ManagementSocket, where asked for: accepts tools, which Softswitch.Web serves
/// state           StateJournal, where asked for: writes what became of the flow table
/// in-band watch   InBandWatch, where asked for: addresses of the switch's own connections
/// agent's own     one or two for each connection
/// </code>
/// Ports and sockets belong to the network namespace of the thread that calls <c>Start</c>.
/// </remarks>
public sealed partial class SwitchHost : IDisposable, IAsyncDisposable
{
    // A thread ends within milliseconds of being asked to, unless it waits for a worker (GracePeriod) or cannot end at all.
    private static readonly TimeSpan EndPatience = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationTokenSource _failed = new();
    private readonly List<Thread> _threads = [];
    private volatile SwitchOptions _options;
    private readonly SwitchResources _resources;
    private readonly GroupMember _member;
    private readonly HostLeases _leases = new();
    private readonly SwitchCards _cards;
    private readonly ILogger _log;
    private long _memoryShortages;
    private SwitchAgent? _agent;
    private SwitchEvents? _events;
    private SwitchPorts? _ports;
    private InBandWatch? _inBand;
    private StateJournal? _state;
    private Exception? _failure;
    private bool _isStarted;
    private volatile bool _isDisposed;
    private volatile bool _isGiven;

    private SwitchHost(SwitchOptions options, ILogger log, GroupMember member, HandoverTarget? taker)
    {
        _taker = taker;
        _log = log;
        _options = options;
        _member = member;
        _resources = member.Group.Resources;
        Failed = _failed.Token;
        DatapathOptions sizes = options.Datapath with
        {
            DatapathId = options.DatapathId ?? DatapathIdentity.Choose(options.Ports, member.Group.HasOneSwitch ? null : options.Name, line => HostLog.PortTrouble(log, line)),
            AdviseHugePages = HugePages.Advise,
            HasMemory = _resources.Memory is null ? null : HasMemory,
        };
        Control = new DatapathControl(sizes, _resources.Frames);
        _cards = new SwitchCards(Control);
        Name = options.Name ?? taker?.Name ?? $"{Control.DatapathId:x16}";
    }

    internal DatapathControl Control { get; }

    /// <summary>To be added to and removed from while it runs.</summary>
    internal SwitchPorts Ports => _ports!;

    /// <summary>What the NetFPGA cards hold, as <c>netfpga show</c> prints it.</summary>
    /// <exception cref="OptionException">There is none.</exception>
    public IReadOnlyList<string> DescribeCards() => _cards.Show(null);

    /// <param name="name">Of one card; null for all.</param>
    /// <exception cref="OptionException">There is none.</exception>
    internal IReadOnlyList<string> DescribeCards(string? name) => _cards.Show(name);

    /// <summary>What is told of tools.</summary>
    internal ILogger Log => _log;

    /// <summary>The process that it is in.</summary>
    internal SwitchGroup Group => _member.Group;

    /// <summary>Cancelled when a thread ended that must not; <see cref="ThrowIfFailed"/> then says why.</summary>
    public CancellationToken Failed { get; }

    /// <summary>Opens ports, starts forwarding, listens and connects. Without ports it waits for some to be added.</summary>
    /// <param name="options">What to open.</param>
    /// <param name="log">Takes a line for people for each thing that is open and for each event, on any thread; null for nobody.</param>
    /// <exception cref="OptionException">An option is wrong, or something cannot be opened; nothing is left open then.</exception>
    /// <exception cref="PortException">A port cannot be opened, for the reason given; as above.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number of the options is out of its range.</exception>
    public static SwitchHost Start(SwitchOptions options, Action<string>? log = null) =>
        SwitchGroup.StartAlone(options, log ?? (static _ => { }), log == null ? NullLogger.Instance : new LineLogger(log));

    /// <summary>The same, with a log that has levels and fields.</summary>
    /// <param name="options">What to open.</param>
    /// <param name="log">Told of each event, on any thread, sometimes by one that others wait for: it must not block. What is open is told at level Information.</param>
    /// <exception cref="OptionException">As above.</exception>
    /// <exception cref="PortException">As above.</exception>
    /// <exception cref="ArgumentOutOfRangeException">As above.</exception>
    public static SwitchHost Start(SwitchOptions options, ILogger log) => SwitchGroup.StartAlone(options, line => HostLog.News(log, line), log);

    /// <summary>The same, as a switch of a group, with a place of its own for what is open.</summary>
    /// <param name="options">What to open.</param>
    /// <param name="say">Takes a line for each thing that is open.</param>
    /// <param name="log">Told of each event.</param>
    /// <exception cref="OptionException">Something cannot be opened; nothing is left open then.</exception>
    /// <exception cref="PortException">A port cannot be opened; as above.</exception>
    /// <param name="taker">What to go on with of a running switch; null for a fresh one. Stays the caller's.</param>
    /// <param name="member">What it is in its group.</param>
    internal static SwitchHost Start(SwitchOptions options, Action<string> say, ILogger log, HandoverTarget? taker, GroupMember member)
    {
        StateFolder? state = options.State == null || taker != null ? null : StateFolder.Open(options.State, log);
        SwitchHost host;
        try
        {
            options = options.Complete();
            options = state?.Complete(options) ?? options;
            options = taker == null ? options : Adapt(options, taker);
            host = new SwitchHost(options, log, member, taker);
        }
        catch
        {
            state?.Dispose();
            throw;
        }
        try
        {
            host._credentialsHash = HashOf(options.Tls);
            TlsCredentials? tls = LoadTls(options);
            host._credentials.AddRange(tls == null ? [] : [tls]);
            say($"datapath id {host.Control.DatapathId:x16}");
            if (member.Group.HasOneSwitch)
            {
                say(host._resources.DescribeFrames());
            }
            StateClock clock = StateClock.ForThisMachine(options.Datapath.TimeProvider);
            host._state = state == null ? null : StateJournal.Begin(host.Control, state, clock, say, log);
            if (taker == null)
            {
                StartupFlows.Load(host.Control, options, say, line => HostLog.Warn(log, line));
            }
            host._cards.OpenAll(options.Cards, say); // first: their tables are emptied, and no packet is to be on its way then
            host._ports = new SwitchPorts(host.Control, options, host._cards, host._resources.Cables, log, host._state?.Queue);
            host._ports.OpenAll(say, taker);
            host._cards.AddOffloads(options.Ports, log);
            // The agent first: it is told what the workers meet.
            SwitchAgent agent = host._agent = new SwitchAgent(host.Control, options.Agent with { Tls = tls, Log = log });
            host.Control.Events = host._events = new SwitchEvents(host.Control, agent);
            host.PortChanged += new LinkChangeLog(log, host.Control.Ports.Descriptions).Note;
            host._handover = new HandoverSource(host, host.Control, log);
            host.Name = member.Group.Enlist(member, host.DatapathId, host.Name, taker); // from here on tools know it
            if (taker != null)
            {
                host.TakeOver(say);
            }
            else
            {
                host.StartWorkers();
            }
            host._ports.TakeReturns();
            host.StartThread("control", host.Serve);
            host._inBand = options.InBand ? new InBandWatch(host.Control, options, line => HostLog.News(log, line)) : null;
            Connect(agent, options, say);
            host._inBand?.Start(agent.ListenPorts);
            host.KeepState(clock);
            host._isStarted = true;
            HostLog.Started(log, host.Name, $"{host.DatapathId:x16}", AgentOptions.ProgramVersion, Environment.ProcessId);
            return host;
        }
        catch
        {
            host.Dispose();
            throw;
        }
    }

    /// <summary>What ended a thread; null unless <see cref="Failed"/> was cancelled.</summary>
    internal Exception? Failure => _failure;

    /// <summary>Throws what ended a thread, if <see cref="Failed"/> was cancelled.</summary>
    /// <exception cref="InvalidOperationException">It says which thread ended, and why.</exception>
    public void ThrowIfFailed()
    {
        if (_failure != null)
        {
            throw new InvalidOperationException($"the switch ended by itself: {_failure.Message}", _failure);
        }
    }

    /// <summary>Ends connections, then threads, then ports: interfaces are as they were found. Done again, it does nothing. Not from a handler.</summary>
    public void Dispose()
    {
        if (_isGiven)
        {
            return; // and the control lock is nobody's any more
        }
        using (Control.EnterWithoutTable())
        {
            if (_isDisposed)
            {
                return;
            }
            _isDisposed = true;
        }
        End();
        _member.Group.Leave(_member);
    }

    private void End()
    {
        bool isQuiet = _reloading.TryEnter(EndPatience) & _leases.End(EndPatience);
        _inBand?.Dispose();
        _ports?.Dispose();
        _agent?.Dispose();
        _stop.Cancel();
        Control.Wake();
        bool haveWorkersStopped = StopWorkers();
        if (!_threads.TrueForAll(thread => thread.Join(EndPatience)) || !haveWorkersStopped || !isQuiet)
        {
            _resources.Abandon();
            Control.Abandon();
        }
        else
        {
            Release();
        }
    }

    /// <summary>Gives back what only threads that have ended used.</summary>
    private void Release()
    {
        _state?.Dispose();
        Control.Dispose();
        _cards.Dispose();
        if (_isStarted)
        {
            HostLog.Stopped(_log, Quantity.Duration(Control.Uptime.TotalSeconds));
        }
        _credentials.ForEach(credentials => credentials.Dispose());
        _leases.Dispose();
        _stop.Dispose();
        _failed.Dispose();
        _reloading.Exit();
    }

    /// <summary>The same on another thread. A handler may begin it, but not wait for it.</summary>
    public ValueTask DisposeAsync() => new(Task.Run(Dispose));

    /// <summary>Begins to capture packets. A capture that is not disposed of in time when the switch ends ends without the rest of its packets.</summary>
    /// <exception cref="OptionException">The request makes no sense, or there are too many captures.</exception>
    /// <exception cref="ObjectDisposedException">The switch has ended.</exception>
    internal CaptureStream BeginCapture(CaptureRequest request)
    {
        HostLease lease = Hold();
        try
        {
            return new CaptureStream(Control, request, Ports.FindNumber, lease);
        }
        catch
        {
            lease.Dispose();
            throw;
        }
    }

    /// <summary>Keeps the switch's memory until the lease is disposed of, which is to be soon after <see cref="HostLease.Ending"/>.</summary>
    /// <exception cref="ObjectDisposedException">The switch has ended.</exception>
    internal HostLease Hold() => _leases.Take();

    private void Serve()
    {
        Action<string> warn = trouble => HostLog.Warn(_log, trouble);
        CounterReport[] reports =
        [
            new(ReadLimited, (more, all) => $"packet-ins: {more} more dropped by the limit, {all} in all (--packet-in-rate)", warn),
            new(ReadQueueMisses, DescribeQueueMisses, warn),
            new(
                () => Volatile.Read(ref _memoryShortages),
                (_, _) => $"memory: the control group's limit of {_resources.Memory!.Bytes >> 20} MiB is near: flow-mods that need more are refused (OFPFMFC_ALL_TABLES_FULL)",
                warn),
            new(() => _events!.Faults, (more, all) => $"handlers: {more} more failed, {all} in all; the last: {_events!.LastFault}", warn),
        ];
        Control.Serve(_stop.Token, afterEach: () =>
        {
            _events!.Raise(_stop.Token);
            Array.ForEach(reports, report => report.Update());
            Volatile.Write(ref _controlTurns, _controlTurns + 1);
        });
    }

    /// <summary>Under the control lock.</summary>
    private bool HasMemory()
    {
        bool hasRoom = _resources.Memory!.HasRoom();
        _memoryShortages += hasRoom ? 0 : 1;
        return hasRoom;
    }

    private long ReadLimited()
    {
        using (Control.EnterWithoutTable())
        {
            return Control.Accounts.ReadDrops(DropReason.PacketInLimit);
        }
    }

    private long ReadQueueMisses()
    {
        using (Control.EnterWithoutTable())
        {
            ulong total = 0;
            foreach (ushort port in Control.Ports.Numbers)
            {
                total += Control.Queues.ReadMisses(port);
            }
            return (long)total;
        }
    }

    private string DescribeQueueMisses(long more, long all)
    {
        using (Control.EnterWithoutTable())
        {
            string ports = string.Join(", ", Control.Ports.Numbers.ToArray().Where(port => Control.Queues.ReadMisses(port) != 0));
            return $"queues: {more} more packets asked for a queue that is not there (port {ports}); sent without queueing, {all} in all";
        }
    }

    private static TlsCredentials? LoadTls(SwitchOptions options)
    {
        try
        {
            return options.Tls is null ? null : TlsCredentials.Load(options.Tls);
        }
        catch (TlsException e)
        {
            throw new OptionException(e.Message, e);
        }
    }

    private static void Connect(SwitchAgent agent, SwitchOptions options, Action<string> say)
    {
        try
        {
            agent.Start();
        }
        catch (IOException e)
        {
            throw new OptionException($"--listen: {e.Message}", e);
        }
        foreach ((ConnectionTarget target, int port) in options.Agent.Listeners.Zip(agent.ListenPorts))
        {
            say($"listening: {target with { Port = port }}"); // that it is open to all, the log says
        }
        foreach (ConnectionTarget target in options.Agent.Controllers)
        {
            say($"connecting: {target}");
        }
    }

    private void StartThread(string name, Action body)
    {
        var thread = new Thread(() =>
        {
            try
            {
                body();
            }
#pragma warning disable CA1031 // reported by whoever waits for Failed; a switch that lost a thread must not pretend to work
            catch (Exception e)
#pragma warning restore CA1031
            {
                Fail(name, e);
            }
        })
        { Name = name, IsBackground = true };
        _threads.Add(thread);
        thread.Start();
    }

    /// <summary>The switch cannot go on.</summary>
    /// <param name="what">The thread or worker that ended.</param>
    private void Fail(string what, Exception e)
    {
        Exception failure = new InvalidOperationException($"{what} failed: {e.GetType().Name}: {e.Message.ReplaceLineEndings(" ")}", e);
        if (Interlocked.CompareExchange(ref _failure, failure, null) == null)
        {
            _failed.Cancel(); // first: whoever reads the log may not be reading
        }
        HostLog.Failed(_log, failure.Message);
    }
}
