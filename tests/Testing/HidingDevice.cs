using Softswitch.Datapath.Ports;

namespace Softswitch.Testing;

/// <summary>A device that does not tell what local stacks left unfinished, as AF_XDP on a veth.</summary>
internal sealed class HidingDevice(IPortDevice inner) : ForwardingDevice(inner), INetworkInterface
{
    public override INetworkInterface Interface => this;

    public bool HidesPartialChecksums => true;

    public int InterfaceIndex => 1;

    public bool HasInterface => true;

    public int HighestMtu => 0;
}
