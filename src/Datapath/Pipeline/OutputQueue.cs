using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Datapath.Queues;

namespace Softswitch.Datapath.Pipeline;

/// <summary>Packets one worker is about to send out of one port. Emptied at the end of each pass, or when full.</summary>
/// <remarks>
/// Where another worker serves the port, they go through a ring to that worker instead. A port with queues, or with a rate, is served by one
/// worker only, whose scheduler then decides when they leave.
/// </remarks>
internal sealed unsafe class OutputQueue
{
    private const int Capacity = PacketBatch.Capacity; // few frames in use at a time stay in the nearest cache

    private readonly Packet[] _storage = GC.AllocateArray<Packet>(Capacity, pinned: true);
    private readonly Packet* _packets;
    private readonly FrameCache _frames;
    private readonly IPort? _queue;
    private readonly HandoverRings _handovers;
    private readonly SpscRing<Handover>? _handover;
    private readonly PacketAccount* _account;
    private readonly PortQueueSettings? _settings;
    private readonly uint[]? _queueIds; // for each packet the queue it names, where there are any
    private PortScheduler? _scheduler;
    private int _count;
    private int _known; // of these, packets that have entered already: they were cut here, or handed over

    /// <param name="clock">The worker's, for a scheduler.</param>
    /// <param name="old">The queue before the port's settings changed: the new queue takes its scheduler over.</param>
    public OutputQueue(SwitchPort port, int worker, FrameCache frames, HandoverRings handovers, PassClock clock, OutputQueue? old)
    {
        Port = port;
        _packets = (Packet*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_storage));
        _frames = frames;
        _settings = port.QueueSettings;
        _queue = _settings == null || worker == port.FirstWorker ? port.QueueOf(worker) : null;
        _handovers = handovers;
        _handover = _queue == null ? handovers.Ring(worker, port.FirstWorker) : null;
        _account = &port.AccountOf(worker)->Egress;
        if (_settings != null)
        {
            _queueIds = new uint[Capacity];
            Array.Fill(_queueIds, QueueConfig.None);
            _scheduler = _queue == null ? null : old?.Detach() ?? new PortScheduler(_queue, port.Number, frames, _account, clock);
            _scheduler?.Configure(_settings);
        }
    }

    public SwitchPort Port { get; }

    /// <summary>The worker's account of the port's egress.</summary>
    public PacketAccount* Account => _account;

    /// <summary>Whether a packet that owes this may be added before it is finished.</summary>
    public bool Takes(in OffloadState offload) => Port.Device.Takes(offload);

    public bool IsEmpty => _count == 0;

    /// <summary>The scheduler that holds packets back; null if they leave at once or another worker serves the port.</summary>
    public PortScheduler? Scheduler => _scheduler;

    /// <summary>Whether it was made for the settings the port has now.</summary>
    public bool IsCurrent => _settings == Port.QueueSettings;

    /// <summary>Gives the scheduler to the port's next queue.</summary>
    public PortScheduler? Detach()
    {
        PortScheduler? scheduler = _scheduler;
        _scheduler = null;
        return scheduler;
    }

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

    /// <summary>The same of several, at most <see cref="PacketBatch.Capacity"/>.</summary>
    public void Add(ref Packet packets, int count)
    {
        if (_count + count > Capacity)
        {
            Flush();
        }
        MemoryMarshal.CreateReadOnlySpan(ref packets, count).CopyTo(new Span<Packet>(_packets + _count, count));
        _count += count;
    }

    /// <summary>As <see cref="Add(in Packet)"/>, to a queue of the port; without that queue to the port itself, and counted.</summary>
    public void Enqueue(in Packet packet, uint queueId)
    {
        if (_count == Capacity)
        {
            Flush();
        }
        if (_queueIds != null)
        {
            _queueIds[_count] = queueId; // the scheduler checks whether the queue exists
        }
        else if (queueId != QueueConfig.None)
        {
            _account->QueueMisses++;
        }
        Add(packet);
    }

    /// <summary>As <see cref="Enqueue"/>, of a packet that has entered this egress already.</summary>
    public void Requeue(in Packet packet, uint queueId)
    {
        Enqueue(packet, queueId);
        _known++;
    }

    public void Flush()
    {
        _account->Entered += (uint)(_count - _known);
        _known = 0;
        if (_queue == null)
        {
            HandOver();
            return;
        }
        if (_scheduler != null)
        {
            _scheduler.Add(new ReadOnlySpan<Packet>(_packets, _count), _queueIds);
            Array.Fill(_queueIds!, QueueConfig.None, 0, _count);
            _count = 0;
            return;
        }
        Transmit(new ReadOnlySpan<Packet>(_packets, _count));
        _count = 0;
    }

    /// <summary>Sends one packet past everything that waits here; by the worker that serves the port. Takes ownership.</summary>
    public void SendAhead(in Packet packet)
    {
        _account->Entered++;
        Transmit(new ReadOnlySpan<Packet>(in packet));
    }

    /// <summary>Drops a packet that has entered but not reached the queue.</summary>
    public void Drop(in Packet packet, DropReason reason) => _frames.Drop(packet, reason, _account);

    private void Transmit(ReadOnlySpan<Packet> packets)
    {
        // Lengths first: taken packets belong to the port.
        ulong bytes = 0;
        foreach (ref readonly Packet packet in packets)
        {
            bytes += (uint)packet.Length;
        }
        int taken = _queue!.TransmitAs(Port.Number, packets, _frames);
        _account->Left += (uint)taken;
        if (taken < packets.Length)
        {
            ReadOnlySpan<Packet> refused = packets[taken..];
            foreach (ref readonly Packet packet in refused)
            {
                bytes -= (uint)packet.Length;
            }
            _frames.Drop(refused, DropReason.TransmitQueueFull, _account);
        }
        _account->LeftBytes += bytes;
    }

    private void HandOver()
    {
        int handed = 0;
        for (int i = 0; i < _count; i++)
        {
            uint queueId = _queueIds == null ? QueueConfig.None : _queueIds[i];
            if (_handover!.TryWrite(new Handover(_packets[i], Port.Number, Port.Incarnation, queueId)))
            {
                handed++;
                continue;
            }
            _settings?.CountersOf(queueId)?.CountHandoverLoss();
            Drop(_packets[i], DropReason.HandoverQueueFull);
        }
        _account->Handed += (uint)handed;
        _handover!.Publish();
        if (_queueIds != null)
        {
            Array.Fill(_queueIds, QueueConfig.None, 0, _count);
        }
        _count = 0;
        _handovers.Wake(Port.FirstWorker);
    }
}

/// <summary>A packet on its way to the worker that serves its egress port.</summary>
/// <param name="Incarnation">The port's incarnation: another port may have its number by now.</param>
/// <param name="QueueId">The port's queue it names, or <see cref="QueueConfig.None"/>.</param>
internal readonly record struct Handover(Packet Packet, ushort Port, ushort Incarnation, uint QueueId);
