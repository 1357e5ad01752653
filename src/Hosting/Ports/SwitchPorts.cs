using Microsoft.Extensions.Logging;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Ports;
using Softswitch.Hosting.Cards;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Logging;
using Softswitch.Hosting.Reports;
using Softswitch.Hosting.State;
using Softswitch.Hosting.TakeOver;
using Softswitch.Ports;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Opening;
using Softswitch.Ports.Patch;
using Softswitch.Ports.Specs;
using Softswitch.Ports.Tunnels;
using Softswitch.Ports.Tunnels.Settings;

namespace Softswitch.Hosting.Ports;

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
internal sealed class SwitchPorts : IDisposable
{
    private readonly DatapathControl _control;
    private readonly ILogger _log;
    private readonly PortList _ports;
    private readonly PortOpener _opener;
    private readonly InterfaceWatch _watch;
    private readonly bool _needsLocal;

    /// <param name="control">Where ports go; its frames are those of <paramref name="options"/> and what the ports take for themselves.</param>
    /// <param name="options">The switch's; opening the ports is left to <see cref="OpenAll"/>.</param>
    /// <param name="cards">Whose interfaces are among the ports; the caller's.</param>
    /// <param name="cables">Of the process.</param>
    /// <param name="log">Told of each event, on any thread.</param>
    /// <param name="state">Remembers numbers; null where there is none.</param>
    /// <exception cref="SystemCallException">The kernel refuses the monitor's socket.</exception>
    public SwitchPorts(DatapathControl control, SwitchOptions options, SwitchCards cards, PatchCables cables, ILogger log, JournalQueue? state = null)
    {
        _control = control;
        _log = log;
        _needsLocal = options.InBand;
        _ports = new PortList(options, control.Frames, state);
        _opener = new PortOpener(_ports, control, cards, cables, log);
        _watch = new InterfaceWatch(_ports, _opener, control, log);
    }

    /// <summary>Ports there are, or are to be. Of the moment: any thread, without the lock.</summary>
    public int Count => _ports.All.Count;

    /// <summary>Frames of the pool that ports have for themselves.</summary>
    public static int FramesTakenBy(IEnumerable<PortOption> ports) => ports.Sum(port => PortFactory.FramesTakenBy(port.Spec));

    /// <summary>The port that a tunnel travels by; null if it is no tunnel, or none has its address.</summary>
    public static ushort? ViaOf(PortOption tunnel, IEnumerable<PortOption> ports)
    {
        if (!tunnel.Spec.IsTunnel)
        {
            return null;
        }
        try
        {
            return UnderlaySet.Choose(tunnel.Spec, TunnelOptions.Read(tunnel.Spec), PortOpener.Underlays(ports));
        }
        catch (PortException)
        {
            return null;
        }
    }

    /// <summary>
    /// Opens the ports of the options, in their order. Those whose interface is not there wait for it, which the log says.
    /// </summary>
    /// <param name="say">Takes a line for each that is open.</param>
    /// <param name="source">What to go on with of a running switch; null for nothing.</param>
    /// <exception cref="OptionException">One cannot be had as asked for; those opened stay open.</exception>
    /// <exception cref="PortException">One cannot be opened; as above.</exception>
    public void OpenAll(Action<string> say, HandoverTarget? source = null) => _opener.OpenAll(say, source);

    /// <summary>Everybody who is to be told of ports is there: from here on those that are away may come.</summary>
    public void TakeReturns() => _watch.TakeReturns();

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
        ConfiguredPort port = _ports.Reserve(spec);
        OrForget(port, () =>
        {
            if (device == null)
            {
                _opener.Open(port, spec, say);
            }
            else
            {
                _opener.Attach(port, new PortOpener.OpenedDevice(device), say);
            }
        });
        return port.Number;
    }

    /// <summary>Removes a port for good; its interface is as it was found when this returns.</summary>
    /// <param name="which">A number, <c>local</c>, or a name: the interface's present one, or the one the port was asked for by.</param>
    /// <returns>What there is to say of it.</returns>
    /// <exception cref="OptionException">There is no such port, or the switch cannot do without.</exception>
    public string Remove(string which)
    {
        string said;
        lock (_ports.Lock)
        {
            ConfiguredPort port = _ports.Get(which);
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
        lock (_ports.Lock)
        {
            return _ports.Get(which).Number;
        }
    }

    /// <summary>The error for a port that is not there; it says which are.</summary>
    public OptionException NoSuchPort(string which)
    {
        lock (_ports.Lock)
        {
            return _ports.NoSuchPort(which);
        }
    }

    /// <summary>A line for each port, in the order of their numbers.</summary>
    public IReadOnlyList<string> Describe()
    {
        lock (_ports.Lock)
        {
            return [.. _ports.InOrder.Select(port => port.Describe())];
        }
    }

    /// <summary>The ports as they are now, in the order of their numbers.</summary>
    /// <param name="accounts">Where packets are.</param>
    /// <param name="enter">Takes the control lock, for one port at a time.</param>
    public IReadOnlyList<PortReport> ReadReports(AccountSnapshot accounts, Func<ControlScope> enter)
    {
        lock (_ports.Lock)
        {
            return [.. _ports.InOrder.Select(Read)];
        }

        PortReport Read(ConfiguredPort port)
        {
            using (enter())
            {
                return port.Read(_control.Ports.Find(port.Number), accounts.Find(port.Number)) with { Queues = ReadQueues(port.Number) };
            }
        }
    }

    /// <summary>All ports, in the order of their numbers, each with its queues.</summary>
    public IReadOnlyList<(PortOption Port, IReadOnlyList<QueueOption> Queues)> ReadConfiguration()
    {
        lock (_ports.Lock)
        {
            return [.. _ports.InOrder.Select(port => (port.Option, port.Queues))];
        }
    }

    /// <summary>The number for a port that is given without one: that of the same port here, or one that no port has had.</summary>
    /// <param name="taken">Numbers of others.</param>
    /// <returns>Null when all are in use.</returns>
    public ushort? NumberFor(PortSpec spec, IReadOnlyCollection<ushort> taken)
    {
        lock (_ports.Lock)
        {
            return _ports.NumberFor(spec, taken);
        }
    }

    /// <summary>Opens a port with its queues, or has it wait for its interface.</summary>
    /// <exception cref="OptionException">As <see cref="Add(string)"/>, or the queues are more than the port can give. Nothing is changed then.</exception>
    /// <exception cref="PortException">It cannot be opened; as above.</exception>
    public void Open(PortOption option, IReadOnlyList<QueueOption> queues)
    {
        ConfiguredPort port = _ports.Reserve(option, queues);
        OrForget(port, () => _opener.OpenOrAwait(port, line => HostLog.Port(_log, line)));
    }

    /// <summary>Puts back a port that was closed. One that cannot be opened at once waits and is tried again, which the log says.</summary>
    public void Restore(PortOption option, IReadOnlyList<QueueOption> queues)
    {
        ConfiguredPort port = _ports.PutBack(option, queues);
        try
        {
            _opener.OpenOrAwait(port, line => HostLog.Port(_log, line));
        }
        catch (Exception e) when (e is PortException or OptionException)
        {
            _opener.TakeFailure(port, e.Message);
        }
    }

    /// <summary>Closes a port for good; its interface is as it was found when this returns.</summary>
    public void Close(ushort number)
    {
        lock (_ports.Lock)
        {
            if (_ports.Find(number) is { } port)
            {
                Remove(port);
            }
        }
    }

    /// <summary>Gives a port another rate and other queues, without a pause; queues that stay keep packets and counters.</summary>
    /// <param name="option">The same but for <c>rate=</c> and where it was given.</param>
    /// <exception cref="OptionException">The queues are more than the port can give. Nothing is changed then.</exception>
    public void Configure(PortOption option, IReadOnlyList<QueueOption> queues)
    {
        lock (_ports.Lock)
        {
            if (_ports.Find(option.Number) is not { } port)
            {
                return; // removed meanwhile
            }
            (PortOption oldOption, IReadOnlyList<QueueOption> oldQueues) = (port.Option, port.Queues);
            (port.Option, port.Queues) = (option, queues);
            if (port.Device == null)
            {
                return; // it gets them when it is opened
            }
            using (_control.EnterWithoutTable())
            {
                try
                {
                    QueueSetUp.Change(_control, oldOption, oldQueues, option, queues);
                }
                catch (OptionException)
                {
                    (port.Option, port.Queues) = (oldOption, oldQueues);
                    QueueSetUp.Change(_control, option, queues, oldOption, oldQueues);
                    throw;
                }
            }
        }
    }

    /// <summary>All that are open, for another process to go on with.</summary>
    public List<OfferedPort> Offer()
    {
        lock (_ports.Lock)
        {
            using (_control.EnterWithoutTable())
            {
                return [.. _ports.InOrder.Where(port => port.Device != null).Select(port => OfferedPort.Of(port.Number, port.Option.Spec, port.Device!))];
            }
        }
    }

    /// <summary>Writes down what ports there are, and those that come.</summary>
    public void Remember(JournalQueue state)
    {
        lock (_ports.Lock)
        {
            _ports.Remember(state);
        }
    }

    /// <summary>From here on ports neither come nor go; those that are open are the datapath's to close.</summary>
    public void Dispose()
    {
        lock (_ports.Lock)
        {
            _ports.IsClosed = true;
        }
        _watch.Dispose();
    }

    private QueueReport[] ReadQueues(ushort port) =>
    [
        .. _control.Queues.Read(port).Zip(_control.Queues.ReadStatistics(port), (queue, counts) => new QueueReport(
            queue.Id, queue.MinRate, queue.MaxRate, counts.TransmittedPackets, counts.TransmittedBytes, counts.TransmitErrors)),
    ];

    /// <summary>Opens a port that was reserved; one that cannot be is none.</summary>
    private void OrForget(ConfiguredPort port, Action open)
    {
        try
        {
            open();
        }
        catch
        {
            _ports.Forget(port);
            throw;
        }
    }

    private void Remove(ConfiguredPort port)
    {
        _ports.Remove(port);
        if (port.Device != null)
        {
            _opener.Detach(port);
        }
    }
}
