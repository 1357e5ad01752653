using System.Buffers.Binary;
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

/// <summary>One port's packets on their way to the control side: a queue for each kind.</summary>
/// <remarks>
/// One queue for all would do, and one flooding port would fill it. With a queue for each, a flood only ever fills its own, and
/// the control side takes from them in turn.
/// </remarks>
internal sealed class PacketInQueues
{
    private const ushort EtherTypeVlan = 0x8100;
    private const ushort EtherTypeLldp = 0x88cc;
    private const ushort EtherTypeBroadcastDiscovery = 0x8942; // Floodlight's LLDP that switches without OpenFlow flood

    private readonly PacketInQueue[] _queues = new PacketInQueue[(int)PacketInKind.Count];

    /// <param name="room">What it shares with all other queues of the switch.</param>
    public PacketInQueues(PacketInRoom room)
    {
        for (int i = 0; i < _queues.Length; i++)
        {
            _queues[i] = new PacketInQueue(room);
        }
    }

    public IReadOnlyList<PacketInQueue> All => _queues;

    public PacketInQueue Of(PacketInKind kind) => _queues[(int)kind];

    public static PacketInKind KindOf(PacketInReason reason, in Packet packet)
    {
        ReadOnlySpan<byte> bytes = packet.Bytes;
        int at = bytes.Length >= 18 && BinaryPrimitives.ReadUInt16BigEndian(bytes[12..]) == EtherTypeVlan ? 16 : 12;
        bool isDiscovery = bytes.Length >= at + 2
            && BinaryPrimitives.ReadUInt16BigEndian(bytes[at..]) is EtherTypeLldp or EtherTypeBroadcastDiscovery;
        return isDiscovery ? PacketInKind.Discovery : reason == PacketInReason.NoMatch ? PacketInKind.NoMatch : PacketInKind.Action;
    }
}
