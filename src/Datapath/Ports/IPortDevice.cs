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

    /// <summary>Whether the kernel announces what changes of the link, so that it need not be asked often where somebody listens.</summary>
    bool IsLinkAnnounced => false;

    /// <summary>
    /// Why the device cannot do its work at present, such as a full disk, for one line in the log; null while nothing keeps it from it.
    /// </summary>
    string? Fault => null;

    /// <summary>
    /// The link is not what it was, or there is something to say: a line for the log, or null. Raised on a thread of the device's, which
    /// nobody keeps; whoever
    /// listens looks at <see cref="ReadLink"/> soon. A device whose interface the kernel watches raises none.
    /// </summary>
    event Action<string?> Changed
    {
        add { }
        remove { }
    }

    /// <summary>What only the device itself can count.</summary>
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
    /// What the device would do with a packet that it received, before the switch has it. Nothing is learned, answered or counted.
    /// </summary>
    /// <param name="packet">Becomes what is in it where that has a receiver; its frame stays the same.</param>
    /// <returns>Null if it is the switch's.</returns>
    LocalDelivery? TraceIngress(ref Packet packet, FrameCache frames) => null;

    /// <summary>Something that treats packets as the device's queues treat what they send, for whoever follows one packet.</summary>
    /// <param name="wire">Takes what would leave.</param>
    /// <returns>Null for a device whose packets leave as they are.</returns>
    IEgressTrace? TraceEgress(IPort wire) => null;

    /// <summary>Sets the interface administratively up or down where the backend can; a no-op elsewhere.</summary>
    void SetAdministrativeState(bool up);
}
