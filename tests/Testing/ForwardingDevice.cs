using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;

namespace Softswitch.Testing;

/// <summary>A device in front of another that does all that a test does not change.</summary>
internal abstract class ForwardingDevice(IPortDevice inner) : IPortDevice
{
    public string Name => inner.Name;

    public string Backend => inner.Backend;

    public MacAddress HardwareAddress => inner.HardwareAddress;

    public bool TakesOffloads => inner.TakesOffloads;

    public bool Takes(in OffloadState offload) => inner.Takes(offload);

    public virtual IReadOnlyList<IPort> Queues => inner.Queues;

    public virtual INetworkInterface? Interface => inner.Interface;

    public PortLink ReadLink() => inner.ReadLink();

    public virtual PortCounters ReadCounters() => inner.ReadCounters();

    public void SetAdministrativeState(bool up) => inner.SetAdministrativeState(up);

    public void Dispose()
    {
        inner.Dispose();
        GC.SuppressFinalize(this);
    }
}
