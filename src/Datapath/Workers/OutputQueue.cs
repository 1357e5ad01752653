using System.Runtime.CompilerServices;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;

namespace Softswitch.Datapath.Workers;

/// <summary>Packets one worker is about to send out of one port. Emptied at the end of each pass, or when full.</summary>
/// <remarks>Where another worker serves the port, they go through a ring to that worker instead.</remarks>
internal sealed unsafe class OutputQueue
{
    private const int Capacity = 2 * PacketBatch.Capacity;

    private readonly Packet[] _packets = GC.AllocateArray<Packet>(Capacity, pinned: true);
    private readonly FrameCache _frames;
    private readonly DropCounters _drops;
    private readonly IPort? _queue;
    private readonly HandoverMesh _handovers;
    private readonly SpscRing<Handover>? _handover;
    private readonly WorkerPortCounters* _counters;
    private int _count;

    public OutputQueue(SwitchPort port, int worker, FrameCache frames, DropCounters drops, HandoverMesh handovers)
    {
        Port = port;
        _frames = frames;
        _drops = drops;
        _queue = port.QueueOf(worker);
        _handovers = handovers;
        _handover = _queue == null ? handovers.Ring(worker, port.FirstWorker) : null;
        _counters = port.CountersOf(worker);
    }

    public SwitchPort Port { get; }

    /// <summary>Whether packets may be added before their checksums and segments are finished.</summary>
    public bool TakesOffloads => Port.Device.TakesOffloads;

    public bool IsEmpty => _count == 0;

    /// <summary>Takes ownership of the packet.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(in Packet packet)
    {
        if (_count == Capacity)
        {
            Flush();
        }
        _packets[_count++] = packet;
    }

    public void Flush()
    {
        if (_queue == null)
        {
            HandOver();
            return;
        }
        ReadOnlySpan<Packet> packets = _packets.AsSpan(0, _count);
        // Lengths first: taken packets belong to the port.
        ulong bytes = 0;
        foreach (ref readonly Packet packet in packets)
        {
            bytes += (uint)packet.Length;
        }
        int taken = _queue.Transmit(packets, _frames);
        _counters->TransmittedPackets += (uint)taken;
        if (taken < _count)
        {
            ReadOnlySpan<Packet> refused = packets[taken..];
            foreach (ref readonly Packet packet in refused)
            {
                bytes -= (uint)packet.Length;
            }
            _counters->TransmitDropped += (uint)refused.Length;
            _drops.Count(DropReason.TransmitQueueFull, refused.Length);
            _frames.Release(refused);
        }
        _counters->TransmittedBytes += bytes;
        _count = 0;
    }

    /// <summary>Counts packets that were for this port but never reached its queue.</summary>
    public void CountDrop() => _counters->TransmitDropped++;

    private void HandOver()
    {
        for (int i = 0; i < _count; i++)
        {
            if (!_handover!.TryEnqueue(new Handover(_packets[i], Port.Number)))
            {
                _counters->TransmitDropped++;
                _drops.Count(DropReason.HandoverQueueFull);
                _frames.Release(_packets[i]);
            }
        }
        _count = 0;
        _handovers.Wake(Port.FirstWorker);
    }
}

/// <summary>A packet on its way to the worker that serves its egress port.</summary>
internal readonly record struct Handover(Packet Packet, ushort Port);
