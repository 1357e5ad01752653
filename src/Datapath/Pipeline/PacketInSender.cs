using Softswitch.Datapath.Packets;

namespace Softswitch.Datapath.Pipeline;

/// <summary>A worker's end of the way up to the control side.</summary>
/// <remarks>Threads: the worker's. What finds its queue full stays with the caller, so that a flood costs a look and a release per packet.</remarks>
internal sealed unsafe class PacketInSender
{
    private readonly WorkerShared _shared;
    private readonly PacketAccount* _account;
    private bool _raise;

    /// <param name="account">The worker's, of what goes to the controller.</param>
    public PacketInSender(WorkerShared shared, PacketAccount* account)
    {
        _account = account;
        _shared = shared;
    }

    /// <summary>Why a full queue is full.</summary>
    public DropReason FullReason => _shared.ArePacketInsLimited ? DropReason.PacketInLimit : DropReason.PacketInQueueFull;

    /// <summary>The queue of such packets.</summary>
    /// <param name="port">The ingress port's queues; null if there is no such port.</param>
    public PacketInQueue Choose(PacketInQueues? port, PacketInReason reason, in Packet packet) =>
        (port ?? _shared.PortlessPacketIns).Of(PacketInQueues.KindOf(reason, packet));

    /// <summary>Moves the packet up. The queue has room, as the caller has seen.</summary>
    public void Add(PacketInQueue queue, in QueuedPacketIn item)
    {
        _raise = true;
        queue.Enqueue(item);
        _account->Entered++;
        _account->Handed++;
    }

    /// <summary>At the end of a pass: wakes the control side once for all that was added.</summary>
    public void Signal()
    {
        if (_raise)
        {
            _raise = false;
            _shared.Service.Raise();
        }
    }
}
