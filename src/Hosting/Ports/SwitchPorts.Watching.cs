using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Logging;
using Softswitch.Ports;
using Softswitch.Ports.Linux.Netlink;
using Softswitch.Ports.Opening;
using Softswitch.Ports.Specs;

namespace Softswitch.Hosting.Ports;

/// <content>Interfaces that change, vanish and return.</content>
internal sealed partial class SwitchPorts
{
    /// <summary>On a device's thread, and without our lock: who removes the device holds it and waits for that thread.</summary>
    private void NoteChange(string who, string? news)
    {
        _control.Ports.AnnounceLinkChange();
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
                _control.Ports.AnnounceLinkChange();
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
        Reopen(returning);
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

    /// <summary>
    /// Nothing was announced for a while: tries again what failed, such as a device that another program still had, and says what
    /// keeps a device from its work.
    /// </summary>
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
        Reopen(away);
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
        Reopen([port]); // another of that name may be there already, and would not be announced again
        return true;
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
        lock (_lock)
        {
            if (!_closed)
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
            if (_closed || !MayReturn(port))
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

    /// <summary>
    /// What comes may want more frames than what left, or than was known at start. Without them, a port that leaves us the choice does
    /// without AF_XDP.
    /// </summary>
    private PortSpec ReserveForReturn(ConfiguredPort port)
    {
        PortSpec spec = port.Option.Spec.AsReturning();
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

    private bool TryMayReturn(ConfiguredPort port)
    {
        try
        {
            return MayReturn(port);
        }
        catch (PortException e)
        {
            lock (_lock)
            {
                TakeFailure(port, e.Message);
            }
            return false;
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
        // It is tried again and again: the same failure is one line, also where it says less the next time (whose the interface is can
        // be asked so often only).
        // What was removed meanwhile is nobody's concern.
        if (port.LastFailure?.StartsWith(message, StringComparison.Ordinal) != true && !_closed && _ports.Contains(port))
        {
            port.LastFailure = message;
            HostLog.PortTrouble(_log, message);
        }
    }
}
