using Microsoft.Extensions.Logging;
using Softswitch.Datapath.Control;
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
using Softswitch.Ports.Linux.Memory;

namespace Softswitch.Hosting;

/// <summary>What a switch consists of: datapath, cards, ports, agent, threads and what it writes. Opened in one order, and ended in another.</summary>
/// <remarks>Of tools, the service manager and signals it knows nothing. Threads: any, but for opening and ending, which one thread does.</remarks>
internal sealed class SwitchParts : IDisposable
{
    private readonly SwitchOptions _options;
    private readonly StateClock _clock;
    private readonly ILogger _log;
    private long _memoryShortages;
    private SwitchCredentials? _credentials;
    private SwitchPorts? _ports;
    private SwitchAgent? _agent;
    private SwitchEvents? _events;
    private ControlLoop? _loop;
    private bool _isStarted;

    private SwitchParts(SwitchOptions options, string name, SwitchResources resources, string? identity, ILogger log)
    {
        _options = options;
        _log = log;
        _clock = StateClock.ForThisMachine(options.Datapath.TimeProvider);
        Resources = resources;
        DatapathOptions sizes = options.Datapath with
        {
            DatapathId = options.DatapathId ?? DatapathIdentity.Choose(options.Ports, identity, line => HostLog.PortTrouble(log, line)),
            AdviseHugePages = HugePages.Advise,
            HasMemory = resources.Memory is null ? null : HasMemory,
        };
        Control = new DatapathControl(sizes, resources.Frames);
        Cards = new SwitchCards(Control);
        Gate = new SwitchGate(Control);
        Threads = new SwitchThreads(Control, resources.Threads, log);
        Name = name.Length > 0 ? name : $"{Control.DatapathId:x16}";
    }

    /// <summary>What the switch is called; its datapath id until it has another name.</summary>
    public string Name { get; set; }

    /// <summary>What is in force to begin with.</summary>
    public SwitchOptions Options => _options;

    public DatapathControl Control { get; }

    public SwitchResources Resources { get; }

    public SwitchGate Gate { get; }

    public ChangeLock Changes { get; } = new();

    public SwitchThreads Threads { get; }

    /// <summary>Keep the memory of a switch that ends, for a moment.</summary>
    public HostLeases Leases { get; } = new();

    public SwitchCards Cards { get; }

    public SwitchCredentials Credentials => _credentials!;

    public SwitchPorts Ports => _ports!;

    public SwitchAgent Agent => _agent!;

    public SwitchEvents Events => _events!;

    /// <summary>Null where nothing is to outlast the process.</summary>
    public StateJournal? Journal { get; private set; }

    /// <summary>Null without in-band control.</summary>
    public InBandWatch? InBand { get; private set; }

    /// <summary>Opens everything but connections. Nothing is forwarded yet.</summary>
    /// <param name="name">Empty for none.</param>
    /// <param name="identity">What a datapath id is made of where none is given and the ports have none; null for the machine's.</param>
    /// <param name="say">Takes a line for each thing that is open.</param>
    /// <param name="taker">What to go on with of a running switch; null for a fresh one. Stays the caller's.</param>
    /// <exception cref="OptionException">Something cannot be opened; nothing is left open then.</exception>
    /// <exception cref="Softswitch.Ports.PortException">A port cannot be opened; as above.</exception>
    public static SwitchParts Open(
        SwitchOptions options, string name, SwitchResources resources, string? identity, Action<string> say, ILogger log, HandoverTarget? taker)
    {
        StateFolder? state = options.State == null || taker != null ? null : StateFolder.Open(options.State, log);
        SwitchParts parts;
        try
        {
            options = options.Complete();
            options = state?.Complete(options) ?? options;
            options = taker == null ? options : HandoverOptions.Adapt(options, taker);
            parts = new SwitchParts(options, name, resources, identity, log);
        }
        catch
        {
            state?.Dispose();
            throw;
        }
        try
        {
            parts.Open(state, say, taker);
            return parts;
        }
        catch
        {
            if (parts.Journal == null)
            {
                state?.Dispose(); // or the folder would stay taken
            }
            parts.Dispose();
            throw;
        }
    }

    /// <summary>Workers forward: serves controllers and writes what is to outlast the process.</summary>
    /// <param name="say">Takes a line for each thing that is open.</param>
    /// <param name="isTakenOver">Whether another process had the switch until now.</param>
    /// <exception cref="OptionException">Something cannot be opened.</exception>
    public void Begin(Action<string> say, bool isTakenOver)
    {
        Ports.TakeReturns();
        Threads.Start("control", _loop!.Run);
        InBand = _options.InBand ? new InBandWatch(Control, _options, line => HostLog.News(_log, line)) : null;
        Connect(say);
        InBand?.Start(Agent.ListenPorts);
        KeepState(isTakenOver);
        _isStarted = true;
        HostLog.Started(_log, Name, $"{Control.DatapathId:x16}", AgentOptions.ProgramVersion, Environment.ProcessId);
    }

    /// <summary>
    /// The switch's threads, and a number for each that moves on within some 500 ms while the thread does its work or sleeps as it should. Takes no lock.
    /// </summary>
    public IEnumerable<(string Thread, long Turns)> ReadProgress() =>
        Control.Workers.Select(worker => ($"worker {worker.Id}", Volatile.Read(ref worker.Counters.Passes))).Append(("the control thread", _loop!.Turns));

    /// <summary>Ends connections, then threads, then ports. Once.</summary>
    public void Dispose()
    {
        bool isQuiet = Changes.TryEnter(SwitchThreads.EndTimeout) & Leases.End(SwitchThreads.EndTimeout);
        InBand?.Dispose();
        _ports?.Dispose();
        _agent?.Dispose();
        if (!Threads.End() || !isQuiet)
        {
            Resources.Abandon();
            Control.Abandon();
        }
        else
        {
            Release();
        }
    }

    private void Open(StateFolder? state, Action<string> say, HandoverTarget? taker)
    {
        _credentials = new SwitchCredentials(_options);
        say($"datapath id {Control.DatapathId:x16}");
        Resources.AnnounceFrames(say);
        Journal = state == null ? null : StateJournal.Begin(Control, state, _clock, say, _log);
        if (taker == null)
        {
            StartupFlows.Load(Control, _options, say, line => HostLog.Warn(_log, line));
        }
        Cards.OpenAll(_options.Cards, say); // first: their tables are emptied, and no packet is to be on its way then
        _ports = new SwitchPorts(Control, _options, Cards, Resources.Cables, _log, Journal?.Queue);
        _ports.OpenAll(say, taker);
        Cards.AddOffloads(_options.Ports, _log);
        // The agent first: it is told what the workers meet.
        _agent = new SwitchAgent(Control, _options.Agent with { Tls = _credentials.First, Log = _log });
        Control.Events = _events = new SwitchEvents(Control, _agent);
        _events.PortChanged += new LinkChangeLog(_log, Control.Ports.Descriptions).Note;
        _loop = new ControlLoop(Control, _events, Resources.Memory?.Bytes ?? 0, () => Volatile.Read(ref _memoryShortages), _log);
    }

    private void Connect(Action<string> say)
    {
        try
        {
            Agent.Start();
        }
        catch (IOException e)
        {
            throw new OptionException($"--listen: {e.Message}", e);
        }
        foreach ((ConnectionTarget target, int port) in _options.Agent.Listeners.Zip(Agent.ListenPorts))
        {
            say($"listening: {target with { Port = port }}"); // that it is open to all, the log says
        }
        foreach (ConnectionTarget target in _options.Agent.Controllers)
        {
            say($"connecting: {target}");
        }
    }

    /// <summary>Begins to write the journal; after a take-over now only, as the other process had the folder.</summary>
    private void KeepState(bool isTakenOver)
    {
        if (isTakenOver && _options.State is { } path)
        {
            try
            {
                StateFolder folder = StateFolder.Open(path, _log);
                folder.ForgetFlows();
                Journal = StateJournal.Begin(Control, folder, _clock, static _ => { }, _log);
                Ports.Remember(Journal.Queue);
            }
            catch (OptionException e)
            {
                HostLog.Warn(_log, $"{e.Message}; the switch goes on, and nothing outlasts it"); // it is too late to leave it to the other process
            }
        }
        Journal?.Start();
    }

    /// <summary>Under the control lock.</summary>
    private bool HasMemory()
    {
        bool hasRoom = Resources.Memory!.HasRoom();
        _memoryShortages += hasRoom ? 0 : 1;
        return hasRoom;
    }

    /// <summary>Gives back what only threads that have ended used.</summary>
    private void Release()
    {
        Journal?.Dispose();
        Control.Dispose();
        Cards.Dispose();
        if (_isStarted)
        {
            HostLog.Stopped(_log, Quantity.Duration(Control.Uptime.TotalSeconds));
        }
        _credentials?.Dispose();
        Leases.Dispose();
        Threads.Dispose();
        Changes.Exit();
    }
}
