using Microsoft.Extensions.Logging;
using Softswitch.Datapath.Control;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Logging;
using Softswitch.Ports;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Netlink;
using Softswitch.Ports.Opening;
using Softswitch.Ports.Specs;

namespace Softswitch.Hosting.Ports;

/// <summary>Follows the interfaces behind a switch's ports: they change, vanish and return.</summary>
/// <remarks>
/// Threads: callbacks run on the link monitor's thread, in the network namespace of the thread that made this object. Ports that return are opened on
/// threads of their own, one after the other.
/// </remarks>
internal sealed class InterfaceWatch : IDisposable
{
    private readonly PortList _ports;
    private readonly PortOpener _opener;
    private readonly DatapathControl _control;
    private readonly ILogger _log;
    private readonly IDisposable _monitor;
    private Thread? _returning; // under the lock
    private volatile bool _takesReturns;

    /// <exception cref="SystemCallException">The kernel refuses the monitor's socket.</exception>
    public InterfaceWatch(PortList ports, PortOpener opener, DatapathControl control, ILogger log)
    {
        _ports = ports;
        _opener = opener;
        _control = control;
        _log = log;
        _control.Ports.LinksAreAnnounced = true;
        _opener.Lost += port => Reopen([port]); // another of that name may be there already, and would not be announced again
        _monitor = LinkMonitor.Subscribe(OnChanged, OnRemoved, OnTick);
    }

    /// <summary>Ports that are away may come from here on.</summary>
    public void TakeReturns() => _takesReturns = true;

    /// <summary>The list is closed. When this returns no port is being opened any more.</summary>
    public void Dispose()
    {
        _monitor.Dispose();
        _returning?.Join();
    }

    private void OnChanged(Link link)
    {
        List<ConfiguredPort> returning = [];
        lock (_ports.Lock)
        {
            if (_ports.FindByInterface(link.Index) is { } changed)
            {
                // Told now rather than at the next round: carrier, speed, name, address.
                _control.Ports.AnnounceLinkChange();
                foreach (string news in changed.TakeChanges(link, changed.Interface?.HighestMtu ?? 0))
                {
                    HostLog.Port(_log, news);
                }
            }
            else
            {
                returning = [.. _ports.All.Where(port => port.IsAway && port.Option.Spec.Target == link.Name)];
            }
        }
        Reopen(returning);
    }

    private void OnRemoved(Link link)
    {
        ConfiguredPort? port;
        lock (_ports.Lock)
        {
            port = _ports.FindByInterface(link.Index);
        }
        if (port != null && !_opener.RemoveIfGone(port) && port.Option.Spec.Kind == PortKind.Tap)
        {
            HostLog.Port(_log, $"port {port.Label}: {link.Name}: moved to another network namespace; it carries packets as before, its link is shown as down");
        }
    }

    /// <summary>
    /// Nothing was announced for a while: tries again what failed, such as a device that another program still had, and says what
    /// keeps a device from its work.
    /// </summary>
    private void OnTick()
    {
        List<ConfiguredPort> away;
        lock (_ports.Lock)
        {
            foreach (string fault in _ports.All.Select(port => port.TakeFault()).OfType<string>())
            {
                HostLog.PortTrouble(_log, fault);
            }
            away = [.. _ports.All.Where(port => port.IsAway)];
        }
        Reopen(away);
    }

    /// <summary>
    /// Opens those that can be, on a thread of its own: the monitor has others to tell of other interfaces. It is of the namespace of
    /// whoever calls.
    /// </summary>
    private void Reopen(List<ConfiguredPort> away)
    {
        List<ConfiguredPort> returning = !_takesReturns ? [] : away.FindAll(TryMayReturn);
        if (returning.Count == 0)
        {
            return;
        }
        lock (_ports.Lock)
        {
            if (!_ports.IsClosed)
            {
                Thread? before = _returning;
                _returning = new Thread(() =>
                {
                    before?.Join(); // one after the other, as they were announced
                    returning.ForEach(TryReopen);
                })
                { IsBackground = true, Name = "ports" };
                _returning.Start();
            }
        }
    }

    private void TryReopen(ConfiguredPort port)
    {
        try
        {
            if (!_opener.MayReturn(port))
            {
                return;
            }
            lock (_ports.Lock)
            {
                if (!_ports.IsWanted(port) || !port.TryBeginReturn())
                {
                    return;
                }
            }
            _opener.Open(port, ReserveForReturn(port), line => HostLog.Port(_log, line));
        }
        catch (Exception e) when (e is PortException or OptionException)
        {
            _opener.TakeFailure(port, e.Message);
        }
    }

    /// <summary>
    /// What comes may want more frames than what left, or than was known at start. Without them, a port that leaves us the choice does
    /// without AF_XDP.
    /// </summary>
    private PortSpec ReserveForReturn(ConfiguredPort port)
    {
        PortSpec spec = port.Option.Spec.AsReturning();
        lock (_ports.Lock)
        {
            try
            {
                _ports.GiveFrames(port, PortFactory.FramesTakenBy(spec));
                return spec;
            }
            catch (OptionException e) when (spec.Kind == PortKind.Interface)
            {
                HostLog.PortTrouble(_log, $"{e.Message}; until then as packet:{spec.Target}");
                port.FramesTaken = 0;
                return spec.AsPacket();
            }
        }
    }

    private bool TryMayReturn(ConfiguredPort port)
    {
        try
        {
            return _opener.MayReturn(port);
        }
        catch (PortException e)
        {
            _opener.TakeFailure(port, e.Message);
            return false;
        }
    }
}
