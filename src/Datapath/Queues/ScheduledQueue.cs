using Softswitch.Datapath.Packets;

namespace Softswitch.Datapath.Queues;

/// <summary>Packets that wait for their turn on a port, first in, first out, and what they are entitled to.</summary>
/// <remarks>
/// A packet leaves in two steps: staged, it may still be refused by the port and is then the next again. Threads: the worker that serves the
/// port. Ownership: holds the frames of its packets.
/// </remarks>
internal sealed unsafe class ScheduledQueue
{
    /// <summary>Packets a queue can hold at most: at 10 Mbit/s more than half a second of full frames.</summary>
    public const int Capacity = 512;

    private readonly Packet[] _packets = new Packet[Capacity];
    private int _head;
    private int _count;
    private int _staged;
    private int _largeCount;
    private int _limit;
    private int _largeLimit;
    private TokenBucket _guarantee;
    private TokenBucket _ceiling;
    private bool _isGuaranteed;

    public ScheduledQueue(uint id, QueueCounters counters)
    {
        Id = id;
        Counters = counters;
        _guarantee = new TokenBucket(0, double.MaxValue);
        _ceiling = new TokenBucket(0, double.MaxValue);
    }

    public uint Id { get; }

    public QueueCounters Counters { get; }

    public int Count => _count;

    /// <summary>What waits, in order; it stays.</summary>
    public IEnumerable<Packet> Waiting => Enumerable.Range(0, _count).Select(i => _packets[(_head + i) & (Capacity - 1)]);

    /// <summary>Bytes it may still send in this round of the share; negative after a long packet.</summary>
    public int Deficit { get; set; }

    /// <summary>Whether a packet waits that its own limit allows.</summary>
    public bool CanSend => _staged < _count && _ceiling.MaySend;

    /// <summary>Whether its guarantee entitles it to go first.</summary>
    public bool IsEntitled => _isGuaranteed && _guarantee.MaySend;

    /// <summary>How long it has been owed its guarantee, in ticks.</summary>
    public double Claim => _guarantee.Credit;

    /// <summary>Ticks until its own limit allows the next packet.</summary>
    public double Wait => _ceiling.Wait;

    /// <param name="scale">Part of the guarantee that the port can keep.</param>
    public void Configure(in QueueConfig config, double scale, PortQueueSettings settings, double guaranteeDepth, double ceilingDepth)
    {
        _limit = Math.Min(Capacity, settings.FrameLimit);
        _largeLimit = settings.LargeFrameLimit;
        _isGuaranteed = config.MinRate > 0;
        _guarantee.SetRate((long)(config.MinRate * scale), guaranteeDepth);
        _ceiling.SetRate(config.MaxRate, ceilingDepth);
    }

    public void Fill(double ticks)
    {
        _guarantee.Fill(ticks);
        _ceiling.Fill(ticks);
    }

    /// <summary>Takes ownership of the packet; false if there is no room.</summary>
    public bool TryAdd(in Packet packet, bool isLarge)
    {
        if (_count >= _limit || (isLarge && _largeCount >= _largeLimit))
        {
            return false;
        }
        _packets[(_head + _count) & (Capacity - 1)] = packet;
        _count++;
        _largeCount += isLarge ? 1 : 0;
        return true;
    }

    /// <summary>The next packet, charged; it stays here until <see cref="Remove"/> or <see cref="Unstage"/>.</summary>
    /// <param name="byGuarantee">Whether it goes by its guarantee or by its share of what is left.</param>
    public Packet Stage(bool byGuarantee)
    {
        Packet packet = _packets[(_head + _staged) & (Capacity - 1)];
        _staged++;
        _ceiling.Charge(packet.Length);
        if (byGuarantee)
        {
            _guarantee.Charge(packet.Length);
        }
        else
        {
            Deficit -= packet.Length;
        }
        return packet;
    }

    /// <summary>The packet staged last was refused.</summary>
    public void Unstage(int length, bool byGuarantee)
    {
        _staged--;
        _ceiling.Refund(length);
        if (byGuarantee)
        {
            _guarantee.Refund(length);
        }
        else
        {
            Deficit += length;
        }
    }

    /// <summary>The port has taken the oldest packet.</summary>
    public void Remove(int length, bool wasLarge)
    {
        _head = (_head + 1) & (Capacity - 1);
        _count--;
        _staged--;
        _largeCount -= wasLarge ? 1 : 0;
        Counters.CountSent(length);
        if (_count == 0)
        {
            Deficit = Math.Min(Deficit, 0); // what is not used is not saved; a debt is not forgiven
        }
    }

    /// <summary>Drops all its packets.</summary>
    /// <returns>How many.</returns>
    public int Drop(FrameCache frames, DropReason reason, PacketAccount* account)
    {
        int dropped = _count;
        for (; _count > 0; _count--)
        {
            frames.Drop(_packets[_head], reason, account);
            _head = (_head + 1) & (Capacity - 1);
        }
        _largeCount = 0;
        return dropped;
    }
}
