using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Interfaces;
using Softswitch.Ports.Linux.Sockets;

namespace Softswitch.Ports.AfPacket;

/// <summary>The rings of one AF_PACKET port that are open: opens larger ones by need, and closes those that the worker has left.</summary>
/// <remarks>Threads: any; <see cref="Grow"/> the thread of <see cref="RingGrower"/>.</remarks>
/// <param name="port">What errors call the port.</param>
/// <param name="source">Whose packets come to the receiving rings.</param>
/// <param name="queue">The port's, which uses the rings.</param>
/// <param name="rings">Those that the queue begins with; this one's from now on.</param>
/// <param name="isOurs">Whether no other process has the rings.</param>
internal sealed class PortRings(
    string port, LinuxInterface device, PacketSource source, AfPacketQueue queue, RingDemand demand, IEnumerable<SlotRing> rings, bool isOurs)
{
    // Milliseconds between two looks whether the worker has changed over, and until one that found nothing to do before looks again.
    private const int MovePause = 5;
    private const int LongPause = 1000;

    // How long a ring that the worker has left stays open: a sleeping worker's list of descriptors may still have its socket, and the
    // kernel may be sending from it.
    private const int RetiredMilliseconds = 1000;
    private const int LongestRetired = 10_000;

    // The longest time of a take-over, during which the offered rings must not change.
    private const int OfferMilliseconds = 60_000;

    private readonly Lock _growing = new(); // before _sync; held while the kernel is waited for
    private readonly Lock _sync = new();
    private readonly List<SlotRing> _rings = [.. rings]; // all that are open, under _sync
    private readonly List<(SlotRing Ring, long Since)> _left = []; // open rings that the worker does not use any more, under _growing
    private long _drops; // of packets for which a receiving ring had no room, under _sync
    private long _offeredUntil; // under _sync
    private bool _isOurs = isOurs; // under _sync
    private bool _closed; // under _sync
    private bool _growsNoMore; // under _growing
    private bool _hasTriedBursts; // under _growing

    /// <summary>Raised when the rings have changed.</summary>
    public event Action<string?>? Changed;

    /// <summary>Whether the rings are this process's to change and to end.</summary>
    public bool IsOurs
    {
        get
        {
            lock (_sync)
            {
                return _isOurs;
            }
        }
        set
        {
            lock (_sync)
            {
                _isOurs = value;
            }
        }
    }

    /// <summary>Packets that came when the receiving rings were full. Set to go on from another process's.</summary>
    public long Drops
    {
        get
        {
            lock (_sync)
            {
                if (!_closed)
                {
                    _drops += _rings.OfType<ReceiveRing>().Sum(ring => (long)PacketSocket.TakeDrops(ring.Socket));
                }
                return _drops;
            }
        }
        set
        {
            lock (_sync)
            {
                _drops = value;
            }
        }
    }

    /// <summary>The rings are offered to another process: they stay as they are until <see cref="Resume"/>, or until no take-over takes so long.</summary>
    public void Hold()
    {
        lock (_sync)
        {
            _offeredUntil = Environment.TickCount64 + OfferMilliseconds;
        }
    }

    public void Resume()
    {
        lock (_sync)
        {
            _offeredUntil = 0;
        }
    }

    /// <summary>Closes all rings; no worker uses them.</summary>
    public void Close()
    {
        lock (_growing)
        {
            lock (_sync)
            {
                _closed = true;
                _rings.ForEach(ring => ring.Dispose());
                _rings.Clear();
            }
        }
    }

    /// <summary>Opens larger rings if the traffic asks for them, and closes those that were left.</summary>
    /// <returns>Milliseconds after which this is to be called again; <see cref="Timeout.Infinite"/> if only when there is demand.</returns>
    public int Grow()
    {
        lock (_growing)
        {
            if (!MayChange)
            {
                return LongPause;
            }
            try
            {
                CloseLeft();
                EndMove();
                OpenBursts();
                if (!_growsNoMore)
                {
                    GrowReceive();
                    GrowTransmit();
                }
            }
            catch (PortException e)
            {
                _growsNoMore = true; // its present rings work
                Changed?.Invoke($"its rings stay as they are: {e.Message}");
            }
            return queue.IsMoving ? MovePause : _left.Count > 0 ? LongPause : queue.IsTransmitPending ? LongPause : Timeout.Infinite;
        }
    }

    private bool MayChange
    {
        get
        {
            lock (_sync)
            {
                return _isOurs && !_closed && Environment.TickCount64 >= _offeredUntil;
            }
        }
    }

    private void GrowReceive()
    {
        ReceiveRing last = queue.LastReceive;
        int step = demand.Receive;
        if (step <= last.Size.Step || queue.IsMoving)
        {
            return;
        }
        TakeLeft(); // the worker may have moved just now
        if (_left.Exists(one => one.Ring is ReceiveRing))
        {
            return; // places in the group are counted from the first member that is still there
        }
        ReceiveRing next = ReceiveRing.Open(port, source, RingSize.OfReceive(step), queue.Counts, joins: last);
        if (TryAdd(next, () => queue.MoveTo(next)))
        {
            EndMove();
        }
    }

    /// <summary>Has packets come to the last ring, if they do not yet.</summary>
    private void EndMove()
    {
        if (queue.IsMoving && !queue.IsReceiveClosed)
        {
            ReceiveGroup.Select(port, queue.LastReceive.Socket, 1);
            queue.CloseReceive();
        }
    }

    private void GrowTransmit()
    {
        int step = demand.Transmit;
        if (step > (queue.LastTransmit?.Size.Step ?? 0) && !queue.IsTransmitPending)
        {
            TransmitRing next = TransmitRing.Open(port, device.Index, RingSize.OfTransmit(step));
            TryAdd(next, () => queue.MoveTo(next));
        }
    }

    private void OpenBursts()
    {
        if (!demand.Bursts || _hasTriedBursts)
        {
            return;
        }
        _hasTriedBursts = true;
        try
        {
            queue.Bursts = BurstSender.Open(device.Index);
        }
        catch (SystemCallException)
        {
            // Bursts leave by the ring, too.
        }
    }

    private bool TryAdd(SlotRing ring, Action use)
    {
        lock (_sync)
        {
            if (MayChange) // rings that were offered meanwhile must not change
            {
                _rings.Add(ring);
                use();
                return true;
            }
        }
        ring.Dispose();
        return false;
    }

    private void TakeLeft()
    {
        while (queue.TakeRetired() is { } ring)
        {
            _left.Add((ring, Environment.TickCount64));
        }
    }

    private void CloseLeft()
    {
        TakeLeft();
        long now = Environment.TickCount64;
        foreach ((SlotRing ring, long since) in _left.ToArray())
        {
            long age = now - since;
            if (age < RetiredMilliseconds || (ring is TransmitRing { IsIdle: false } && age < LongestRetired))
            {
                continue;
            }
            _left.Remove((ring, since));
            lock (_sync)
            {
                _rings.Remove(ring);
                _drops += ring is ReceiveRing ? PacketSocket.TakeDrops(ring.Socket) : 0;
            }
            ring.Dispose();
        }
    }
}
