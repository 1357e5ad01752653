using Softswitch.Configuration;
using Softswitch.Datapath.Control;
using Softswitch.Ports;
using Softswitch.Ports.Linux;

namespace Softswitch.Hosting;

/// <summary>Takes a port out of the switch when its interface vanishes, and puts it back when the interface returns.</summary>
/// <remarks>
/// Controllers see port-status with OFPPR_DELETE and OFPPR_ADD (OpenFlow 1.0.0 §5.4.3); other ports lose nothing. Threads: the
/// link monitor's, in the network namespace of the thread that made the watch.
/// </remarks>
internal sealed class PortWatch : IDisposable
{
    private readonly DatapathControl _control;
    private readonly Action<PortOption> _reopen;
    private readonly Action<string> _log;
    private readonly Dictionary<string, PortOption> _present;
    private readonly Dictionary<string, PortOption> _absent = [];
    private readonly Dictionary<string, string> _lastFailure = [];
    private readonly LinkMonitor _monitor;

    /// <param name="ports">The open ports; those that are no interface are not watched.</param>
    /// <param name="reopen">Opens a port again and adds it; throws <see cref="PortException"/> or <see cref="OptionException"/> if it cannot.</param>
    /// <exception cref="SystemCallException">The kernel refuses the monitor's socket.</exception>
    public PortWatch(DatapathControl control, IEnumerable<PortOption> ports, Action<PortOption> reopen, Action<string> log)
    {
        _control = control;
        _reopen = reopen;
        _log = log;
        _present = ports.Where(port => port.Spec.Kind is PortKind.Interface or PortKind.Packet or PortKind.Xdp or PortKind.PcapLib).ToDictionary(port => port.Spec.Target);
        _monitor = new LinkMonitor(OnChanged, OnRemoved);
    }

    public void Dispose() => _monitor.Dispose();

    private void OnRemoved(Link link)
    {
        if (!_present.Remove(link.Name, out PortOption? port))
        {
            return;
        }
        _absent[link.Name] = port;
        lock (_control.Gate)
        {
            _control.RemovePort(port.Number);
        }
        _log($"port {port.Number}: {link.Name}: the interface is gone; waiting for it to return");
    }

    private void OnChanged(Link link)
    {
        if (!_absent.TryGetValue(link.Name, out PortOption? port))
        {
            _control.Wake(); // carrier and speed are looked at now rather than at the next round
            return;
        }
        try
        {
            _reopen(port);
            _absent.Remove(link.Name);
            _lastFailure.Remove(link.Name);
            _present[link.Name] = port;
        }
        catch (Exception e) when (e is PortException or OptionException)
        {
            // The kernel announces a new interface several times: the same failure is one line.
            if (_lastFailure.GetValueOrDefault(link.Name) != e.Message)
            {
                _lastFailure[link.Name] = e.Message;
                _log($"port {port.Number}: {e.Message}");
            }
        }
    }
}
