using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;

namespace Softswitch.Datapath.Control;

/// <summary>Ports: added, removed, configured and watched; threads as for the rest of the class.</summary>
internal sealed unsafe partial class DatapathControl
{
    // Out of the switch, but perhaps in the hands of a worker that is stuck.
    private readonly List<SwitchPort> _removedInVain = [];
    private ushort _incarnations;

    // What the kernel announces is looked at all the same: a driver that is told another speed may say nothing.
    private const int AnnouncedLinkInterval = 2000;
    private long _allLinksCheckedAt;

    /// <summary>The ports in ascending order; LOCAL last.</summary>
    public IReadOnlyList<PortDescription> Ports => Array.ConvertAll(_shared.Ports.Ports, port => port.Description);

    /// <summary>The ports' numbers, in the same order.</summary>
    public ReadOnlySpan<ushort> PortNumbers => _shared.Ports.Numbers;

    /// <summary>A port; null if there is none of that number.</summary>
    public SwitchPort? FindPort(ushort number) => _shared.Ports.Find(number);

    /// <returns>False if there is no such port.</returns>
    public bool TryReadPort(ushort number, out PortStatistics statistics)
    {
        SwitchPort? port = _shared.Ports.Find(number);
        statistics = port?.ReadStatistics() ?? default;
        return port != null;
    }

    /// <summary>Adds a port and reports it. The datapath owns the device from now on.</summary>
    /// <param name="beside">A port whose workers are to serve this one too, queue by queue: the two share state. Null: whichever worker is next.</param>
    /// <returns><see cref="ControlError.BadPort"/> if the number is taken or reserved, or there is no port to be beside; the device then stays the caller's.</returns>
    public ControlError AddPort(ushort number, IPortDevice device, PortConfig config = PortConfig.None, ushort? beside = null)
    {
        SwitchPort? neighbour = beside == null ? null : _shared.Ports.Find(beside.Value);
        if (beside != null && neighbour == null)
        {
            return ControlError.BadPort;
        }
        if ((!PortNumber.IsPhysical(number) && number != PortNumber.Local) || _shared.Ports.Find(number) != null)
        {
            return ControlError.BadPort;
        }
        int firstWorker = neighbour?.FirstWorker ?? _nextPortWorker;
        SwitchPort port = new(number, device, config, firstWorker, _workers.Length)
        {
            PacketIns = new PacketInQueues(_shared.PacketInRoom),
            Incarnation = _incarnations++,
        };
        _nextPortWorker = neighbour == null ? (_nextPortWorker + 1) % _workers.Length : _nextPortWorker;
        _spanningTree?.Add(port);
        Publish([.. _shared.Ports.Ports.Append(port).OrderBy(p => p.Number)]);
        _events?.OnPortStatus(PortStatusReason.Add, port.Description);
        return ControlError.None;
    }

    /// <summary>Takes a port out, reports it and disposes of its device when no worker uses it any more: at the end, if one is stuck.</summary>
    public ControlError RemovePort(ushort number)
    {
        if (_shared.Ports.Find(number) is not SwitchPort port)
        {
            return ControlError.BadPort;
        }
        Publish([.. _shared.Ports.Ports.Where(p => p != port)]);
        _spanningTree?.Remove(port);
        port.Device.Detach();
        bool isFree = _shared.Grace.Wait();
        foreach (Worker worker in _workers)
        {
            worker.WaitForAdoption(_shared.Ports, AdoptionPatience);
        }
        _shared.Macs.ForgetPort(number);
        _packetIns.Discard(port.PacketIns);
        _events?.OnPortStatus(PortStatusReason.Delete, port.Description);
        if (isFree)
        {
            PortCounters last = port.Device.ReadCounters();
            port.Dispose();
            _accounts.Retire(port, last);
        }
        else
        {
            _removedInVain.Add(port);
        }
        return ControlError.None;
    }

    /// <summary>Whether somebody calls <see cref="AnnounceLinkChange"/> for interfaces whose changes the kernel announces. Set before the first port.</summary>
    public bool LinksAreAnnounced { get; set; }

    /// <summary>Without the control lock, any thread: something about the interfaces behind the ports changed. <see cref="Service"/> looks at them at once.</summary>
    public void AnnounceLinkChange()
    {
        _linksChanged = true;
        Wake();
    }

    /// <summary>Port-mod (§5.3.3): sets the bits of <paramref name="mask"/> to those of <paramref name="config"/>.</summary>
    public ControlError ConfigurePort(ushort number, MacAddress hardwareAddress, PortConfig config, PortConfig mask)
    {
        if (_shared.Ports.Find(number) is not SwitchPort port)
        {
            return ControlError.BadPort;
        }
        if (port.HardwareAddress != hardwareAddress)
        {
            return ControlError.BadHardwareAddress;
        }
        mask &= PortConfig.All;
        PortConfig old = port.Config;
        bool wasConnected = port.IsConnected;
        port.Config = (old & ~mask) | (config & mask);
        _flows.Offloads.SetPorts(_shared.Ports.Ports);
        bool isReported = UpdateBridge(port, wasConnected);
        if (((old ^ port.Config) & PortConfig.PortDown) != 0)
        {
            port.Device.SetAdministrativeState((port.Config & PortConfig.PortDown) == 0);
            if (!isReported)
            {
                _events?.OnPortStatus(PortStatusReason.Modify, port.Description);
            }
        }
        return ControlError.None;
    }

    private void Publish(SwitchPort[] ports) => Publish(_shared.Settings with { Ports = new PortSet(ports) });

    private void Publish(PipelineSettings settings)
    {
        _shared.Settings = settings;
        _flows.Offloads.SetPorts(settings.Ports.Ports);
        _flows.Offloads.Suspend(settings.OffloadObstacle);
        foreach (Worker worker in _workers)
        {
            worker.Wake();
        }
    }

    /// <summary>Reports what a controller can see of the change. Whoever takes an interface down or up does what a port-mod of PORT_DOWN does (§5.2.1).</summary>
    private void TakeLink(SwitchPort port, in PortLink link)
    {
        PortDescription before = port.Description;
        bool wasConnected = port.IsConnected;
        if (link.IsSetDown != port.Link.IsSetDown)
        {
            port.Config = link.IsSetDown ? port.Config | PortConfig.PortDown : port.Config & ~PortConfig.PortDown;
            _flows.Offloads.SetPorts(_shared.Ports.Ports);
        }
        port.Take(link);
        if (!UpdateBridge(port, wasConnected) && port.Description != before)
        {
            _events?.OnPortStatus(PortStatusReason.Modify, port.Description);
        }
    }

    /// <summary>The port's link or configuration may be another one. One that leads nowhere any more is known for nobody: its stations are looked for on all others.</summary>
    /// <returns>Whether spanning tree has reported the port.</returns>
    private bool UpdateBridge(SwitchPort port, bool wasConnected)
    {
        bool isReported = _spanningTree?.Update(port) ?? false;
        if (_spanningTree == null)
        {
            port.BridgeFlags = port.FlagsOutsideTree;
        }
        if (wasConnected && !port.IsConnected)
        {
            _shared.Grace.Retire(_shared.Macs, port.Number);
            _shared.Service.RaiseAlways();
        }
        return isReported;
    }

    private void CheckLinks()
    {
        long now = _shared.Clock.Milliseconds;
        if (!_linksChanged && now - _linksCheckedAt < LinkCheckInterval)
        {
            return;
        }
        bool asksAll = _linksChanged || !LinksAreAnnounced || now - _allLinksCheckedAt >= AnnouncedLinkInterval;
        _linksChanged = false; // first: what changes from here on is announced anew
        _linksCheckedAt = now;
        _allLinksCheckedAt = asksAll ? now : _allLinksCheckedAt;
        foreach (SwitchPort port in _shared.Ports.Ports)
        {
            if (!asksAll && port.Device.IsLinkAnnounced)
            {
                continue;
            }
            PortLink link = port.Device.ReadLink();
            if (!port.IsAsReported(link))
            {
                TakeLink(port, link);
            }
        }
        PublishQueues(changed: false); // they follow the links' speed
    }
}
