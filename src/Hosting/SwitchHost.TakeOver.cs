using System.Net.Sockets;
using System.Reflection;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Logging;
using Softswitch.Hosting.Management;
using Softswitch.Hosting.Ports;
using Softswitch.Hosting.Processes;
using Softswitch.Hosting.Reports;
using Softswitch.Hosting.State;
using Softswitch.Hosting.TakeOver;
using Softswitch.OfAgent.Connections;
using Softswitch.Ports.Linux.Processes;

namespace Softswitch.Hosting;

/// <content>A switch that changes processes: what it is to the side that hands it over, and what it does otherwise where it takes over.</content>
public sealed partial class SwitchHost : IHandedOver
{
    private static readonly TimeSpan ConnectPatience = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource _given = new();
    private readonly List<(string Label, ListeningSocket Listener)> _moreListeners = [];
    private readonly string _network = NetworkNamespace.NameOfCurrent(); // of the thread that starts the switch
    private HandoverSource? _handover;
    private readonly HandoverTarget? _taker;

    /// <summary>Cancelled when another process goes on with this switch: what is left is to end this one, without <see cref="Dispose"/>.</summary>
    internal CancellationToken Given => _given.Token;

    string IHandedOver.Name => Name;

    string? IHandedOver.ControlPath => CommandListener?.Path;

    string IHandedOver.Network => _network;

    IEnumerable<(string Label, ListeningSocket Listener)> IHandedOver.Listeners =>
    [
        .. _agent!.Listeners.Select(open => (LabelOf(open.Target), open.Listener.Socket)),
        .. CommandListener is { } commands ? [(ProcessSocket.LabelOf(commands.Path), commands.Socket)] : (IEnumerable<(string, ListeningSocket)>)[],
        .. _moreListeners,
    ];

    /// <summary>A socket that the program listens by, to be handed over with the switch.</summary>
    /// <param name="label">What a new process with the same options asks for it by.</param>
    internal void AddListener(string label, ListeningSocket listener) => _moreListeners.Add((label, listener));

    List<OfferedPort> IHandedOver.OfferPorts() => Ports.Offer();

    void IHandedOver.BeginHandOver()
    {
        _reloading.Enter();
        try
        {
            _member.Group.SetHandingOver(true);
        }
        catch
        {
            _reloading.Exit();
            throw;
        }
    }

    void IHandedOver.EndHandOver()
    {
        _member.Group.SetHandingOver(false);
        _reloading.Exit();
    }

    void IHandedOver.StopWorkers()
    {
        if (!StopWorkers())
        {
            throw new InvalidOperationException($"a worker does not end its pass within {EndPatience.TotalSeconds:0} s");
        }
    }

    void IHandedOver.ResumeWorkers()
    {
        if (Control.Workers.All(worker => !worker.IsRunning))
        {
            StartWorkers();
        }
    }

    void IHandedOver.SaveState(BinaryWriter to) => _agent!.Save(to);

    void IHandedOver.OnHandedOver(HandoverResult taken, int process)
    {
        _isGiven = true;
        _state?.HandOver();
        _ports!.Dispose();
        foreach ((_, SocketListener listener) in _agent!.Listeners.Where(open => !taken.Listeners.Contains(LabelOf(open.Target))))
        {
            listener.Dispose();
        }
        if (CommandListener is { } commands && !taken.Listeners.Contains(ProcessSocket.LabelOf(commands.Path)))
        {
            UnixSocketFile.Remove(commands.Path);
        }
        Control.Abandon(); // what was not taken is left as it was found
        _member.Group.Manager?.HandedOver(process);
        _given.Cancel();
        Thread.Sleep(Timeout.Infinite); // the other process connects to controllers when this process's connections, and the one it took over by, are gone
    }

    /// <summary>Loads what handing over takes, while the files are there that the program was started from: an upgrade puts others in their place.</summary>
    internal void PrepareHandOver()
    {
        if (CommandListener?.Path is { } path)
        {
            try
            {
                ManagementClient.Ask($"unix:{path}", ManagementRequest.ListPorts, ConnectPatience); // what serves the one who asks for the switch
            }
            catch (OptionException e)
            {
                HostLog.Warn(_log, $"control socket: {e.Message}");
            }
        }
        Assembly.Load("System.Diagnostics.DiagnosticSource"); // as .NET does for the first socket that it accepts
        JitWarmUp.ForSource(Control.Handover.Devices.Select(one => one.Device.GetType()));
    }

    /// <summary>Waits, on a thread of its own, for the process that asked for the switch, at a socket of its own, and hands the switch over.</summary>
    /// <param name="version">Of the protocol by which that process takes over.</param>
    /// <exception cref="OptionException">It is another, there is another switch, or somebody takes it over already.</exception>
    internal void BeginHandOver(string version)
    {
        if (version != $"{HandoverChannel.Version}")
        {
            throw new OptionException($"it hands over by version {HandoverChannel.Version} of the protocol, not by '{version}'");
        }
        _member.Group.CheckHandOver();
        string path = HandoverTarget.PathBeside(CommandListener!.Path);
        try
        {
            Socket listener = UnixSocketFile.Bind(path);
            listener.Listen(1);
            new Thread(() => HandOver(path, listener)) { Name = "take-over", IsBackground = true }.Start();
        }
        catch (IOException e)
        {
            throw new OptionException($"take-over: {e.Message}", e);
        }
    }

    private void HandOver(string path, Socket listener)
    {
        Socket? target = null;
        try
        {
            target = listener.Poll(ConnectPatience, SelectMode.SelectRead) ? listener.Accept() : null;
        }
        catch (SocketException e)
        {
            HostLog.Warn(_log, $"take-over failed, the switch goes on: {e.Message}"); // the process that asked was gone before
        }
        UnixSocketFile.Remove(path);
        listener.Dispose();
        if (target != null)
        {
            _handover!.Run(target);
        }
    }

    /// <summary>Null where there is none.</summary>
    private ManagementSocket? CommandListener => _member.Group.Socket?.Listener;

    private static string LabelOf(ConnectionTarget target) => $"listen {target}";

    /// <summary>Checks what must be as it is in the switch that is taken over.</summary>
    private static SwitchOptions Adapt(SwitchOptions options, HandoverTarget taker)
    {
        if (options.Cards.Count > 0)
        {
            throw taker.Refuse("a switch with a NetFPGA card has to be started anew");
        }
        if (options.Datapath.SpanningTree != null)
        {
            throw taker.Refuse("a switch with a spanning tree has to be started anew: its ports listen and learn first");
        }
        if (options.DatapathId is { } id && id != taker.DatapathId)
        {
            throw taker.Refuse($"its datapath id is {taker.DatapathId:x16}; --datapath-id {id:x16} would make it another switch");
        }
        int frames = options.Datapath.FrameCount + SwitchPorts.FramesTakenBy(options.Ports);
        if (taker.HasMemory && (frames != taker.FrameCount || options.Datapath.FrameSize != taker.FrameSize))
        {
            throw taker.Refuse($"packets of AF_XDP ports lie in its {taker.FrameCount} frames of {taker.FrameSize} bytes, and this one would have {frames} of {options.Datapath.FrameSize}: --frames, --frame-size and the ports have to be the same");
        }
        return options with
        {
            Ports = [.. options.Ports.Select(port => taker.FindNumber(port.Spec) is ushort number && port.IsNumberChosen ? port with { Number = number } : port)],
            DatapathId = taker.DatapathId,
            Datapath = options.Datapath with { AreFramesInUse = taker.HasMemory },
            Agent = options.Agent with { TakeListener = target => taker.TakeListener(LabelOf(target)) },
        };
    }

    /// <summary>Everything is open: loads the table, and goes on where the running switch stops.</summary>
    private void TakeOver(Action<string> say)
    {
        HandoverTarget taker = _taker!;
        _agent!.Listen();
        taker.LoadTable(Control);
        taker.TakeState(Control, _agent.Restore, _log);
        StartWorkers();
        foreach ((_, ListeningSocket listener) in ((IHandedOver)this).Listeners)
        {
            listener.IsForeign = false;
        }
        taker.AwaitEnd();
        taker.Dispose(); // what was not taken ends with the process that had it
        say($"taken over from {taker.Source}: {Quantity.Of(taker.PortCount, "port")}, {Quantity.Of(taker.FlowCount, "flow entry")}; "
            + $"nothing was forwarded for {taker.Stopped.TotalMilliseconds:0.0} ms");
    }

    /// <summary>Begins to write the journal; after a take-over now only, as the other process had the folder.</summary>
    private void KeepState(StateClock clock)
    {
        if (_taker != null && _options.State is { } path)
        {
            try
            {
                StateFolder folder = StateFolder.Open(path, _log);
                folder.ForgetFlows();
                _state = StateJournal.Begin(Control, folder, clock, static _ => { }, _log);
                Ports.Remember(_state.Queue);
            }
            catch (OptionException e)
            {
                HostLog.Warn(_log, $"{e.Message}; the switch goes on, and nothing outlasts it"); // it is too late to leave it to the other process
            }
        }
        _state?.Start();
    }

    private void StartWorkers() => _resources.Threads.Add(Control.Workers, (worker, e) => Fail($"worker {worker.Id}", e));

    /// <returns>False if a worker does not end its pass.</returns>
    private bool StopWorkers() => _resources.Threads.Remove(Control.Workers, (int)EndPatience.TotalMilliseconds);
}
