using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;

namespace Softswitch.Datapath.Queues;

/// <summary>Decides which packet leaves a port next, and when: the port's rate, each queue's guarantee, and fair shares of what is left.</summary>
/// <remarks>
/// <code>
/// packets > queue (bounded, drop tail) > 1. queues that are owed their guarantee, the longest owed first
///                                        2. all queues in turn, equal shares by bytes    > port's rate > IPort.Transmit
/// </code>
/// The port's own queue, for packets that name none, has no guarantee and takes part in step 2 like the others. So no capacity is
/// left unused while a packet waits, but what a queue's own limit withholds. What the port refuses, its ring being full, stays in its queue and goes
/// first the next time: where the port's rate is unknown the ring sets the pace, and guarantees still go first.
/// Deficit round robin as Shreedhar and Varghese describe it (1996), in its surplus form: a packet may overdraw, the debt counts against the
/// next rounds, so a 64 KiB segment needs no large quantum.
/// Threads: the worker that serves the port. Nothing is allocated but in <see cref="Configure"/>.
/// </remarks>
internal sealed unsafe class PortScheduler
{
    private const int BatchSize = 2 * PacketBatch.Capacity;

    // Bytes of a turn. Larger ones save turns, smaller ones even out sooner.
    private const int Quantum = 4096;

    // How long a worker may be late before the port loses capacity: what a busy machine does to a thread.
    private const double PortDepth = 5 * TimeSpan.TicksPerMillisecond;

    // A guarantee is kept over this time, and over the time in which each other queue sends the longest packet there is.
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
    /// <param name="number">The port's.</param>
    /// <param name="account">The worker's, of the port's egress.</param>
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

    /// <summary>What waits, each with the queue it is in; it stays.</summary>
    public (Packet Packet, uint Queue)[] Waiting => [.. _queues.SelectMany(queue => queue.Waiting.Select(packet => (packet, queue.Id)))];

    /// <summary>When, in ticks, the next packet can leave; <see cref="long.MaxValue"/> when none waits.</summary>
    public long Due { get; private set; } = long.MaxValue;

    /// <summary>Takes over new settings. Queues that stay keep their packets; those of a queue that is gone are dropped and counted.</summary>
    public void Configure(PortQueueSettings settings)
    {
        ScheduledQueue[] old = _queues;
        var queues = new ScheduledQueue[settings.Queues.Length + 1];
        double longest = settings.Rate == 0 ? 0 : 8.0 * TimeSpan.TicksPerSecond * Packet.MaxLength / settings.Rate;
        double promised = settings.Queues.Sum(queue => (double)queue.Config.MinRate);
        double scale = settings.Rate != 0 && promised > settings.Rate ? settings.Rate / promised : 1; // more than there is cannot be given
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

    /// <summary>Takes ownership of packets and sends what may go at once.</summary>
    /// <param name="packets">Ready for the port: finished where it takes no offloads.</param>
    /// <param name="queueIds">For each the queue it names; one that does not exist is as good as none, and counted.</param>
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

    /// <summary>Sends what may go by now.</summary>
    /// <returns>Packets sent.</returns>
    public int Run()
    {
        int sent = Send();
        Due = _count == 0 ? long.MaxValue : _clock.Ticks + FindWait();
        return sent;
    }

    /// <summary>Gives every frame back: this is the end.</summary>
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

    /// <summary>Lets the time since the last call count.</summary>
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

    /// <summary>Fills the batch with what may go now, in order; returns how many.</summary>
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

    /// <summary>Counts what the port took and puts back what it refused. Only handles are read: the taken frames are the port's.</summary>
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
                _queues[_turn].Deficit += Quantum; // ends: a debt is at most a packet of 64 KiB
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
