using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Tables;

namespace Softswitch.Datapath.Pipeline;

/// <summary>Packet-outs on their way from the control side to a worker. Bounded.</summary>
/// <remarks>The compiled actions stay the control side's: it takes them back when the worker has consumed the packet.</remarks>
internal sealed class PacketOutQueue
{
    private readonly SpscRing<QueuedPacketOut> _ring;
    private readonly Queue<(ActionsReference Actions, int Cost)> _waiting;
    private long _cost;
    private long _reclaimed;
    private volatile bool _isAbandoned;

    public PacketOutQueue(int capacity)
    {
        _ring = new SpscRing<QueuedPacketOut>(capacity);
        _waiting = new Queue<(ActionsReference, int)>(_ring.Capacity);
    }

    /// <summary>Whether every packet added so far is done. Any thread.</summary>
    public bool IsEmpty => _ring.IsEmpty;

    /// <summary>Packets ever added. Any thread.</summary>
    public long Added => _ring.Produced;

    /// <summary>Packets ever done. Any thread.</summary>
    public long Done => _ring.Consumed;

    /// <summary>Control side: returns when there is room, or after so long.</summary>
    public void WaitForRoom(int milliseconds) => WaitFor(_ring.Produced - _ring.Capacity + 1, milliseconds);

    /// <summary>Control side: waits until the worker is done with this many packets or takes none any more; false if the time is over before.</summary>
    public bool WaitFor(long done, int milliseconds)
    {
        SpinWait spin = default;
        long since = Environment.TickCount64;
        while (_ring.Consumed < done && !_isAbandoned)
        {
            if (Environment.TickCount64 - since > milliseconds)
            {
                return false;
            }
            spin.SpinOnce(sleep1Threshold: 100);
        }
        return true;
    }

    /// <summary>Worker: it takes no packets any more, so that no thread waits for it.</summary>
    public void Abandon() => _isAbandoned = true;

    /// <summary>Control side: hands the packet over; false if there is no room.</summary>
    /// <param name="cost">The packet's cost in units of <see cref="PacketCost"/>, if that counts.</param>
    /// <param name="most">The cost that all waiting packets may have, as of the last <see cref="Reclaim"/>. A single packet may cost more.</param>
    public bool TryAdd(in Packet packet, ushort inPort, ActionsReference actions, int cost, int most)
    {
        if ((cost > 0 && _cost > 0 && _cost + cost > most) || !_ring.TryEnqueue(new QueuedPacketOut(packet, inPort, actions)))
        {
            return false;
        }
        _waiting.Enqueue((actions, cost));
        _cost += cost;
        return true;
    }

    /// <summary>Control side: gives back the actions of packets that are done.</summary>
    public void Reclaim(ActionListMemory lists)
    {
        long consumed = _ring.Consumed;
        for (; _reclaimed < consumed; _reclaimed++)
        {
            (ActionsReference actions, int cost) = _waiting.Dequeue();
            _cost -= cost;
            lists.Return(actions);
        }
    }

    /// <summary>Worker: looks at the next packet; it stays queued, and its actions valid, until <see cref="Advance"/>.</summary>
    public bool TryPeek(out QueuedPacketOut item) => _ring.TryPeek(out item);

    /// <summary>Worker: the packet last seen is done.</summary>
    public void Advance() => _ring.Advance();

    /// <summary>Worker: gives back the frames of the waiting packets.</summary>
    public void Release(FrameCache frames)
    {
        while (_ring.TryDequeue(out QueuedPacketOut item))
        {
            frames.Release(item.Packet);
        }
    }
}

internal readonly record struct QueuedPacketOut(Packet Packet, ushort InPort, ActionsReference Actions);
