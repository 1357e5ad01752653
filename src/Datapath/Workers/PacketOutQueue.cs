using Softswitch.Datapath.Actions;
using Softswitch.Datapath.Packets;

namespace Softswitch.Datapath.Workers;

/// <summary>Packet-outs on their way from the control side to a worker. Bounded.</summary>
/// <remarks>The compiled actions stay the control side's: it takes them back when the worker has consumed the packet.</remarks>
internal sealed class PacketOutQueue
{
    private readonly SpscRing<QueuedPacketOut> _ring;
    private readonly Queue<ActionsReference> _actions;
    private long _reclaimed;
    private volatile bool _isAbandoned;

    public PacketOutQueue(int capacity)
    {
        _ring = new SpscRing<QueuedPacketOut>(capacity);
        _actions = new Queue<ActionsReference>(_ring.Capacity);
    }

    /// <summary>Whether every packet added so far is done. Any thread.</summary>
    public bool IsEmpty => _ring.IsEmpty;

    /// <summary>Control side: returns when there is room, or the worker has shown no sign of life for so long.</summary>
    public void WaitForRoom(int milliseconds) => WaitForLevel(_ring.Capacity - 1, milliseconds);

    /// <summary>Control side: returns when the worker is done with every packet, or has shown no sign of life for so long.</summary>
    public void WaitUntilEmpty(int milliseconds) => WaitForLevel(0, milliseconds);

    /// <summary>Worker: takes nothing any more; nobody is to wait for it.</summary>
    public void Abandon() => _isAbandoned = true;

    /// <summary>Control side: hands the packet over; false if there is no room.</summary>
    public bool TryAdd(in Packet packet, ushort inPort, ActionsReference actions)
    {
        if (!_ring.TryEnqueue(new QueuedPacketOut(packet, inPort, actions)))
        {
            return false;
        }
        _actions.Enqueue(actions);
        return true;
    }

    /// <summary>Control side: gives back the actions of packets that are done.</summary>
    public void Reclaim(ActionListMemory lists)
    {
        long consumed = _ring.Consumed;
        for (; _reclaimed < consumed; _reclaimed++)
        {
            lists.Return(_actions.Dequeue());
        }
    }

    /// <summary>Worker: looks at the next packet; it stays queued, and its actions valid, until <see cref="Advance"/>.</summary>
    public bool TryPeek(out QueuedPacketOut item) => _ring.TryPeek(out item);

    /// <summary>Worker: the packet last seen is done.</summary>
    public void Advance() => _ring.Advance();

    private void WaitForLevel(int level, int milliseconds)
    {
        SpinWait spin = default;
        long consumed = _ring.Consumed;
        long since = Environment.TickCount64;
        while (_ring.Produced - _ring.Consumed > level && !_isAbandoned)
        {
            if (_ring.Consumed != consumed)
            {
                consumed = _ring.Consumed;
                since = Environment.TickCount64;
            }
            else if (Environment.TickCount64 - since > milliseconds)
            {
                return;
            }
            spin.SpinOnce(sleep1Threshold: 100);
        }
    }
}

internal readonly record struct QueuedPacketOut(Packet Packet, ushort InPort, ActionsReference Actions);
