using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;

namespace Softswitch.Datapath.Queues;

/// <summary>Decides which packet leaves a port next, and when: the port's rate, each queue's guarantee, and fair shares of what is left.</summary>
/// <remarks>
/// <code>
/// packets > queue (bounded, drop tail) > 1. queues that are owed their guarantee, the longest owed first
///                                        2. all queues in turn, equal shares by bytes    > port's rate > IPort.Transmit
/// </code>
/// Packets that name no queue go to the port's own queue. It has no guarantee and takes part in step 2 like the others. So a packet never waits while
/// the port has capacity, unless its queue's own limit holds it back. If the port refuses a packet because its ring is full, the packet stays in its queue
/// and goes first the next time. If the port's rate is unknown, the ring sets the pace, and guarantees still go first.
/// Deficit round robin as Shreedhar and Varghese describe it (1996), in its surplus form: a packet may overdraw, the debt counts against the
/// next rounds, so a 64 KiB segment needs no large quantum.
/// Threads: the worker that serves the port. Nothing is allocated but in <see cref="Configure"/>.
/// </remarks>
internal sealed unsafe class PortScheduler
{
    private const int BatchSize = 2 * PacketBatch.Capacity;

    // Bytes that a queue may send in a turn. A larger quantum saves turns; a smaller one shares the port more evenly over short times.
    private const int Quantum = 4096;

    // How late a worker may be before the port loses capacity: about as long as a busy machine keeps a thread waiting.
    private const double PortDepth = 5 * TimeSpan.TicksPerMillisecond;

    // A guarantee holds over this time, plus the time in which each other queue sends one packet of the greatest length.
    private const double GuaranteeDepth = 10 * TimeSpan.TicksPerMillisecond;

    // A full ring is tried again after so many ticks at the latest: 100 microseconds.
    private const long RetryTicks = 1000;

    private readonly IPort _port;
    private readonly ushort _number;
    private readonly FrameCache _frames;
    private readonly PacketAccount* _account;
    private readonly PassClock _clock;
    private readonly Packet[] _batch = GC.AllocateArray<Packet>(BatchSize, pinned: true);
    private readonly Origin[] _origins = new Origin[BatchSize];
    private readonly QueueCounters _ownCounters = new();
    private ScheduledQueue[] _queues = [];
    private TokenBucket _rate;
    private long _filledAt;
    private int _turn;
    private int _count;
    private bool _isRefused;

    /// <param name="port">Where packets leave.</param>
    /// <param name="number">The port's number.</param>
    /// <param name="account">The worker's account of the port's egress.</param>
    public PortScheduler(IPort port, ushort number, FrameCache frames, PacketAccount* account, PassClock clock)
    {
        _clock = clock;
        _filledAt = clock.Ticks;
        _port = port;
        _number = number;
        _frames = frames;
        _account = account;
        _rate = new TokenBucket(0, PortDepth);
    }

    /// <summary>Packets that wait.</summary>
    public int Count
    {
        get => _count;
        private set
        {
            _account->Held += (ulong)(value - _count);
            _count = value;
        }
    }

    /// <summary>A copy of the waiting packets, each with its queue.</summary>
    public (Packet Packet, uint Queue)[] Waiting => [.. _queues.SelectMany(queue => queue.Waiting.Select(packet => (packet, queue.Id)))];

    /// <summary>When the next packet can leave, in ticks of 100 ns; <see cref="long.MaxValue"/> when none waits.</summary>
    public long Due { get; private set; } = long.MaxValue;

    /// <summary>Takes over new settings. Queues that stay keep their packets. The packets of a removed queue are dropped and counted.</summary>
    public void Configure(PortQueueSettings settings)
    {
        ScheduledQueue[] old = _queues;
        var queues = new ScheduledQueue[settings.Queues.Length + 1];
        double longest = settings.Rate == 0 ? 0 : 8.0 * TimeSpan.TicksPerSecond * Packet.MaxLength / settings.Rate;
        double promised = settings.Queues.Sum(queue => (double)queue.Config.MinRate);
        double scale = settings.Rate != 0 && promised > settings.Rate ? settings.Rate / promised : 1; // guarantees above the port's rate are scaled down
        double guaranteeDepth = GuaranteeDepth + (longest * queues.Length);
        for (int i = 0; i < queues.Length; i++)
        {
            QueueSetup setup = i == 0 ? new QueueSetup(new QueueConfig(QueueConfig.None), _ownCounters) : settings.Queues[i - 1];
            queues[i] = Array.Find(old, queue => queue.Counters == setup.Counters) ?? new ScheduledQueue(setup.Config.Id, setup.Counters);
            queues[i].Configure(setup.Config, scale, settings, guaranteeDepth, PortDepth);
        }
        _queues = queues;
        _turn = 0;
        _rate.SetRate(settings.Rate, PortDepth);
        foreach (ScheduledQueue gone in old.Where(queue => !queues.Contains(queue)))
        {
            Release(gone);
        }
    }

    /// <summary>Takes ownership of packets and sends those that may leave at once.</summary>
    /// <param name="packets">Ready for the port: with finished checksums if it takes no offloads.</param>
    /// <param name="queueIds">The queue that each packet names. A packet for a missing queue goes to the port's own queue, and is counted.</param>
    public void Add(ReadOnlySpan<Packet> packets, ReadOnlySpan<uint> queueIds)
    {
        for (int i = 0; i < packets.Length; i++)
        {
            ref readonly Packet packet = ref packets[i];
            ScheduledQueue queue = Find(queueIds[i]);
            if (queue.TryAdd(packet, _frames.Pool.IsLarge(packet.Data)))
            {
                Count++;
                continue;
            }
            queue.Counters.CountOverrun();
            _frames.Drop(packet, DropReason.TransmitQueueFull, _account);
        }
        Send();
    }

    /// <summary>Sends the packets that may leave by now.</summary>
    /// <returns>Packets sent.</returns>
    public int Run()
    {
        int sent = Send();
        Due = _count == 0 ? long.MaxValue : _clock.Ticks + FindWait();
        return sent;
    }

    /// <summary>Drops all packets, at the scheduler's end.</summary>
    public void Release()
    {
        foreach (ScheduledQueue queue in _queues)
        {
            Release(queue);
        }
    }

    private void Release(ScheduledQueue queue) => Count -= queue.Drop(_frames, DropReason.NoSuchPort, _account);

    private ScheduledQueue Find(uint queueId)
    {
        if (queueId != QueueConfig.None)
        {
            foreach (ScheduledQueue queue in _queues)
            {
                if (queue.Id == queueId)
                {
                    return queue;
                }
            }
            _account->QueueMisses++;
        }
        return _queues[0];
    }

    /// <summary>Credits the queues and the port with the time since the last call.</summary>
    private void Fill()
    {
        long elapsed = _clock.Ticks - _filledAt;
        if (elapsed <= 0)
        {
            return;
        }
        _filledAt = _clock.Ticks;
        _rate.Fill(elapsed);
        foreach (ScheduledQueue queue in _queues)
        {
            queue.Fill(elapsed);
        }
    }

    private int Send()
    {
        Fill();
        int sent = 0;
        _isRefused = false;
        while (_count > 0 && Stage() is > 0 and int staged)
        {
            int taken = _port.TransmitAs(_number, _batch.AsSpan(0, staged), _frames);
            Settle(taken, staged);
            sent += taken;
            if (taken < staged)
            {
                _isRefused = true;
                break;
            }
        }
        return sent;
    }

    /// <summary>Fills the batch with packets that may leave now, in order; returns how many.</summary>
    private int Stage()
    {
        int staged = 0;
        while (staged < BatchSize && _rate.MaySend)
        {
            ScheduledQueue? queue = FindEntitled();
            bool byGuarantee = queue != null;
            queue ??= FindNextInTurn();
            if (queue == null)
            {
                break;
            }
            Packet packet = queue.Stage(byGuarantee);
            _rate.Charge(packet.Length);
            _batch[staged] = packet;
            _origins[staged] = new Origin(queue, byGuarantee, _frames.Pool.IsLarge(packet.Data));
            staged++;
        }
        return staged;
    }

    /// <summary>Counts the packets that the port took and returns the others to their queues. It reads handles only: the port owns the taken frames.</summary>
    private void Settle(int taken, int staged)
    {
        for (int i = 0; i < taken; i++)
        {
            int length = _batch[i].Length;
            _origins[i].Queue.Remove(length, _origins[i].IsLarge);
            _account->LeftBytes += (uint)length;
        }
        _account->Left += (uint)taken;
        Count -= taken;
        for (int i = taken; i < staged; i++)
        {
            int length = _batch[i].Length;
            _origins[i].Queue.Unstage(length, _origins[i].ByGuarantee);
            _rate.Refund(length);
        }
    }

    /// <summary>The queue that is owed its guarantee the longest.</summary>
    private ScheduledQueue? FindEntitled()
    {
        ScheduledQueue? first = null;
        foreach (ScheduledQueue queue in _queues)
        {
            if (queue.IsEntitled && queue.CanSend && (first == null || queue.Claim > first.Claim))
            {
                first = queue;
            }
        }
        return first;
    }

    private ScheduledQueue? FindNextInTurn()
    {
        bool any = false;
        foreach (ScheduledQueue queue in _queues)
        {
            any |= queue.CanSend;
        }
        while (any)
        {
            ScheduledQueue queue = _queues[_turn];
            if (queue.CanSend && queue.Deficit > 0)
            {
                return queue;
            }
            _turn = _turn + 1 < _queues.Length ? _turn + 1 : 0;
            if (_queues[_turn].CanSend)
            {
                _queues[_turn].Deficit += Quantum; // the loop ends, because a debt is at most one packet of 64 KiB
            }
        }
        return null;
    }

    private long FindWait()
    {
        if (_isRefused)
        {
            return RetryTicks;
        }
        double wait = double.MaxValue;
        foreach (ScheduledQueue queue in _queues)
        {
            if (queue.Count > 0)
            {
                wait = Math.Min(wait, queue.Wait);
            }
        }
        return (long)Math.Ceiling(Math.Max(wait, _rate.Wait));
    }

    private readonly record struct Origin(ScheduledQueue Queue, bool ByGuarantee, bool IsLarge);
}
