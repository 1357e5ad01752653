using Softswitch.Datapath.Packets;

namespace Softswitch.Datapath.Ports;

/// <summary>What a device counted since it was opened, summed over its queues. Never falling; added to the port's statistics.</summary>
internal struct PortCounters
{
    /// <summary>Arrived but lost before a frame held them: ring full, no free frame.</summary>
    public long ReceiveDropped;

    /// <summary>Arrived damaged, truncated or longer than the switch carries.</summary>
    public long ReceiveErrors;

    /// <summary>
    /// Taken by <see cref="IPort.Transmit"/> and refused by the device afterwards. A queue that knows which packet it was counts it by
    /// <see cref="IPort.CountOn"/> instead.
    /// </summary>
    public long TransmitErrors;

    /// <summary>
    /// Taken by <see cref="IPort.Transmit"/> and dropped afterwards for want of a place or a way: a full queue below, an unknown
    /// neighbour.
    /// </summary>
    public long TransmitDropped;

    /// <summary>All that passed, what workers count included, where hardware forwards past them; null elsewhere.</summary>
    public PortTraffic? Traffic;

    /// <summary>What hardware treated past the workers, as a worker would have counted it; null where there is none, or only <see cref="Traffic"/> is known.</summary>
    public PortAccount? Hardware;

    /// <summary>Writes what a device counted, hardware aside, for another process to go on from.</summary>
    public readonly void Save(BinaryWriter to)
    {
        to.Write(ReceiveDropped);
        to.Write(ReceiveErrors);
        to.Write(TransmitErrors);
        to.Write(TransmitDropped);
    }

    /// <summary>What <see cref="Save"/> wrote.</summary>
    public static PortCounters Read(BinaryReader from) => new()
    {
        ReceiveDropped = from.ReadInt64(),
        ReceiveErrors = from.ReadInt64(),
        TransmitErrors = from.ReadInt64(),
        TransmitDropped = from.ReadInt64(),
    };
}

/// <summary>Packets and bytes in both directions.</summary>
internal struct PortTraffic
{
    public long ReceivedPackets;

    public long ReceivedBytes;

    public long TransmittedPackets;

    public long TransmittedBytes;
}
