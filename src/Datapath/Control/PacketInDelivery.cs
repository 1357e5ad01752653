using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;

namespace Softswitch.Datapath.Control;

/// <summary>Packet-ins on their way from the workers' queues to the agent, each with its buffer. Threads: under the control gate, but for <see cref="HasWaiting"/> and <see cref="IsPaused"/>.</summary>
internal sealed class PacketInDelivery
{
    // Packet-ins delivered while the gate is held once: well below a millisecond.
    private const int PacketInSlice = 256;

    // Of all frames, the part that queues of packet-ins may hold, and the least a queue is worth having for.
    private const int PacketInFrameShare = 4;
    private const int ShortestPacketInQueue = 8;

    private readonly DatapathOptions _options;
    private readonly WorkerShared _shared;
    private readonly FrameCache _frames;
    private readonly BufferedPackets _buffers;
    private readonly PacketInScheduler _scheduler;
    private volatile bool _isPaused;

    public PacketInDelivery(DatapathOptions options, WorkerShared shared, FrameCache frames, BufferedPackets buffers)
    {
        _options = options;
        _shared = shared;
        _frames = frames;
        _buffers = buffers;
        _scheduler = new PacketInScheduler(shared, options.PacketInRate, options.PacketInBurst);
    }

    /// <summary>Receiver of packet-ins.</summary>
    public IControlEvents? Events { get; set; }

    /// <summary>As <see cref="PacketInScheduler.HasWaiting"/>.</summary>
    public bool HasWaiting => _scheduler.HasWaiting;

    /// <summary>Whether some wait that must not go yet.</summary>
    public bool IsPaused => _isPaused;

    /// <summary>Queues whose length keeps those of all ports together within their share of the frames.</summary>
    public PacketInQueues CreateQueues()
    {
        int queues = (_shared.Ports.Ports.Length + 1) * _options.Workers * (int)PacketInKind.Count;
        int share = _options.FrameCount / PacketInFrameShare / queues;
        return new PacketInQueues(_options.Workers, Math.Min(_options.PacketInQueueLength, Math.Max(share, ShortestPacketInQueue)));
    }

    /// <summary>Gives back what waits in the queues of a port that is gone.</summary>
    public void Discard(PacketInQueues queues)
    {
        foreach (SpscRing<QueuedPacketIn> ring in queues.All)
        {
            while (ring.TryDequeue(out QueuedPacketIn item))
            {
                _frames.Release(item.Packet);
            }
        }
    }

    /// <summary>Delivers some of what waits.</summary>
    /// <returns>As <see cref="PacketInScheduler.Pause"/>.</returns>
    public int Deliver()
    {
        _scheduler.Refill();
        for (int i = 0; i < PacketInSlice && _scheduler.TryTake(out QueuedPacketIn item); i++)
        {
            Deliver(item);
        }
        int pause = _scheduler.Pause();
        _isPaused = pause >= 0;
        return pause;
    }

    private void Deliver(in QueuedPacketIn item)
    {
        if (Events == null)
        {
            _frames.Release(item.Packet);
            return;
        }
        Packet packet = item.Packet;
        // The frame's bytes stay where they are while it waits in its buffer, at least until the next is added.
        uint buffer = _buffers.Add(packet, item.InPort);
        Events.OnPacketIn(new PacketIn
        {
            BufferId = buffer,
            InPort = item.InPort,
            Reason = item.Reason,
            MaxLength = item.MaxLength,
            Data = packet.Bytes,
        });
    }
}
