using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Ports;

namespace Softswitch.Ports.Tests.Tunnels;

/// <summary>A device that does not tell what local stacks left unfinished, as AF_XDP on a veth.</summary>
internal sealed class HidingDevice(IPortDevice inner) : IPortDevice, INetworkInterface
{
    public INetworkInterface Interface => this;

    public bool HidesUnfinishedChecksums => true;

    public int InterfaceIndex => 1;

    public bool HasInterface => true;

    public int HighestMtu => 0;

    public string Name => inner.Name;

    public string Backend => inner.Backend;

    public MacAddress HardwareAddress => inner.HardwareAddress;

    public bool TakesOffloads => inner.TakesOffloads;

    public IReadOnlyList<IPort> Queues => inner.Queues;

    public PortLink ReadLink() => inner.ReadLink();

    public PortCounters ReadCounters() => inner.ReadCounters();

    public void SetAdministrativeState(bool up) => inner.SetAdministrativeState(up);

    public void Dispose() => inner.Dispose();
}
