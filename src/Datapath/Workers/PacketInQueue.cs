using Softswitch.Datapath.Control;
using Softswitch.Datapath.Packets;

namespace Softswitch.Datapath.Workers;

/// <summary>Packets one worker sends up to the control side. Bounded: when it is full the packet is a counted drop.</summary>
internal sealed class PacketInQueue
{
    private readonly SpscRing<QueuedPacketIn> _ring;
    private readonly ServiceSignal _service;
    private bool _raise;

    public PacketInQueue(int capacity, ServiceSignal service)
    {
        _ring = new SpscRing<QueuedPacketIn>(capacity);
        _service = service;
    }

    public bool IsEmpty => _ring.IsEmpty;

    /// <summary>Worker: moves the packet up. False if there is no room: the packet stays with the caller.</summary>
    public bool TryAdd(in Packet packet, ushort inPort, PacketInReason reason, ushort maxLength)
    {
        _raise = true;
        return _ring.TryEnqueue(new QueuedPacketIn(packet, inPort, reason, maxLength));
    }

    /// <summary>Worker, at the end of a pass: wakes the control side once for all that was added.</summary>
    public void Signal()
    {
        if (_raise)
        {
            _raise = false;
            _service.Raise();
        }
    }

    /// <summary>Control side.</summary>
    public bool TryTake(out QueuedPacketIn item) => _ring.TryDequeue(out item);
}

internal readonly record struct QueuedPacketIn(Packet Packet, ushort InPort, PacketInReason Reason, ushort MaxLength);
