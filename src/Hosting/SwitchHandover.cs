using System.Net.Sockets;
using System.Reflection;
using Microsoft.Extensions.Logging;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Logging;
using Softswitch.Hosting.Management;
using Softswitch.Hosting.Processes;
using Softswitch.Hosting.Reports;
using Softswitch.Hosting.TakeOver;
using Softswitch.OfAgent.Connections;
using Softswitch.Ports.Linux.Processes;

namespace Softswitch.Hosting;

/// <summary>A switch that changes processes, with what the process has beside it: the control socket, the web socket, the service manager.</summary>
/// <remarks>Threads: any.</remarks>
internal sealed class SwitchHandover : IHandedOver
{
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(5);

    private readonly SwitchGroup _group;
    private readonly SwitchParts _parts;
    private readonly HandoverSource _source;
    private readonly ILogger _log;
    private readonly List<(string Label, ListeningSocket Listener)> _moreListeners = [];
    private readonly string _network = NetworkNamespace.NameOfCurrent(); // of the thread that starts the switch

    public SwitchHandover(SwitchGroup group, SwitchParts parts, ILogger log)
    {
        _group = group;
        _parts = parts;
        _log = log;
        _source = new HandoverSource(this, parts.Control, log);
    }

    string IHandedOver.Name => _parts.Name;

    string? IHandedOver.ControlPath => CommandListener?.Path;

    string IHandedOver.Network => _network;

    IEnumerable<(string Label, ListeningSocket Listener)> IHandedOver.Listeners => Listeners;

    /// <summary>Null where there is none.</summary>
    private ManagementSocket? CommandListener => _group.Socket?.Listener;

    private IEnumerable<(string Label, ListeningSocket Listener)> Listeners =>
    [
        .. _parts.Agent.Listeners.Select(open => (HandoverOptions.LabelOf(open.Target), open.Listener.Socket)),
        .. CommandListener is { } commands ? [(ProcessSocket.LabelOf(commands.Path), commands.Socket)] : (IEnumerable<(string, ListeningSocket)>)[],
        .. _moreListeners,
    ];

    /// <summary>A socket that the program listens by, to be handed over with the switch.</summary>
    /// <param name="label">What a new process with the same options asks for it by.</param>
    public void AddListener(string label, ListeningSocket listener) => _moreListeners.Add((label, listener));

    /// <summary>Everything is open: loads the table, and goes on where the running switch stops.</summary>
    /// <param name="say">Takes a line on what was taken over.</param>
    public void TakeOver(HandoverTarget taker, Action<string> say)
    {
        _parts.Agent.Listen();
        taker.LoadTable(_parts.Control);
        taker.TakeState(_parts.Control, _parts.Agent.Restore, _log);
        _parts.Threads.StartWorkers();
        foreach ((_, ListeningSocket listener) in Listeners)
        {
            listener.IsForeign = false;
        }
        taker.AwaitEnd();
        taker.Dispose(); // what was not taken ends with the process that had it
        say($"taken over from {taker.Source}: {Quantity.Of(taker.PortCount, "port")}, {Quantity.Of(taker.FlowCount, "flow entry")}; "
            + $"nothing was forwarded for {taker.Stopped.TotalMilliseconds:0.0} ms");
    }

    /// <summary>Loads what handing over takes, while the files are there that the program was started from: an upgrade puts others in their place.</summary>
    public void Prepare()
    {
        if (CommandListener?.Path is { } path)
        {
            try
            {
                ManagementClient.Ask($"unix:{path}", ManagementRequest.ListPorts, ConnectTimeout); // loads what serves the process that asks for the switch
            }
            catch (OptionException e)
            {
                HostLog.Warn(_log, $"control socket: {e.Message}");
            }
        }
        Assembly.Load("System.Diagnostics.DiagnosticSource"); // as .NET does for the first socket that it accepts
        JitWarmUp.ForSource(_parts.Control.Handover.Devices.Select(one => one.Device.GetType()));
    }

    /// <summary>Waits, on a thread of its own, for the process that asked for the switch, at a socket of its own, and hands the switch over.</summary>
    /// <param name="version">Of the protocol by which that process takes over.</param>
    /// <exception cref="OptionException">It is another, there is another switch, or somebody takes it over already.</exception>
    public void Begin(string version)
    {
        if (version != $"{HandoverChannel.Version}")
        {
            throw new OptionException($"it hands over by version {HandoverChannel.Version} of the protocol, not by '{version}'");
        }
        _group.CheckHandOver();
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

    List<OfferedPort> IHandedOver.OfferPorts() => _parts.Ports.Offer();

    void IHandedOver.BeginHandOver()
    {
        _parts.Changes.Enter();
        try
        {
            _group.SetHandingOver(true);
        }
        catch
        {
            _parts.Changes.Exit();
            throw;
        }
    }

    void IHandedOver.EndHandOver()
    {
        _group.SetHandingOver(false);
        _parts.Changes.Exit();
    }

    void IHandedOver.StopWorkers()
    {
        if (!_parts.Threads.StopWorkers())
        {
            throw new InvalidOperationException($"a worker does not end its pass within {SwitchThreads.EndTimeout.TotalSeconds:0} s");
        }
    }

    void IHandedOver.ResumeWorkers()
    {
        if (_parts.Control.Workers.All(worker => !worker.IsRunning))
        {
            _parts.Threads.StartWorkers();
        }
    }

    void IHandedOver.SaveState(BinaryWriter to) => _parts.Agent.Save(to);

    void IHandedOver.OnHandedOver(HandoverResult taken, int process)
    {
        _parts.Changes.IsGiven = true;
        _parts.Journal?.HandOver();
        _parts.Ports.Dispose();
        foreach ((_, SocketListener listener) in _parts.Agent.Listeners.Where(open => !taken.Listeners.Contains(HandoverOptions.LabelOf(open.Target))))
        {
            listener.Dispose();
        }
        if (CommandListener is { } commands && !taken.Listeners.Contains(ProcessSocket.LabelOf(commands.Path)))
        {
            UnixSocketFile.Remove(commands.Path);
        }
        _parts.Control.Abandon(); // what was not taken is left as it was found
        _group.OnHandedOver(process);
        Thread.Sleep(Timeout.Infinite); // the other process connects to controllers when this process's connections, and the one it took over by, are gone
    }

    private void HandOver(string path, Socket listener)
    {
        Socket? target = null;
        try
        {
            target = listener.Poll(ConnectTimeout, SelectMode.SelectRead) ? listener.Accept() : null;
        }
        catch (SocketException e)
        {
            HostLog.Warn(_log, $"take-over failed, the switch goes on: {e.Message}"); // the process that asked was gone before
        }
        UnixSocketFile.Remove(path);
        listener.Dispose();
        if (target != null)
        {
            _source.Run(target);
        }
    }
}
