using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;

namespace Softswitch.Datapath.Pipeline;

/// <summary>802.1D frames between one worker and the control side, in both directions.</summary>
/// <remarks>
/// BPDUs have queues of their own: a flood of packet-ins or packet-outs must not keep bridges from hearing each other, as that would cause a
/// loop. Both directions are bounded, and each port may have only a few frames waiting, so a neighbour that floods BPDUs loses only
/// its own. The queue owns the packets in it.
/// </remarks>
internal sealed unsafe class BpduExchange
{
    /// <summary>Frames of one port that may wait; a neighbour that keeps to 802.1D sends one each second.</summary>
    public const int MaxWaitingPerPort = 8;

    /// <summary>Frames that may wait in each direction.</summary>
    public const int Capacity = 256;

    private readonly SpscRing<ReceivedBpdu> _incoming = new(Capacity);
    private readonly SpscRing<OutgoingBpdu> _outgoing = new(Capacity);
    private readonly ControlWakeup _service;

    public BpduExchange(ControlWakeup service) => _service = service;

    public bool HasIncoming => !_incoming.IsEmpty;

    public bool HasOutgoing => !_outgoing.IsEmpty;

    /// <summary>Worker: hands a received frame up. False if too many wait: it stays with the caller.</summary>
    public bool TryTake(in Packet packet, SwitchPort port)
    {
        if (Interlocked.Increment(ref port.WaitingBpdus) > MaxWaitingPerPort || !_incoming.TryEnqueue(new ReceivedBpdu(packet, port)))
        {
            Interlocked.Decrement(ref port.WaitingBpdus);
            return false;
        }
        _service.Raise();
        return true;
    }

    /// <summary>Control side: the next received frame.</summary>
    public bool TryReceive(out ReceivedBpdu item)
    {
        if (!_incoming.TryDequeue(out item))
        {
            return false;
        }
        Interlocked.Decrement(ref item.Port.WaitingBpdus);
        return true;
    }

    /// <summary>Control side: hands a frame down, to leave by this port, whose first queue the worker serves. False if there is no room: it stays with the caller.</summary>
    public bool TrySend(in Packet packet, ushort port) => _outgoing.TryEnqueue(new OutgoingBpdu(packet, port));

    /// <summary>Worker: sends the frames handed down.</summary>
    /// <param name="account">The worker's account of the switch's own frames.</param>
    /// <returns>How many frames it sent or dropped.</returns>
    public int Send(OutputQueues outputs, FrameCache frames, PacketAccount* account)
    {
        int sent = 0;
        for (; sent < PacketBatch.Capacity && _outgoing.TryDequeue(out OutgoingBpdu item); sent++)
        {
            account->Taken++;
            // OFPPC_NO_FWD concerns forwarded packets only. If the bridge fell silent here, its neighbour would take it for a station.
            if (outputs.Find(item.Port) is OutputQueue queue && queue.Port.LetsOut(PortConfig.PortDown))
            {
                account->Left++;
                queue.SendAhead(item.Packet); // nor may a port's overload delay it
            }
            else
            {
                frames.Drop(item.Packet, DropReason.EgressClosed, account);
            }
        }
        return sent;
    }

    /// <summary>Gives back the waiting frames; the worker ends.</summary>
    public void Release(FrameCache frames)
    {
        while (_incoming.TryDequeue(out ReceivedBpdu received))
        {
            frames.Release(received.Packet);
        }
        while (_outgoing.TryDequeue(out OutgoingBpdu outgoing))
        {
            frames.Release(outgoing.Packet);
        }
    }
}

/// <summary>An 802.1D frame and the port it is to leave by.</summary>
internal readonly record struct OutgoingBpdu(Packet Packet, ushort Port);

/// <summary>An 802.1D frame and the port it came in on.</summary>
internal readonly record struct ReceivedBpdu(Packet Packet, SwitchPort Port);
