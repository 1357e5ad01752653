using System.Buffers.Binary;
using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Packets;

namespace Softswitch.Datapath.Pipeline;

/// <summary>What packet-ins of one port are told apart by: none of these can crowd out another.</summary>
internal enum PacketInKind
{
    NoMatch,
    Action,

    /// <summary>LLDP and its relatives, by which controllers learn the topology, whatever the reason.</summary>
    Discovery,

    Count,
}

/// <summary>One port's packets on their way to the control side: a bounded queue for each worker and kind.</summary>
/// <remarks>
/// One queue for all would do, and one flooding port would fill it. With a queue for each, a flood only ever fills its own, and
/// the control side takes from them in turn. Threads: each queue's producer is its worker, its consumer the control side.
/// </remarks>
internal sealed class PacketInQueues
{
    private const ushort EtherTypeVlan = 0x8100;
    private const ushort EtherTypeLldp = 0x88cc;
    private const ushort EtherTypeBroadcastDiscovery = 0x8942; // Floodlight's LLDP that switches without OpenFlow flood

    private readonly SpscRing<QueuedPacketIn>[] _rings;

    /// <param name="capacity">Packets each queue holds; rounded up to a power of two.</param>
    public PacketInQueues(int workers, int capacity)
    {
        _rings = new SpscRing<QueuedPacketIn>[workers * (int)PacketInKind.Count];
        for (int i = 0; i < _rings.Length; i++)
        {
            _rings[i] = new SpscRing<QueuedPacketIn>(capacity);
        }
    }

    public IReadOnlyList<SpscRing<QueuedPacketIn>> All => _rings;

    public SpscRing<QueuedPacketIn> Of(int worker, PacketInKind kind) => _rings[(worker * (int)PacketInKind.Count) + (int)kind];

    public static PacketInKind KindOf(PacketInReason reason, in Packet packet)
    {
        ReadOnlySpan<byte> bytes = packet.Bytes;
        int at = bytes.Length >= 18 && BinaryPrimitives.ReadUInt16BigEndian(bytes[12..]) == EtherTypeVlan ? 16 : 12;
        bool isDiscovery = bytes.Length >= at + 2
            && BinaryPrimitives.ReadUInt16BigEndian(bytes[at..]) is EtherTypeLldp or EtherTypeBroadcastDiscovery;
        return isDiscovery ? PacketInKind.Discovery : reason == PacketInReason.NoMatch ? PacketInKind.NoMatch : PacketInKind.Action;
    }
}
