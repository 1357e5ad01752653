using Microsoft.Extensions.Logging;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Ports;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Logging;
using Softswitch.Hosting.Reports;
using Softswitch.Hosting.State;
using Softswitch.Hosting.TakeOver;
using Softswitch.Ports;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Patch;
using Softswitch.Ports.Tunnels;

namespace Softswitch.Hosting;

/// <summary>The ports the switch is to have: opened at start, watched, added and removed while it runs.</summary>
/// <remarks>
/// <para>
/// A port whose interface vanishes is taken out of the switch (port-status with OFPPR_DELETE, OpenFlow 1.0.0 §5.4.3) and put back when an interface
/// of the name it was asked for by appears. One whose interface is not there at start waits for it in the same way. While it is open it is its
/// interface's index that counts: a renamed interface stays the port, under its new name.
/// </para>
/// <para>
/// Threads: any. Its lock is taken before the control lock. Devices are opened outside of it, as that may take long. The link monitor's callbacks
/// run on its thread, in the network namespace of the thread that made this object; whoever adds a port must be in the same.
/// </para>
/// </remarks>
internal sealed partial class SwitchPorts : IDisposable
{
    private readonly Lock _lock = new();
    private readonly DatapathControl _control;
    private readonly ILogger _log;
    private readonly List<ConfiguredPort> _ports = [];
    private readonly PortNumbers _numbers;
    private readonly UnderlaySet _underlays;
    private readonly SwitchCards _cards;
    private readonly int _framesForPackets;
    private readonly bool _needsLocal;
    private readonly LinkMonitor _monitor;
    private volatile bool _takesReturns;
    private volatile bool _closed;

    /// <param name="control">Where ports go; its frames are those of <paramref name="options"/> and what the ports take for themselves.</param>
    /// <param name="options">The switch's; opening the ports is left to <see cref="OpenAll"/>.</param>
    /// <param name="cards">Whose interfaces are among the ports; the caller's.</param>
    /// <param name="cables">Of the process.</param>
    /// <param name="log">Told of each event, on any thread.</param>
    /// <param name="state">Remembers numbers; null where there is none.</param>
    /// <exception cref="SystemCallException">The kernel refuses the monitor's socket.</exception>
    public SwitchPorts(DatapathControl control, SwitchOptions options, SwitchCards cards, PatchCables cables, ILogger log, JournalQueue? state = null)
    {
        _numbers = new PortNumbers(state);
        _control = control;
        _cards = cards;
        _underlays = new UnderlaySet(cables: cables);
        _log = log;
        _needsLocal = options.InBand;
        _ports.AddRange(options.Ports.Select(port => new ConfiguredPort(port, [.. options.Queues.Where(queue => queue.Port == port.Number)])));
        _framesForPackets = control.Frames.FrameCount - FramesTaken;
        _monitor = new LinkMonitor(OnChanged, OnRemoved, OnTick);
    }

    /// <summary>Frames of the pool that ports have for themselves.</summary>
    public static int FramesTakenBy(IEnumerable<PortOption> ports) => ports.Sum(port => PortFactory.FramesTakenBy(port.Spec));

    private int FramesTaken => _ports.Sum(port => port.FramesTaken);

    /// <summary>Opens the ports of the options, in their order. Those whose interface is not there wait for it, which the log says.</summary>
    /// <param name="say">Takes a line for each that is open.</param>
    /// <exception cref="OptionException">One cannot be had as asked for; those opened stay open.</exception>
    /// <exception cref="PortException">One cannot be opened; as above.</exception>
    /// <param name="taker">What to go on with of a running switch; null for nothing.</param>
    public void OpenAll(Action<string> say, TakeOverTaker? taker = null)
    {
        _taker = taker;
        foreach (ConfiguredPort port in _ports.OrderBy(port => port.Option.Spec.IsTunnel).ToList()) // those they travel by first
        {
            OpenOrAwait(port, say);
        }
    }

    /// <summary>Everybody who is to be told of ports is there: from here on those that are away may come.</summary>
    public void TakeReturns()
    {
        _taker = null;
        _takesReturns = true;
    }

    /// <summary>Adds a port.</summary>
    /// <param name="text">As behind <c>--port</c>.</param>
    /// <returns>What there is to say of it.</returns>
    /// <exception cref="OptionException">The number is taken, frames are short, or it is no port specification. Nothing is changed then.</exception>
    /// <exception cref="PortException">It cannot be opened; as above.</exception>
    public IReadOnlyList<string> Add(string text)
    {
        List<string> said = [];
        Add(PortOption.Parse(text).Spec, said.Add);
        said.ForEach(line => HostLog.Port(_log, line));
        return said;
    }

    /// <summary>Adds a port. Errors as above.</summary>
    /// <param name="say">Takes what there is to say of it.</param>
    /// <param name="device">What stands behind it, the switch's from now on; null to have it opened.</param>
    /// <returns>Its number.</returns>
    public ushort Add(PortSpec spec, Action<string> say, IPortDevice? device = null)
    {
        ConfiguredPort port = Reserve(spec);
        OrForget(port, () => Open(port, say, device));
        return port.Number;
    }

    /// <summary>Removes a port for good; its interface is as it was found when this returns.</summary>
    /// <param name="which">A number, <c>local</c>, or a name: the interface's present one, or the one the port was asked for by.</param>
    /// <returns>What there is to say of it.</returns>
    /// <exception cref="OptionException">There is no such port, or the switch cannot do without.</exception>
    public string Remove(string which)
    {
        string said;
        lock (_lock)
        {
            ConfiguredPort port = Find(which) ?? throw NoSuchPort(which);
            if (_needsLocal && port.Number == PortNumber.Local)
            {
                throw new OptionException($"port '{which}': --in-band reaches the controllers through it");
            }
            if (port.Option.Spec.Kind == PortKind.NetFpga)
            {
                throw new OptionException($"port '{which}': belongs to a NetFPGA card, which goes on forwarding from and to it");
            }
            said = $"port {port.Label}: {port.Name}: removed";
            Remove(port);
        }
        HostLog.Port(_log, said);
        return said;
    }

    /// <summary>A port's number, also while its interface is away.</summary>
    /// <param name="which">As for <see cref="Remove(string)"/>.</param>
    /// <exception cref="OptionException">There is no such port.</exception>
    public ushort FindNumber(string which)
    {
        lock (_lock)
        {
            return (Find(which) ?? throw NoSuchPort(which)).Number;
        }
    }

    /// <summary>The error for a port that is not there; it says which are.</summary>
    public OptionException NoSuchPort(string which)
    {
        lock (_lock)
        {
            return new($"port '{which}': there is no such port; there are {string.Join(", ", InOrder().Select(p => $"{p.Label} ({p.Name})").DefaultIfEmpty("none"))}");
        }
    }

    /// <summary>A line for each port, in the order of their numbers.</summary>
    public IReadOnlyList<string> Describe()
    {
        lock (_lock)
        {
            return [.. InOrder().Select(port => port.Describe())];
        }
    }

    /// <summary>The ports as they are now, in the order of their numbers.</summary>
    /// <param name="accounts">Where packets are.</param>
    /// <param name="enter">Takes the control lock, for one port at a time.</param>
    public IReadOnlyList<PortReport> ReadReports(AccountReading accounts, Func<ControlScope> enter)
    {
        lock (_lock)
        {
            return [.. InOrder().Select(Read)];
        }

        PortReport Read(ConfiguredPort port)
        {
            using (enter())
            {
                return port.Read(_control.FindPort(port.Number), accounts.Find(port.Number));
            }
        }
    }

    /// <summary>From here on ports neither come nor go; those that are open are the datapath's to close.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _closed = true;
        }
        _monitor.Dispose();
    }

    private IOrderedEnumerable<ConfiguredPort> InOrder() => _ports.OrderBy(port => port.Number);

    private ConfiguredPort? Find(string which) =>
        _ports.Find(port => port.Label == which || (which == "local" && port.Number == PortNumber.Local))
        ?? _ports.Find(port => port.Name == which)
        ?? _ports.Find(port => port.Option.Spec.Target == which && which.Length > 0);

    /// <returns>What the port has to wait for; null if it can be opened.</returns>
    /// <exception cref="PortException">An option of the port is wrong.</exception>
    private string? FindAbsence(ConfiguredPort port)
    {
        PortSpec spec = port.Option.Spec;
        if (!spec.IsTunnel)
        {
            return PortFactory.IsAbsent(spec) ? "there is no such interface" : null;
        }
        lock (_lock)
        {
            ushort via = UnderlaySet.Choose(spec, TunnelOptions.Read(spec), Underlays(_ports.Select(other => other.Option)));
            return _control.FindPort(via) == null ? $"it travels by port {via}, which is away" : null;
        }
    }

    /// <summary>Opens a port that was reserved; one that cannot be is none.</summary>
    private void OrForget(ConfiguredPort port, Action open)
    {
        try
        {
            open();
        }
        catch
        {
            lock (_lock)
            {
                _ports.Remove(port);
            }
            throw;
        }
    }

    private void OpenOrAwait(ConfiguredPort port, Action<string> say)
    {
        // What a running switch has is there, though it may be called otherwise by now.
        string? absence = _taker?.FindNumber(port.Option.Spec) == null ? FindAbsence(port) : null;
        if (absence == null)
        {
            Open(port, say);
            return;
        }
        lock (_lock)
        {
            port.Detach();
            _numbers.Use(port.Number, StateFolder.NameOf(port.Option.Spec));
        }
        HostLog.PortTrouble(_log, $"port {port.Label}: {port.Name}: {absence}; waiting for it");
    }

    private ConfiguredPort Reserve(PortSpec spec)
    {
        lock (_lock)
        {
            ushort number = spec.Number ?? _numbers.Choose(StateFolder.NameOf(spec), _ports.Select(port => port.Number).ToHashSet())
                ?? throw new OptionException($"port '{spec}': all port numbers are in use");
            return Reserve(new PortOption(number, spec, PortOption.ByHand), []);
        }
    }

    private ConfiguredPort Reserve(PortOption option, IReadOnlyList<QueueOption> queues)
    {
        lock (_lock)
        {
            if (_ports.Find(port => port.Number == option.Number) is { } owner)
            {
                throw new OptionException($"port '{option}': the number belongs to '{owner.Option.Spec}'");
            }
            var port = new ConfiguredPort(option, queues);
            CheckFrames(port, port.FramesTaken);
            _ports.Add(port);
            return port;
        }
    }

    /// <summary>The pool is as large as it is: a port that keeps frames must leave at least half of <c>--frames</c> to the packets under way.</summary>
    private void CheckFrames(ConfiguredPort port, int wanted)
    {
        int atStart = _control.Frames.FrameCount - _framesForPackets;
        int taken = FramesTaken - (_ports.Contains(port) ? port.FramesTaken : 0);
        int spare = _control.Frames.FrameCount - (_framesForPackets / 2) - taken;
        if (wanted > spare)
        {
            throw new OptionException(
                $"port '{port.Option.Spec}': it takes {wanted} frames and {Math.Max(spare, 0)} are to spare; start the switch with --frames {2 * (taken + wanted - atStart)} or more");
        }
    }

    /// <param name="device">Null to have it opened.</param>
    /// <param name="spec">What to open; null for what was asked for.</param>
    private void Open(ConfiguredPort port, Action<string> say, IPortDevice? device = null, PortSpec? spec = null)
    {
        ushort? beside = null;
        device ??= port.Option.Spec.Kind == PortKind.NetFpga
            ? _cards.OpenPort(port.Number, port.Option.Spec, out beside)
            : OpenOrTake(port.Number, spec ?? port.Option.Spec, out beside);
        lock (_lock)
        {
            if (_closed || !_ports.Contains(port))
            {
                device.Dispose();
                throw new OptionException($"port '{port.Option.Spec}': it was removed while it was being opened");
            }
            device.Changed += news => NoteChange($"port {port.Label}: {device.Name}", news);
            using (_control.EnterWithoutTable())
            {
                if (_control.AddPort(port.Number, device, beside: beside) != ControlError.None)
                {
                    device.Dispose();
                    throw new OptionException($"{port.Option.Origin}: '{port.Option.Spec}': the datapath refuses port number {port.Number}");
                }
                port.Attach(device);
                _numbers.Use(port.Number, StateFolder.NameOf(port.Option.Spec));
                say(port.Describe());
                try
                {
                    QueueSetUp.Apply(_control, port.Option, port.Queues, say);
                }
                catch (OptionException)
                {
                    RemoveFromDatapath(port); // all of it or nothing: guarantees that the link, as it is now, cannot give
                    throw;
                }
            }
        }
        // Had its interface vanished before it was known as this port's, nobody would hear of it.
        RemoveIfGone(port);
    }

    /// <summary>On a device's thread, and without our lock: who removes the device holds it and waits for that thread.</summary>
    private void NoteChange(string who, string? news)
    {
        _control.AnnounceLinkChange();
        if (news != null)
        {
            HostLog.Port(_log, $"{who}: {news}");
        }
    }

    private void OnChanged(Link link)
    {
        List<ConfiguredPort> returning = [];
        lock (_lock)
        {
            if (_ports.Find(port => port.Interface?.InterfaceIndex == link.Index) is { } changed)
            {
                // Told now rather than at the next round: carrier, speed, name, address.
                _control.AnnounceLinkChange();
                foreach (string news in changed.TakeChanges(link, changed.Interface?.HighestMtu ?? 0))
                {
                    HostLog.Port(_log, news);
                }
            }
            else
            {
                returning = _ports.FindAll(port => port.IsAway && port.Option.Spec.Target == link.Name);
            }
        }
        returning.ForEach(TryReopen);
    }

    private void OnRemoved(Link link)
    {
        ConfiguredPort? port;
        lock (_lock)
        {
            port = _ports.Find(port => port.Interface?.InterfaceIndex == link.Index);
        }
        if (port != null && !RemoveIfGone(port) && port.Option.Spec.Kind == PortKind.Tap)
        {
            HostLog.Port(_log, $"port {port.Label}: {link.Name}: moved to another network namespace; it carries packets as before, its link is shown as down");
        }
    }

    /// <summary>Nothing was announced for a while: tries again what failed, such as a device that another program still had, and says what keeps a device from its work.</summary>
    private void OnTick()
    {
        List<ConfiguredPort> away;
        lock (_lock)
        {
            foreach (string fault in _ports.Select(port => port.TakeFault()).OfType<string>())
            {
                HostLog.PortTrouble(_log, fault);
            }
            away = _ports.FindAll(port => port.IsAway);
        }
        away.ForEach(TryReopen);
    }

    /// <returns>Whether the port is out of the switch.</returns>
    private bool RemoveIfGone(ConfiguredPort port)
    {
        lock (_lock)
        {
            if (port.Interface is not { HasInterface: false })
            {
                return port.Device == null;
            }
            string name = port.Name;
            RemoveFromDatapath(port);
            string awaited = name == port.Option.Spec.Target ? "it" : port.Option.Spec.Target;
            HostLog.PortTrouble(_log, $"port {port.Label}: {name}: the interface is gone; waiting for {awaited} to return");
        }
        TryReopen(port); // another of that name may be there already, and would not be announced again
        return true;
    }

    private void Remove(ConfiguredPort port)
    {
        _ports.Remove(port);
        _numbers.GiveUp(port.Number);
        if (port.Device != null)
        {
            RemoveFromDatapath(port);
        }
    }

    private void RemoveFromDatapath(ConfiguredPort port)
    {
        port.Detach();
        using (_control.EnterWithoutTable())
        {
            _control.RemovePort(port.Number);
        }
    }

    private void TryReopen(ConfiguredPort port)
    {
        try
        {
            if (_closed || !_takesReturns || !MayReturn(port))
            {
                return;
            }
            lock (_lock)
            {
                if (_closed || !_ports.Contains(port) || !port.TryBeginReturn())
                {
                    return;
                }
            }
            Open(port, line => HostLog.Port(_log, line), spec: ReserveForReturn(port));
        }
        catch (Exception e) when (e is PortException or OptionException)
        {
            lock (_lock)
            {
                TakeFailure(port, e.Message);
            }
        }
    }

    /// <summary>What comes may want more frames than what left, or than was known at start. Without them, a port that leaves us the choice does without AF_XDP.</summary>
    private PortSpec ReserveForReturn(ConfiguredPort port)
    {
        PortSpec spec = port.Option.Spec;
        int wanted = PortFactory.FramesTakenBy(spec);
        lock (_lock)
        {
            try
            {
                CheckFrames(port, wanted);
                port.FramesTaken = wanted;
                return spec;
            }
            catch (OptionException e) when (spec.Kind == PortKind.Interface)
            {
                HostLog.PortTrouble(_log, $"{e.Message}; until then by AF_PACKET");
                port.FramesTaken = 0;
                return spec.AsPacket();
            }
        }
    }

    private bool MayReturn(ConfiguredPort port) =>
        port.Option.Spec.IsTunnel ? FindAbsence(port) == null : PortFactory.HasInterface(port.Option.Spec);

    private void TakeFailure(ConfiguredPort port, string message)
    {
        if (port.Device == null)
        {
            port.Detach();
        }
        // It is tried again and again: the same failure is one line, also where it says less the next time (whose the interface is can be asked so often only).
        // What was removed meanwhile is nobody's concern.
        if (port.LastFailure?.StartsWith(message, StringComparison.Ordinal) != true && !_closed && _ports.Contains(port))
        {
            port.LastFailure = message;
            HostLog.PortTrouble(_log, message);
        }
    }
}
