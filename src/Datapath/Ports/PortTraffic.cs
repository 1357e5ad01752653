namespace Softswitch.Datapath.Ports;

/// <summary>What a device received and sent without its worker seeing it: a tunnel's packets on the port they travel by, ARP. Never falling; added to the port's statistics.</summary>
public struct PortTraffic
{
    public long ReceivedPackets;

    public long ReceivedBytes;

    public long TransmittedPackets;

    public long TransmittedBytes;
}
