using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Offload;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;

namespace Softswitch.Datapath.Control;

/// <summary>Ports: added, removed, configured and watched.</summary>
/// <remarks>Threads: under the control lock, but for <see cref="AnnounceLinkChange"/>.</remarks>
internal sealed class PortControl(
    WorkerShared shared, Worker[] workers, PipelineControl pipeline, QueueControl queues, FlowOffloads offloads, PacketInDelivery packetIns, PacketAccounting accounts,
    SpanningTreeControl? spanningTree)
{
    // Milliseconds to wait for a worker to stop using a removed port, before its device is closed.
    private const int AdoptionPatience = 1000;

    private const int LinkCheckInterval = 250;

    // Links are polled although the kernel announces changes: a driver may not announce another speed.
    private const int AnnouncedLinkInterval = 2000;

    // Removed ports that a stuck worker may still use.
    private readonly List<SwitchPort> _removedInVain = [];
    private ushort _incarnations;
    private int _nextWorker;
    private long _linksCheckedAt;
    private long _allLinksCheckedAt;
    private volatile bool _linksChanged;

    /// <summary>Told of ports that come, go and change.</summary>
    public IControlEvents? Events { get; set; }

    /// <summary>The ports in ascending order; LOCAL last.</summary>
    public IReadOnlyList<PortDescription> Descriptions => Array.ConvertAll(shared.Ports.Ports, port => port.Description);

    /// <summary>The current set of ports. It is replaced by another object when a port is added or removed.</summary>
    public object Current => shared.Ports.Ports;

    /// <summary>The ports' numbers, in the order of <see cref="Descriptions"/>.</summary>
    public ReadOnlySpan<ushort> Numbers => shared.Ports.Numbers;

    /// <summary>A port; null if there is none of that number.</summary>
    public SwitchPort? Find(ushort number) => shared.Ports.Find(number);

    /// <returns>False if there is no such port.</returns>
    public bool TryRead(ushort number, out PortStatistics statistics)
    {
        SwitchPort? port = shared.Ports.Find(number);
        statistics = port?.ReadStatistics() ?? default;
        return port != null;
    }

    /// <summary>Adds a port and reports it; every worker uses it then. The datapath owns the device from now on.</summary>
    /// <param name="beside">A port whose workers must serve this port too, queue by queue, as both share state. Null: the next workers in turn.</param>
    /// <returns><see cref="ControlError.BadPort"/> if the number is taken or reserved, or there is no port to be beside; the device then stays the caller's.</returns>
    public ControlError Add(ushort number, IPortDevice device, PortConfig config = PortConfig.None, ushort? beside = null)
    {
        SwitchPort? neighbour = beside == null ? null : shared.Ports.Find(beside.Value);
        if (beside != null && neighbour == null)
        {
            return ControlError.BadPort;
        }
        if ((!PortNumber.IsPhysical(number) && number != PortNumber.Local) || shared.Ports.Find(number) != null)
        {
            return ControlError.BadPort;
        }
        int firstWorker = neighbour?.FirstWorker ?? _nextWorker;
        SwitchPort port = new(number, device, config, firstWorker, workers.Length)
        {
            PacketIns = new PacketInQueues(shared.PacketInRoom),
            Incarnation = _incarnations++,
        };
        _nextWorker = neighbour == null ? (_nextWorker + 1) % workers.Length : _nextWorker;
        spanningTree?.Add(port);
        pipeline.Publish([.. shared.Ports.Ports.Append(port).OrderBy(p => p.Number)]);
        shared.Grace.Wait(); // a pass begun before has no such port: it would drop what an entry added next sends there
        Report(port, PortStatusReason.Add);
        return ControlError.None;
    }

    /// <summary>Takes a port out, reports it and disposes of its device when no worker uses it any more: at the end, if one is stuck.</summary>
    public ControlError Remove(ushort number)
    {
        if (shared.Ports.Find(number) is not SwitchPort port)
        {
            return ControlError.BadPort;
        }
        pipeline.Publish([.. shared.Ports.Ports.Where(p => p != port)]);
        spanningTree?.Remove(port);
        port.Device.Detach();
        bool isFree = shared.Grace.Wait();
        foreach (Worker worker in workers)
        {
            worker.WaitForAdoption(shared.Ports, AdoptionPatience);
        }
        shared.Macs.ForgetPort(number);
        packetIns.Discard(port.PacketIns);
        Report(port, PortStatusReason.Delete);
        if (isFree)
        {
            PortCounters last = port.Device.ReadCounters();
            port.Dispose();
            accounts.Retire(port, last);
        }
        else
        {
            _removedInVain.Add(port);
        }
        return ControlError.None;
    }

    /// <summary>Whether a monitor calls <see cref="AnnounceLinkChange"/> when the kernel announces a change. Set before the first port.</summary>
    public bool LinksAreAnnounced { get; set; }

    /// <summary>Without the control lock, any thread: something about the interfaces behind the ports changed. <see cref="CheckLinks"/> looks at them at once.</summary>
    public void AnnounceLinkChange()
    {
        _linksChanged = true;
        shared.Service.RaiseAlways();
    }

    /// <summary>Port-mod (§5.3.3): sets the bits of <paramref name="mask"/> to those of <paramref name="config"/>.</summary>
    public ControlError Configure(ushort number, MacAddress hardwareAddress, PortConfig config, PortConfig mask)
    {
        if (shared.Ports.Find(number) is not SwitchPort port)
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
        offloads.SetPorts(shared.Ports.Ports);
        bool isReported = UpdateBridge(port, wasConnected);
        if (((old ^ port.Config) & PortConfig.PortDown) != 0)
        {
            port.Device.SetAdministrativeState((port.Config & PortConfig.PortDown) == 0);
            if (!isReported)
            {
                Report(port);
            }
        }
        return ControlError.None;
    }

    /// <summary>Looks at the devices' links, now and then or when a change was announced, and reports what changed.</summary>
    public void CheckLinks()
    {
        long now = shared.Clock.Milliseconds;
        if (!_linksChanged && now - _linksCheckedAt < LinkCheckInterval)
        {
            return;
        }
        bool asksAll = _linksChanged || !LinksAreAnnounced || now - _allLinksCheckedAt >= AnnouncedLinkInterval;
        _linksChanged = false; // reset first: later changes are announced anew
        _linksCheckedAt = now;
        _allLinksCheckedAt = asksAll ? now : _allLinksCheckedAt;
        foreach (SwitchPort port in shared.Ports.Ports)
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
        queues.Refresh(); // they follow the links' speed
    }

    public void Report(SwitchPort port, PortStatusReason reason = PortStatusReason.Modify) => Events?.OnPortStatus(reason, port.Description);

    /// <summary>The end: disposes of hardware and devices. Interfaces are left as they were found.</summary>
    /// <param name="ports">All ports there were, also removed ones that a worker may still have. Their accounts are left.</param>
    /// <returns>The exceptions of devices.</returns>
    public List<Exception> Close(out SwitchPort[] ports)
    {
        List<Exception> failures = [];
        offloads.Dispose();
        ports = [.. shared.Ports.Ports, .. _removedInVain];
        // The kernel takes long to close a packet socket, and they do not depend on each other.
        ILookup<bool, SwitchPort> bySpeed = ports.ToLookup(port => port.Device is { IsLinkAnnounced: true, TakesOffloads: true });
        foreach (SwitchPort port in bySpeed[false])
        {
            Dispose(port);
        }
        SwitchPort[] slow = [.. bySpeed[true]];
        ParallelRun.Run(slow.Length, i => Dispose(slow[i]));
        shared.Settings = shared.Settings with { Ports = PortSet.Empty, Captures = [] };
        return failures;

        void Dispose(SwitchPort port)
        {
            try
            {
                port.Dispose();
            }
#pragma warning disable CA1031 // the other interfaces are to be left as they were found whatever one device does
            catch (Exception e)
#pragma warning restore CA1031
            {
                lock (failures)
                {
                    failures.Add(e);
                }
            }
        }
    }

    /// <summary>Reports what a controller can see of the change. To take an interface down or up has the effect of a port-mod of PORT_DOWN (§5.2.1).</summary>
    private void TakeLink(SwitchPort port, in PortLink link)
    {
        PortDescription before = port.Description;
        bool wasConnected = port.IsConnected;
        if (link.IsSetDown != port.Link.IsSetDown)
        {
            port.Config = link.IsSetDown ? port.Config | PortConfig.PortDown : port.Config & ~PortConfig.PortDown;
            offloads.SetPorts(shared.Ports.Ports);
        }
        port.Take(link);
        if (!UpdateBridge(port, wasConnected) && port.Description != before)
        {
            Report(port);
        }
    }

    /// <summary>The port's link or configuration may have changed. If it lost its link, its stations are forgotten: packets to them are flooded.</summary>
    /// <returns>Whether spanning tree has reported the port.</returns>
    private bool UpdateBridge(SwitchPort port, bool wasConnected)
    {
        bool isReported = spanningTree?.Update(port) ?? false;
        if (spanningTree == null)
        {
            port.BridgeFlags = port.FlagsOutsideTree;
        }
        if (wasConnected && !port.IsConnected)
        {
            shared.Grace.Retire(shared.Macs, port.Number);
            shared.Service.RaiseAlways();
        }
        return isReported;
    }
}
