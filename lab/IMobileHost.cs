using System.Net;
using System.Net.Sockets;
using Softswitch.Datapath.Headers;
using Softswitch.Ports;

namespace Softswitch.Lab;

/// <summary>A host that moves between places, each a port of a switch: a namespace with a cable to each, or a guest that migrates live.</summary>
/// <remarks>
/// A namespace runs programs and streams of the lab's at both ends. A guest runs its own kernel: it answers pings, sends back what comes to
/// its echo ports, and does what else it is told by its shell. Threads: one at a time.
/// </remarks>
internal interface IMobileHost
{
    string Name { get; }

    MacAddress HardwareAddress { get; }

    Be32 Address { get; }

    IPAddress IPAddress { get; }

    /// <summary>Which place it is at, from 0, in the order of their connecting.</summary>
    int Current { get; }

    /// <summary>Makes another place ready for it, before the move.</summary>
    /// <exception cref="PortException">The place does not come up.</exception>
    void Prepare(int place);

    /// <summary>Moves to another place, which is prepared.</summary>
    /// <returns>What the hypervisor says of it; null of a namespace, which is there at once, and says nothing to the network.</returns>
    /// <exception cref="TestbedException">The guest could not be moved.</exception>
    MigrationFigures? MoveTo(int place);

    /// <summary>Broadcasts a gratuitous ARP request, as a host does that is new somewhere (RFC 5227 §2.3).</summary>
    void Announce();

    /// <summary>Broadcasts a RARP request with nothing but the Ethernet address in it, as hypervisors do for a machine that has moved.</summary>
    void AnnounceByRarp();

    /// <summary>Forgets the Ethernet addresses of its neighbours.</summary>
    void ForgetNeighbours();

    /// <summary>The Ethernet address its kernel has for a neighbour; null if it knows none.</summary>
    MacAddress? FindNeighbour(Be32 address);

    /// <summary>Opens a UDP or TCP port.</summary>
    /// <returns>A socket that is bound to it, of TCP one that listens; null of a guest, which sends back what comes there.</returns>
    Socket? Listen(ProtocolType protocol, ushort port);

    /// <summary>Sends one ping.</summary>
    /// <returns>How long its answer took; null if there was none in this time.</returns>
    TimeSpan? Ping(Be32 to, TimeSpan patience);

    /// <summary>Where the cable to a place can be looked at.</summary>
    CableEnd CableTo(int place);
}

/// <summary>An end of a cable: an interface of a node, or without a name a port of a switch, seen from the far end.</summary>
internal readonly record struct CableEnd(LabNode? Node, string? InterfaceName, ushort Port = 0);
