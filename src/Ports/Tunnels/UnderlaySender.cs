using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Tunnels.NextHops;

namespace Softswitch.Ports.Tunnels;

/// <summary>Sends by one queue of an underlay port what tunnels and the port itself make. All of it is counted here: as made, held, sent or dropped.</summary>
/// <remarks>Threads: the worker's that serves the queue.</remarks>
/// <param name="wire">The queue of the device that has the wire.</param>
internal sealed unsafe class UnderlaySender(IPort wire, UnderlayDevice device, Underlay underlay)
{
    /// <summary>Packets that may wait for one next hop, and for all: a silent neighbour must not take all places.</summary>
    public const int MostHeldForOne = 16;
    private const int MostHeld = 64;

    private readonly (Packet Packet, Be32 NextHop)[] _held = new (Packet, Be32)[MostHeld];
    private PortAccount* _account = PortAccount.Nobody;

    /// <summary>Packets that wait until their next hop's Ethernet address is known.</summary>
    public int HeldCount { get; private set; }

    public MacAddress HardwareAddress => device.HardwareAddress;

    /// <summary>As <see cref="UnderlayDevice.Mtu"/>.</summary>
    public int Mtu => device.Mtu;

    /// <summary>When the queue is to ask for next hops, in milliseconds of the underlay: in its next pass once a packet is held.</summary>
    public long DueAt { get; set; } = long.MinValue;

    /// <summary>As <see cref="IPort.CountOn"/>, for the underlay.</summary>
    public void CountOn(PortAccount* account) => _account = account;

    /// <summary>Sends packets that were made. Takes their ownership.</summary>
    public void Send(ReadOnlySpan<Packet> packets, FrameCache frames)
    {
        _account->Egress.Made += (uint)packets.Length;
        SendMade(packets, frames);
    }

    /// <summary>Counts packets that could not be made, as no frame was free.</summary>
    public void CountUnmade(int packets)
    {
        _account->Egress.Made += (uint)packets;
        _account->Egress.CountDrops(DropReason.NoFrame, packets);
    }

    /// <summary>Drops a packet that was made and has no route.</summary>
    public void DropUnsent(in Packet packet, DropReason reason, FrameCache frames)
    {
        _account->Egress.Made++;
        frames.Drop(packet, reason, &_account->Egress);
    }

    /// <summary>Keeps a packet until its next hop is known; the worker asks for it in its next pass. Takes ownership if there is room.</summary>
    public bool TryHold(in Packet packet, Be32 nextHop)
    {
        int same = 0;
        for (int i = 0; i < HeldCount; i++)
        {
            same += _held[i].NextHop == nextHop ? 1 : 0;
        }
        if (HeldCount == MostHeld || same == MostHeldForOne)
        {
            return false;
        }
        _held[HeldCount++] = (packet, nextHop);
        DueAt = long.MinValue;
        _account->Egress.Made++;
        _account->Egress.Held++;
        return true;
    }

    /// <summary>Sends the held packets whose next hop is known by now; drops those whose next hop does not answer.</summary>
    public void SendHeld(FrameCache frames)
    {
        int kept = 0;
        for (int i = 0; i < HeldCount; i++)
        {
            (Packet packet, Be32 nextHop) = _held[i];
            NeighbourState state = underlay.Find(nextHop, out MacAddress address);
            if (state == NeighbourState.Incomplete)
            {
                _held[kept++] = (packet, nextHop);
                continue;
            }
            _account->Egress.Held--;
            if (state == NeighbourState.Failed)
            {
                frames.Drop(packet, DropReason.TunnelUnreachable, &_account->Egress);
                continue;
            }
            address.CopyTo(packet.Bytes);
            SendMade(new ReadOnlySpan<Packet>(in packet), frames);
        }
        HeldCount = kept;
    }

    /// <summary>Drops the held packets: no worker uses the queue any more.</summary>
    /// <param name="frames">Null for a queue that has seen none.</param>
    public void End(FrameCache? frames)
    {
        for (; HeldCount > 0; HeldCount--)
        {
            _account->Egress.Held--;
            frames?.Drop(_held[HeldCount - 1].Packet, DropReason.TunnelDown, &_account->Egress);
        }
    }

    private void SendMade(ReadOnlySpan<Packet> packets, FrameCache frames)
    {
        ulong bytes = 0;
        foreach (ref readonly Packet packet in packets)
        {
            bytes += (uint)packet.Length;
        }
        int taken = wire.TransmitAs(device.Number, packets, frames);
        foreach (ref readonly Packet packet in packets[taken..])
        {
            bytes -= (uint)packet.Length;
            frames.Drop(packet, DropReason.TransmitQueueFull, &_account->Egress);
        }
        _account->Egress.Left += (uint)taken;
        _account->Egress.LeftBytes += bytes;
    }
}
