using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Linux;

namespace Softswitch.Ports.AfPacket;

/// <summary>The rings of one AF_PACKET socket as a worker uses them.</summary>
/// <remarks>
/// Packets too long for a slot leave through a second socket with sendmsg, after the ring was kicked, so that the order
/// holds. Frames shorter than Ethernet's 60 bytes are sent as they are: a device that needs padding pads, veth and TAP do not.
/// </remarks>
internal sealed unsafe class AfPacketQueue : IPort
{
    // How many empty receives pass between two looks at the socket's pending error.
    private const int IdleChecks = 64;

    private readonly int _socket;
    private readonly int _longSocket;
    private readonly LinuxInterface _interface;
    private readonly ReceiveRing _receive;
    private readonly TransmitRing _transmit;
    private long _transmitErrors;
    private long _givenBack;
    private int _idle;

    public AfPacketQueue(int socket, int longSocket, LinuxInterface device, ReceiveRing receive, TransmitRing transmit)
    {
        _socket = socket;
        _longSocket = longSocket;
        _interface = device;
        _receive = receive;
        _transmit = transmit;
    }

    /// <summary>Where the rings stand and what was counted: for another process to go on from, by <see cref="Restore"/>. No worker uses the queue.</summary>
    public void Save(BinaryWriter record)
    {
        record.Write(_receive.Head);
        record.Write(_transmit.Head);
        record.Write(_receive.Dropped);
        record.Write(_receive.Errors);
        record.Write(_transmitErrors);
        record.Write(_givenBack);
    }

    public void Restore(BinaryReader record)
    {
        _receive.Head = record.ReadUInt32();
        _transmit.Head = record.ReadUInt32();
        _receive.Dropped = record.ReadInt64();
        _receive.Errors = record.ReadInt64();
        _transmitErrors = record.ReadInt64();
        _givenBack = record.ReadInt64();
    }

    public int PollDescriptor => _socket;

    public long TransmitErrors => Volatile.Read(ref _transmitErrors);

    /// <summary>Packets that the kernel dropped and said so: they were not taken.</summary>
    public long GivenBack => Volatile.Read(ref _givenBack);

    public long ReceiveDropped => Volatile.Read(ref _receive.Dropped);

    public long ReceiveErrors => Volatile.Read(ref _receive.Errors);

    public int Receive(PacketBatch batch, FrameCache frames)
    {
        int received = _receive.Receive(batch, frames);
        if (received == 0 && ++_idle % IdleChecks == 0)
        {
            PacketSocket.ClearError(_socket);
        }
        return received;
    }

    public int Transmit(ReadOnlySpan<Packet> packets, FrameCache frames)
    {
        int done = 0;
        bool retried = false;
        while (done < packets.Length)
        {
            int run = Stage(packets[done..], frames, out long bytes, out Obstacle obstacle);
            if (run > 0)
            {
                int taken = _transmit.Kick(run, bytes, out int refused, out int error);
                _transmitErrors += refused;
                _givenBack += error == Errno.ENOBUFS ? 1 : 0;
                frames.Release(packets.Slice(done, taken));
                done += taken;
                if (taken < run && IsTemporary(error))
                {
                    return done;
                }
                if (taken < run)
                {
                    // An interface that was down and is up again left its error behind for the first send to meet.
                    if (retried)
                    {
                        return done + Fail(packets[done..], frames);
                    }
                    retried = true;
                    continue;
                }
            }
            if (obstacle == Obstacle.RingFull)
            {
                return done;
            }
            if (obstacle == Obstacle.Long)
            {
                int error = SendLong(packets[done], frames);
                _givenBack += error == Errno.ENOBUFS ? 1 : 0;
                if (error != 0 && IsTemporary(error))
                {
                    return done;
                }
                _transmitErrors += error != 0 ? 1 : 0;
                frames.Release(packets[done++]);
            }
            else if (obstacle == Obstacle.Unsendable)
            {
                Fail(packets.Slice(done++, 1), frames);
            }
        }
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
            if (packet.Length > _transmit.MaxLength)
            {
                obstacle = Obstacle.Long;
                return i;
            }
            if (!_transmit.TryStage(packet, header))
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
        IoVector* vectors = stackalloc IoVector[2];
        vectors[0] = new IoVector { Base = &header, Length = VirtioNetHeader.Size };
        vectors[1] = new IoVector { Base = packet.Data, Length = (nuint)packet.Length };
        MessageHeader message = new() { Vectors = vectors, VectorCount = 2 };
        return Libc.sendmsg(_longSocket, &message, Libc.MSG_DONTWAIT) < 0 ? Errno.Last : 0;
    }

    private int Fail(ReadOnlySpan<Packet> packets, FrameCache frames)
    {
        _transmitErrors += packets.Length;
        frames.Release(packets);
        return packets.Length;
    }

    /// <summary>A full queue passes; a device that is down or gone (ENETDOWN, ENXIO, ENODEV) makes the packets errors.</summary>
    private static bool IsTemporary(int error) => error is Errno.ENOBUFS or Errno.EAGAIN or Errno.EINTR or Errno.ENOMEM;

    private enum Obstacle
    {
        None,
        RingFull,
        Long,
        Unsendable,
    }
}
