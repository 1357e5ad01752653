using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Interfaces;
using Softswitch.Ports.Linux.Sockets;

namespace Softswitch.Ports.AfPacket;

/// <summary>The rings of an AF_PACKET port as a worker uses them.</summary>
/// <remarks>
/// <para>
/// Packets too long for a slot leave through a socket without a ring, with sendmsg, after the ring was kicked, so that the order
/// holds. Frames shorter than Ethernet's 60 bytes are sent as they are: a device that needs padding pads, veth and TAP do not.
/// </para>
/// <para>
/// Rings are replaced by larger ones under way. Another thread opens them and gives them to <see cref="MoveTo(ReceiveRing)"/> and <see
/// cref="MoveTo(TransmitRing)"/>. The worker changes over between two calls, and leaves its old rings to <see
/// cref="TakeRetired"/>.
/// </para>
/// </remarks>
internal sealed unsafe class AfPacketQueue : IPort
{
    // How many empty receives pass between two looks at the socket's pending error.
    private const int IdleChecks = 64;

    private readonly int _sender;
    private readonly LinuxInterface _interface;
    private readonly RingDemand _demand;
    private ReceiveRing _receive;
    private volatile ReceiveRing? _nextReceive;
    private volatile bool _isReceiveClosed;
    private TransmitRing? _transmit;
    private volatile TransmitRing? _nextTransmit;
    private volatile BurstSender? _bursts;
    private readonly ConcurrentQueue<SlotRing> _retired = new();
    private volatile Action? _wake;
    private int _pollSocket;
    private int _longestInSlot;
    private PortAccount* _account = PortAccount.Nobody;
    private long _transmitErrors;
    private long _givenBack;
    private int _idle;

    /// <param name="sender">A socket without a ring; the caller's.</param>
    /// <param name="receive">This one's.</param>
    /// <param name="transmit">The same; null to send packets one by one.</param>
    public AfPacketQueue(int sender, LinuxInterface device, RingDemand demand, ReceiveCounts counts, ReceiveRing receive, TransmitRing? transmit)
    {
        _sender = sender;
        _interface = device;
        _demand = demand;
        Counts = counts;
        _receive = receive;
        _pollSocket = receive.Socket;
        Use(transmit);
    }

    /// <summary>The socket that the worker sleeps on: the next ring's, once the worker has seen that ring.</summary>
    public int PollDescriptor => Volatile.Read(ref _pollSocket);

    public ReceiveCounts Counts { get; }

    /// <summary>Packets that the kernel discarded without telling which.</summary>
    public long TransmitErrors => Volatile.Read(ref _transmitErrors);

    /// <summary>Packets that the kernel refused with an error: they were not taken.</summary>
    public long GivenBack => Volatile.Read(ref _givenBack);

    /// <summary>The rings that packets come to: two while the worker moves from one to the other.</summary>
    public IReadOnlyList<ReceiveRing> ReceiveRings
    {
        get
        {
            ReceiveRing first = Volatile.Read(ref _receive);
            return _nextReceive is { } next && next != first ? [first, next] : [Volatile.Read(ref _receive)];
        }
    }

    public ReceiveRing LastReceive => _nextReceive ?? Volatile.Read(ref _receive);

    /// <summary>Null while there is none.</summary>
    public TransmitRing? LastTransmit => _nextTransmit ?? Volatile.Read(ref _transmit);

    /// <summary>Whether the worker has still to empty the ring before the last.</summary>
    public bool IsMoving => _nextReceive != null;

    /// <summary>
    /// The next ring, to which the kernel is about to be told to deliver. Not while <see cref="IsMoving"/>. The control side's thread.
    /// </summary>
    public void MoveTo(ReceiveRing next)
    {
        _isReceiveClosed = false;
        _nextReceive = next;
        _wake?.Invoke();
    }

    /// <summary>Whether <see cref="CloseReceive"/> was called since.</summary>
    public bool IsReceiveClosed => _isReceiveClosed;

    /// <summary>The kernel delivers nothing any more to the ring before the last. As above.</summary>
    public void CloseReceive() => _isReceiveClosed = true;

    /// <summary>Whether the worker has not used the last transmitting ring yet.</summary>
    public bool IsTransmitPending => _nextTransmit != null;

    /// <summary>The next ring. Not while <see cref="IsTransmitPending"/>. As above.</summary>
    public void MoveTo(TransmitRing next) => _nextTransmit = next;

    /// <summary>For bursts of small packets; this one's. Null while there is none. As above.</summary>
    public BurstSender? Bursts
    {
        get => _bursts;
        set => _bursts = value;
    }

    /// <summary>A ring that the worker has left, the caller's from now on; null if there is none. As above.</summary>
    public SlotRing? TakeRetired() => _retired.TryDequeue(out SlotRing? ring) ? ring : null;

    /// <summary>
    /// The positions in the rings and the counters, with which another process goes on by <see cref="Restore"/>. No worker uses the queue.
    /// </summary>
    public void Save(BinaryWriter record)
    {
        record.Write(IsMoving);
        record.Write(_receive.Head);
        record.Write(LastReceive.Head);
        record.Write(LastTransmit?.Head ?? 0);
        record.Write(Counts.Dropped);
        record.Write(Counts.Errors);
        record.Write(_transmitErrors);
        record.Write(_givenBack);
    }

    public void Restore(BinaryReader record)
    {
        bool wasMoving = record.ReadBoolean();
        _receive.Head = record.ReadUInt32();
        LastReceive.Head = record.ReadUInt32();
        if (IsMoving && !wasMoving)
        {
            EndMove();
        }
        uint transmitted = record.ReadUInt32();
        if (LastTransmit is { } ring)
        {
            ring.Head = transmitted;
        }
        Counts.Dropped = record.ReadInt64();
        Counts.Errors = record.ReadInt64();
        _transmitErrors = record.ReadInt64();
        _givenBack = record.ReadInt64();
    }

    /// <summary>A worker that sleeps has to find out when there is another ring.</summary>
    /// <returns>False: packets are told of by the descriptor.</returns>
    public bool WakeBy(Action wake)
    {
        _wake = wake;
        return false;
    }

    public void CountOn(PortAccount* account) => _account = account;

    /// <summary>Between two rings there are two sockets, and no sleep.</summary>
    public bool Arm() => _nextReceive == null;

    public int Receive(PacketBatch batch, FrameCache frames)
    {
        int received = _nextReceive == null ? _receive.Receive(batch, frames) : ReceiveMoving(batch, frames);
        if (received == 0)
        {
            if (++_idle % IdleChecks == 0)
            {
                PacketSocket.ClearError(_receive.Socket);
            }
        }
        else if (_receive.Size.MayGrow)
        {
            NoteDemand(received, isFullBatch: batch.Free == 0);
        }
        return received;
    }

    /// <summary>Empties the old ring before the new one, packet by packet as they came.</summary>
    /// <remarks>
    /// During the move one processor may still deliver to the old ring after another has delivered to the new one. Packets of one processor
    /// stay in order.
    /// So the worker takes only packets of the new ring that were there before it found the old ring empty.
    /// </remarks>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private int ReceiveMoving(PacketBatch batch, FrameCache frames)
    {
        Volatile.Write(ref _pollSocket, _nextReceive!.Socket);
        bool isClosed = _isReceiveClosed;
        int ready = _nextReceive.CountReady(PacketBatch.Capacity);
        int received = _receive.Receive(batch, frames);
        if (received > 0 || _receive.HasReady)
        {
            return received;
        }
        if (!isClosed)
        {
            return _nextReceive.Receive(batch, frames, ready);
        }
        EndMove();
        return _receive.Receive(batch, frames);
    }

    private void EndMove()
    {
        SlotRing old = _receive;
        Volatile.Write(ref _receive, _nextReceive!);
        Volatile.Write(ref _pollSocket, _receive.Socket);
        _retired.Enqueue(old); // once in a ring's life; queued before IsMoving turns false
        _nextReceive = null;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void NoteDemand(int received, bool isFullBatch)
    {
        if (isFullBatch && _receive.IsHalfFull)
        {
            _demand.NoteHalfFull();
        }
        _demand.NoteReceived(received, _receive.FetchedShort);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void UseNextTransmit()
    {
        TransmitRing? old = _transmit;
        Use(_nextTransmit);
        _nextTransmit = null;
        if (old != null)
        {
            _retired.Enqueue(old); // as above
        }
    }

    private void Use(TransmitRing? ring)
    {
        Volatile.Write(ref _transmit, ring);
        _longestInSlot = ring?.MaxLength ?? -1;
    }

    public int Transmit(ReadOnlySpan<Packet> packets, FrameCache frames)
    {
        if (_nextTransmit != null)
        {
            UseNextTransmit();
        }
        if (!_interface.IsUp)
        {
            frames.DropLost(packets, DropReason.LinkDown, &_account->Egress); // the kernel would take them, and say nothing
            return packets.Length;
        }
        int done = packets.Length >= BurstSender.Least ? SendBursts(packets, frames) : 0;
        while (done < packets.Length)
        {
            int run = Stage(packets[done..], frames, out long bytes, out Obstacle obstacle);
            if (run > 0)
            {
                int taken = _transmit!.Kick(run, bytes, out int refused, out int error);
                _transmitErrors += refused;
                _givenBack += error == Errno.ENOBUFS ? 1 : 0;
                frames.Release(packets.Slice(done, taken));
                done += taken;
                if (taken < run && LinkFrame.IsTemporary(error))
                {
                    return done;
                }
                if (taken < run)
                {
                    frames.DropLost(packets[done..], LinkFrame.ReasonOf(error), &_account->Egress);
                    return packets.Length;
                }
            }
            if (obstacle == Obstacle.RingFull)
            {
                _demand.NoteFull(_transmit!.Size);
                return done;
            }
            if (obstacle == Obstacle.Long)
            {
                int error = SendLong(packets[done], frames);
                _givenBack += error == Errno.ENOBUFS ? 1 : 0;
                if (LinkFrame.IsTemporary(error))
                {
                    return done;
                }
                if (error != 0)
                {
                    frames.DropLost(packets[done++], LinkFrame.ReasonOf(error), &_account->Egress);
                    continue;
                }
                frames.Release(packets[done++]);
            }
            else if (obstacle == Obstacle.Unsendable)
            {
                ref readonly Packet packet = ref packets[done++];
                frames.DropLost(packet, LinkFrame.ReasonNotToSend(packet, frames), &_account->Egress);
            }
        }
        return done;
    }

    /// <summary>From the first on, as far as they can go together. What the kernel refuses is tried again by the ring, which says why.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private int SendBursts(ReadOnlySpan<Packet> packets, FrameCache frames)
    {
        BurstSender? bursts = _bursts;
        if (bursts == null)
        {
            _demand.NoteBurst();
            return 0;
        }
        int done = 0;
        int run;
        int taken;
        do
        {
            int error = 0;
            run = bursts.Stage(packets[done..], _interface.Mtu + LinkFrame.HeaderLength);
            taken = run > 0 ? bursts.Send(out error) : 0;
            _givenBack += error == Errno.ENOBUFS ? 1 : 0;
            frames.Release(packets.Slice(done, taken));
            done += taken;
        }
        while (run > 0 && taken == run);
        return done;
    }

    /// <summary>Fills slots until the packets end or one of them cannot go that way.</summary>
    private int Stage(ReadOnlySpan<Packet> packets, FrameCache frames, out long bytes, out Obstacle obstacle)
    {
        int mtu = _interface.Mtu;
        bytes = 0;
        for (int i = 0; i < packets.Length; i++)
        {
            ref readonly Packet packet = ref packets[i];
            if (!VirtioNetHeader.TryFor(packet, frames, out VirtioNetHeader header) || !LinkFrame.FitsMtu(packet, header, mtu))
            {
                obstacle = Obstacle.Unsendable;
                return i;
            }
            if (packet.Length > _longestInSlot)
            {
                obstacle = Obstacle.Long;
                return i;
            }
            if (!_transmit!.TryStage(packet, header))
            {
                obstacle = Obstacle.RingFull;
                return i;
            }
            bytes += packet.Length;
        }
        obstacle = Obstacle.None;
        return packets.Length;
    }

    private int SendLong(in Packet packet, FrameCache frames)
    {
        _ = VirtioNetHeader.TryFor(packet, frames, out VirtioNetHeader header); // was true when it was staged
        if (_transmit == null && packet.Length < RingSize.WholeSlot)
        {
            _demand.NoteSent();
        }
        return PacketSocket.Send(_sender, packet, header);
    }

    private enum Obstacle
    {
        None,
        RingFull,
        Long,
        Unsendable,
    }
}
