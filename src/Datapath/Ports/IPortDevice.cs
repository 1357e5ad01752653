using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;

namespace Softswitch.Datapath.Ports;

/// <summary>What stands behind a switch port: an interface, a file, a tunnel. The control side's view.</summary>
/// <remarks>
/// Threads: any, except the queues, which belong to one worker each. Disposing ends the device and leaves the interface as
/// it was found; no queue may be in use then.
/// </remarks>
internal interface IPortDevice : IDisposable
{
    /// <summary>
    /// Name shown to controllers; struct ofp_phy_port has room for 15 bytes of it. It and the address may change, seen by <see
    /// cref="ReadLink"/>.
    /// </summary>
    string Name { get; }

    /// <summary>The backend and why it was chosen, for one line at start, such as <c>AF_PACKET: mmap rings, segments carried</c>.</summary>
    string Backend { get; }

    MacAddress HardwareAddress { get; }

    /// <summary>Whether <see cref="IPort.Transmit"/> accepts packets with a partial checksum or to be segmented.</summary>
    bool TakesOffloads { get; }

    /// <summary>
    /// Whether it accepts a packet that owes this. Asked for each that owes something: a guest takes some kinds, and others another time.
    /// </summary>
    bool Takes(in OffloadState offload) => TakesOffloads;

    /// <summary>At least one queue pair. They are dealt to the workers in turn; one with several sends by the first of its own.</summary>
    IReadOnlyList<IPort> Queues { get; }

    /// <summary>The link's present state. Cheap; may be asked several times a second.</summary>
    PortLink ReadLink();

    /// <summary>Whether the kernel announces changes of the link: then a listener need not poll it often.</summary>
    bool IsLinkAnnounced => false;

    /// <summary>
    /// Why the device cannot do its work at present, such as a full disk, for one line in the log; null while nothing keeps it from it.
    /// </summary>
    string? Fault => null;

    /// <summary>
    /// The link has changed, or there is a line for the log; null if there is no line. Raised on a thread of the device's. Handlers must not block
    /// it; they read the link afterwards by <see cref="ReadLink"/>. A device whose interface the kernel watches raises none.
    /// </summary>
    event Action<string?> Changed
    {
        add { }
        remove { }
    }

    /// <summary>Counters that only the device itself has.</summary>
    PortCounters ReadCounters();

    /// <summary>The interface behind it; null where there is none, as for a file or a tunnel.</summary>
    INetworkInterface? Interface => null;

    /// <summary>How another process can go on with the device; null if none can.</summary>
    IDeviceHandover? Handover => null;

    /// <summary>
    /// The port leaves the switch: no other port may use this device's queues from the workers' next passes on. <see
    /// cref="IDisposable.Dispose"/> follows when those under way are over.
    /// </summary>
    void Detach()
    {
    }

    /// <summary>
    /// Traces a packet that the device received, up to the switch. The device learns, answers and counts nothing.
    /// </summary>
    /// <param name="packet">Becomes the inner packet if a tunnel receives that; its frame stays the same.</param>
    /// <returns>Null if the packet goes to the switch.</returns>
    LocalDelivery? TraceIngress(ref Packet packet, FrameCache frames) => null;

    /// <summary>Makes an object that treats traced packets as the device's queues treat packets to send.</summary>
    /// <param name="wire">Takes the packets that would leave.</param>
    /// <returns>Null for a device whose packets leave as they are.</returns>
    IEgressTrace? TraceEgress(IPort wire) => null;

    /// <summary>Sets the interface administratively up or down where the backend can; a no-op elsewhere.</summary>
    void SetAdministrativeState(bool up);
}
