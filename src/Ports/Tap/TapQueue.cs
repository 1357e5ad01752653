using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Interfaces;
using Softswitch.Ports.Linux.Sockets;

namespace Softswitch.Ports.Tap;

/// <summary>A TAP descriptor as a worker uses it: one readv or writev per packet, which is all the kernel offers.</summary>
internal sealed unsafe class TapQueue : IPort
{
    private readonly int _descriptor;
    private readonly LinuxInterface _interface;
    private long _receiveDropped;
    private long _receiveErrors;
    private PortAccount* _account = PortAccount.Nobody;
    private long _transmitErrors; // another process's: this one knows which packets they are

    public TapQueue(int descriptor, LinuxInterface device)
    {
        _descriptor = descriptor;
        _interface = device;
    }

    public int PollDescriptor => _descriptor;

    /// <summary>Set to go on from another process's, before a worker uses the queue.</summary>
    public PortCounters Losses
    {
        get => new()
        {
            ReceiveDropped = Volatile.Read(ref _receiveDropped),
            ReceiveErrors = Volatile.Read(ref _receiveErrors),
            TransmitErrors = Volatile.Read(ref _transmitErrors),
        };
        set => (_receiveDropped, _receiveErrors, _transmitErrors) = (value.ReceiveDropped, value.ReceiveErrors, value.TransmitErrors);
    }

    public void CountOn(PortAccount* account) => _account = account;

    /// <summary>Reads each packet into an ordinary frame, with a large one behind it for what does not fit.</summary>
    public int Receive(PacketBatch batch, FrameCache frames)
    {
        bool hasSpare = frames.TryRentLarge(out Packet spare);
        int received = 0;
        int room = batch.Free;
        for (int visited = 0; received < room && visited < PacketBatch.Capacity; visited++)
        {
            if (!frames.TryRent(out Packet packet))
            {
                if (!Discard())
                {
                    break;
                }
                _receiveDropped++;
                continue;
            }
            int length = Read(packet, hasSpare ? spare.Data : null, frames, out VirtioNetHeader header);
            if (length < 0)
            {
                frames.Release(packet);
                break;
            }
            if (length > frames.Pool.FrameCapacity)
            {
                if (!hasSpare)
                {
                    frames.Release(packet);
                    _receiveDropped++;
                    continue;
                }
                // The tail lies in the large frame already; only the head moves.
                new ReadOnlySpan<byte>(packet.Data, frames.Pool.FrameCapacity).CopyTo(new Span<byte>(spare.Data, frames.Pool.FrameCapacity));
                frames.Release(packet);
                packet = spare;
                hasSpare = frames.TryRentLarge(out spare);
            }
            packet.Length = length;
            if (length < LinkFrame.HeaderLength || (!header.IsPlain && !header.TryDescribe(ref packet, frames, inserted: 0)))
            {
                frames.Release(packet);
                _receiveErrors++;
                continue;
            }
            batch.Add(packet);
            received++;
        }
        if (hasSpare)
        {
            frames.Release(spare);
        }
        return received;
    }

    public int Transmit(ReadOnlySpan<Packet> packets, FrameCache frames)
    {
        int mtu = _interface.Mtu;
        for (int i = 0; i < packets.Length; i++)
        {
            ref readonly Packet packet = ref packets[i];
            if (!VirtioNetHeader.TryFor(packet, frames, out VirtioNetHeader header) || !LinkFrame.FitsMtu(packet, header, mtu))
            {
                frames.DropLost(packet, LinkFrame.ReasonNotToSend(packet, frames), &_account->Egress);
                continue;
            }
            int error = Write(packet, header);
            if (LinkFrame.IsTemporary(error))
            {
                return i;
            }
            if (error != 0)
            {
                frames.DropLost(packet, LinkFrame.ReasonOf(error), &_account->Egress);
                continue;
            }
            frames.Release(packet);
        }
        return packets.Length;
    }

    /// <returns>Bytes of the packet, more than a frame's capacity if it goes on in <paramref name="spare"/>; -1 when there is none.</returns>
    private int Read(in Packet packet, byte* spare, FrameCache frames, out VirtioNetHeader header)
    {
        int capacity = frames.Pool.FrameCapacity;
        VirtioNetHeader read = default;
        byte overflow; // without a large frame, one byte more tells that the packet was longer than the frame
        IoVector* vectors = stackalloc IoVector[3];
        vectors[0] = new IoVector { Base = &read, Length = VirtioNetHeader.Size };
        vectors[1] = new IoVector { Base = packet.Data, Length = (nuint)capacity };
        vectors[2] = spare != null
            ? new IoVector { Base = spare + capacity, Length = (nuint)(FramePool.LargeFrameCapacity - capacity) }
            : new IoVector { Base = &overflow, Length = 1 };
        nint got = Libc.readv(_descriptor, vectors, 3);
        header = read;
        return got < VirtioNetHeader.Size ? -1 : (int)got - VirtioNetHeader.Size;
    }

    private bool Discard()
    {
        VirtioNetHeader ignored;
        return Libc.read(_descriptor, &ignored, VirtioNetHeader.Size) > 0;
    }

    private int Write(in Packet packet, VirtioNetHeader header)
    {
        IoVector* vectors = stackalloc IoVector[2];
        vectors[0] = new IoVector { Base = &header, Length = VirtioNetHeader.Size };
        vectors[1] = new IoVector { Base = packet.Data, Length = (nuint)packet.Length };
        return Libc.writev(_descriptor, vectors, 2) < 0 ? Errno.Last : 0;
    }
}
