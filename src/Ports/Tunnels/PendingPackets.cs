using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Ports.Tunnels.NextHops;

namespace Softswitch.Ports.Tunnels;

/// <summary>Encapsulated packets that wait until their next hop's Ethernet address is known; one worker's.</summary>
internal sealed unsafe class PendingPackets
{
    /// <summary>Packets that may wait in all, and for one next hop: a silent neighbour must not take all places.</summary>
    public const int Capacity = 64;
    public const int CapacityOfOne = 16;

    private readonly (Packet Packet, Be32 NextHop)[] _packets = new (Packet, Be32)[Capacity];

    public int Count { get; private set; }

    /// <summary>Takes ownership if there is room.</summary>
    public bool TryAdd(in Packet packet, Be32 nextHop)
    {
        int waiting = 0;
        for (int i = 0; i < Count; i++)
        {
            waiting += _packets[i].NextHop == nextHop ? 1 : 0;
        }
        if (Count == Capacity || waiting == CapacityOfOne)
        {
            return false;
        }
        _packets[Count++] = (packet, nextHop);
        return true;
    }

    /// <summary>Takes the oldest packet whose next hop is no longer being asked for.</summary>
    /// <param name="from">Where to go on: 0 at first, then as left by the last call.</param>
    /// <param name="reachable">False: the next hop does not answer, the packet is to be dropped.</param>
    public bool TryTake(Underlay underlay, ref int from, out Packet packet, out bool reachable)
    {
        while (from < Count)
        {
            NeighbourState state = underlay.Find(_packets[from].NextHop, out MacAddress address);
            if (state == NeighbourState.Incomplete)
            {
                from++;
                continue;
            }
            packet = _packets[from].Packet;
            Count--;
            Array.Copy(_packets, from + 1, _packets, from, Count - from);
            reachable = state == NeighbourState.Reachable;
            address.CopyTo(packet.Bytes);
            return true;
        }
        packet = default;
        reachable = false;
        return false;
    }

    /// <summary>Takes any packet: the queue ends.</summary>
    public bool TryTakeAny(out Packet packet)
    {
        packet = Count == 0 ? default : _packets[--Count].Packet;
        return packet.Data != null;
    }
}
