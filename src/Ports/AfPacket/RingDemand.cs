namespace Softswitch.Ports.AfPacket;

/// <summary>How large a port's rings should be by the traffic it has: noted by the worker, read by the thread that opens rings.</summary>
/// <param name="wake">Wakes that thread. Neither waits nor allocates.</param>
/// <param name="time">The clock for packet rates.</param>
internal sealed class RingDemand(Action wake, TimeProvider time)
{
    // Packets within a tenth of a second. With more, a ring of the first step holds the packets of less than 0.4 s.
    private const int ManyReceived = 500;

    // Packets within a tenth of a second. With more, a system call for each packet costs more than a ring's memory is worth.
    private const int ManyAlone = 1000;

    private int _receive;
    private int _transmit;
    private bool _bursts;
    private Rate _received = new(ManyReceived, time);
    private Rate _fetched = new(ManyAlone, time);
    private Rate _sent = new(ManyAlone, time);

    /// <summary>Step of growth (<see cref="RingSize"/>) that the receiving ring should have reached. Any thread.</summary>
    public int Receive => Volatile.Read(ref _receive);

    /// <summary>The same for the transmitting ring.</summary>
    public int Transmit => Volatile.Read(ref _transmit);

    /// <summary>Whether packets are to leave in bursts. Any thread.</summary>
    public bool Bursts => Volatile.Read(ref _bursts);

    /// <summary>Many packets leave at once.</summary>
    public void NoteBurst()
    {
        if (!_bursts)
        {
            Volatile.Write(ref _bursts, true);
            wake();
        }
    }

    /// <summary>Half of the receiving ring waits.</summary>
    public void NoteHalfFull() => Ask(ref _receive, 1);

    /// <summary>The transmitting ring, which is of this size, is full.</summary>
    public void NoteFull(RingSize size) => Ask(ref _transmit, size.Step + 1);

    /// <summary>Packets came.</summary>
    /// <param name="fetched">Packets since the ring was opened that needed a system call each because the slots are too short.</param>
    public void NoteReceived(int count, int fetched)
    {
        if (_received.IsHigh(_received.Total + count))
        {
            Ask(ref _receive, 1);
        }
        if (_fetched.IsHigh(fetched))
        {
            Ask(ref _receive, 2);
        }
    }

    /// <summary>A packet was sent by itself for want of a ring.</summary>
    public void NoteSent()
    {
        if (_sent.IsHigh(_sent.Total + 1))
        {
            Ask(ref _transmit, 1);
        }
    }

    private void Ask(ref int wanted, int step)
    {
        if (Volatile.Read(ref wanted) < Math.Min(step, RingSize.LastStep))
        {
            Volatile.Write(ref wanted, Math.Min(step, RingSize.LastStep));
            wake();
        }
    }

    private struct Rate(int many, TimeProvider time)
    {
        private static readonly TimeSpan TimeOfMany = TimeSpan.FromMilliseconds(100);

        private long _since;
        private int _then;

        public int Total { get; private set; }

        /// <summary>Looks at the clock only when there were many.</summary>
        public bool IsHigh(int total)
        {
            Total = total;
            if (unchecked((uint)(total - _then)) < (uint)many)
            {
                return false;
            }
            long now = time.GetTimestamp();
            bool isHigh = time.GetElapsedTime(_since, now) <= TimeOfMany;
            _since = now;
            _then = total;
            return isHigh;
        }
    }
}
