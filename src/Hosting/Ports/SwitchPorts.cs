using Microsoft.Extensions.Logging;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Ports;
using Softswitch.Hosting.Cards;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Logging;
using Softswitch.Hosting.Reports;
using Softswitch.Hosting.State;
using Softswitch.Ports;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Netlink;
using Softswitch.Ports.Opening;
using Softswitch.Ports.Patch;
using Softswitch.Ports.Specs;
using Softswitch.Ports.Tunnels;

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
    private readonly IDisposable _monitor;
    private Thread? _returning; // under the lock
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
        _control.Ports.LinksAreAnnounced = true;
        _monitor = LinkMonitor.Subscribe(OnChanged, OnRemoved, OnTick);
    }

    /// <summary>Frames of the pool that ports have for themselves.</summary>
    public static int FramesTakenBy(IEnumerable<PortOption> ports) => ports.Sum(port => PortFactory.FramesTakenBy(port.Spec));

    private int FramesTaken => _ports.Sum(port => port.FramesTaken);

    /// <summary>Everybody who is to be told of ports is there: from here on those that are away may come.</summary>
    public void TakeReturns()
    {
        _source = null;
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
        OrForget(port, () => Open(port, say, device == null ? null : new OpenedDevice(device, null)));
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
    public IReadOnlyList<PortReport> ReadReports(AccountSnapshot accounts, Func<ControlScope> enter)
    {
        lock (_lock)
        {
            return [.. InOrder().Select(Read)];
        }

        PortReport Read(ConfiguredPort port)
        {
            using (enter())
            {
                return port.Read(_control.Ports.Find(port.Number), accounts.Find(port.Number)) with { Queues = ReadQueues(port.Number) };
            }
        }
    }

    private QueueReport[] ReadQueues(ushort port) =>
    [
        .. _control.Queues.Read(port).Zip(_control.Queues.ReadStatistics(port), (queue, counts) => new QueueReport(
            queue.Id, queue.MinRate, queue.MaxRate, counts.TransmittedPackets, counts.TransmittedBytes, counts.TransmitErrors)),
    ];

    /// <summary>From here on ports neither come nor go; those that are open are the datapath's to close.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _closed = true;
        }
        _monitor.Dispose();
        _returning?.Join();
    }

    private IOrderedEnumerable<ConfiguredPort> InOrder() => _ports.OrderBy(port => port.Number);

    private ConfiguredPort? Find(string which) =>
        _ports.Find(port => port.Label == which || (which == "local" && port.Number == PortNumber.Local))
        ?? _ports.Find(port => port.Name == which)
        ?? _ports.Find(port => port.Option.Spec.Target == which && which.Length > 0);

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
            _control.Ports.Remove(port.Number);
        }
    }
}
