using System.Diagnostics;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Linux;

namespace Softswitch.Ports.AfXdp;

/// <summary>The rings of one AF_XDP socket as a worker uses them. No packet is copied here.</summary>
/// <remarks>
/// <para>
/// Receiving. The socket always has the same number of frames, in the fill ring, the receive ring or the kernel's hands: for each packet
/// taken out another frame goes in. When the pool has none, the packet is dropped and its own frame goes back; so an empty pool costs
/// packets, counted ones, and never the frames that the next packets need.
/// </para>
/// <para>
/// Transmitting. A packet's frame is the socket's until its address comes back in the completion ring. In copy mode the kernel sends only
/// when called, and 32 packets a call (TX_BATCH_SIZE in net/xdp/xsk.c); what it leaves behind is tried again at the next call of either method.
/// </para>
/// </remarks>
internal sealed unsafe class AfXdpQueue : IPort
{
    private const int PacketsPerCall = 32;

    private readonly int _socket;
    private readonly LinuxInterface _interface;
    private readonly XdpRing<XdpDescriptor> _receive;
    private readonly XdpRing<XdpDescriptor> _transmit;
    private readonly XdpRing<ulong> _fill;
    private readonly XdpRing<ulong> _completion;
    private readonly FrameLedger _ledger;
    private readonly bool _mayBePartial;
    private long _dropped;
    private long _transmitErrors;
    private uint _outstanding;
    private bool _unsent;

    /// <param name="mayBePartial">Whether local stacks send through the interface: packets may have partial checksums.</param>
    public AfXdpQueue(
        int socket,
        LinuxInterface device,
        XdpRing<XdpDescriptor> receive,
        XdpRing<XdpDescriptor> transmit,
        XdpRing<ulong> fill,
        XdpRing<ulong> completion,
        FrameLedger ledger,
        bool mayBePartial)
    {
        _socket = socket;
        _interface = device;
        _receive = receive;
        _transmit = transmit;
        _fill = fill;
        _completion = completion;
        _ledger = ledger;
        _mayBePartial = mayBePartial;
    }

    /// <summary>What the rings and the ledger do not tell: for another process to go on from, by <see cref="Restore"/>. No worker uses the queue.</summary>
    public void Save(BinaryWriter record)
    {
        record.Write(_dropped);
        record.Write(_transmitErrors);
        record.Write(_outstanding);
        record.Write(_unsent);
    }

    public void Restore(BinaryReader record)
    {
        _dropped = record.ReadInt64();
        _transmitErrors = record.ReadInt64();
        _outstanding = record.ReadUInt32();
        _unsent = record.ReadBoolean();
        if (_outstanding > _transmit.Capacity)
        {
            throw new InvalidDataException($"{_outstanding} packets are under way in a ring of {_transmit.Capacity}");
        }
        _ledger.Claim();
        _receive.GoOnReading();
        _completion.GoOnReading();
        _fill.GoOnWriting();
        _transmit.GoOnWriting();
    }

    public int PollDescriptor => _socket;

    public long ReceiveDropped => Volatile.Read(ref _dropped);

    public long TransmitErrors => Volatile.Read(ref _transmitErrors);

    /// <summary>Frames of the pool the socket has; exact while the owner rests.</summary>
    public int HeldFrames => _ledger.Count;

    /// <summary>Gives the socket its frames to receive into, before the worker begins.</summary>
    /// <returns>False when the pool has not that many.</returns>
    public bool TryStock(int count, FrameCache frames)
    {
        for (int i = 0; i < count; i++)
        {
            if (!frames.TryRent(out Packet spare))
            {
                return false;
            }
            _fill.Reserve() = _ledger.Give(spare);
        }
        _fill.Submit();
        return true;
    }

    public int Receive(PacketBatch batch, FrameCache frames)
    {
        if (_outstanding > 0)
        {
            FinishTransmits(frames);
        }
        int room = batch.Free;
        // Packets that are lost take no room in the batch: without this bound an empty pool would empty the whole ring here.
        int waiting = (int)Math.Min(_receive.Peek(), 2 * PacketBatch.Capacity);
        int visited = 0;
        int received = 0;
        for (; visited < waiting && received < room; visited++)
        {
            XdpDescriptor descriptor = _receive.Next();
            if (!frames.TryRent(out Packet spare))
            {
                _fill.Reserve() = descriptor.Address; // still the socket's
                _dropped++;
                continue;
            }
            Packet packet = _ledger.Take(descriptor.Address, descriptor.Length);
            _fill.Reserve() = _ledger.Give(spare);
            if (_mayBePartial)
            {
                PartialChecksumDetector.Mark(ref packet, frames);
            }
            batch.Add(packet);
            received++;
        }
        if (visited > 0)
        {
            _receive.Release();
            _fill.Submit();
        }
        if (_fill.NeedsWakeup)
        {
            _ = Libc.recv(_socket, null, 0, Libc.MSG_DONTWAIT);
        }
        return received;
    }

    public int Transmit(ReadOnlySpan<Packet> packets, FrameCache frames)
    {
        if (_outstanding > 0)
        {
            FinishTransmits(frames);
        }
        bool alone = !_unsent;
        // An MTU raised while the port is open does not make frames longer.
        int mtu = Math.Min(_interface.Mtu, LongestPayload(frames.Pool.FrameSize));
        uint room = _transmit.Capacity - _outstanding;
        uint staged = 0;
        int done = 0;
        foreach (ref readonly Packet packet in packets)
        {
            Debug.Assert(!packet.HasOffload, "the datapath finishes packets for a port that takes no offloads");
            if (!LinkFrame.FitsMtu(packet, default, mtu))
            {
                _transmitErrors++;
                frames.Release(packet);
            }
            else if (staged == room || !TryStage(packet, frames))
            {
                break;
            }
            else
            {
                staged++;
            }
            done++;
        }
        if (staged > 0)
        {
            _outstanding += staged;
            _transmit.Submit();
            Kick(staged, alone, frames);
        }
        return done;
    }

    /// <summary>Puts a packet into the transmit ring. One in memory the kernel does not know, a large frame, moves to a frame it knows.</summary>
    private bool TryStage(in Packet packet, FrameCache frames)
    {
        Packet own = packet;
        if (!_ledger.Covers(packet))
        {
            if (!frames.TryCopy(packet, out own)) // it fits a frame
            {
                return false;
            }
            frames.Release(packet);
        }
        _transmit.Reserve() = new XdpDescriptor { Address = _ledger.Give(own), Length = (uint)own.Length };
        return true;
    }

    /// <summary>Bytes behind the Ethernet header and a tag that a frame has room for: the largest MTU.</summary>
    public static int LongestPayload(int frameSize) => frameSize - FramePool.DataOffset - LinkFrame.HeaderLength - LinkFrame.TagLength;

    /// <summary>Takes back the frames of packets sent, and urges the kernel on with those it left behind.</summary>
    private void FinishTransmits(FrameCache frames)
    {
        uint finished = _completion.Peek();
        for (uint i = 0; i < finished; i++)
        {
            frames.Release(_ledger.Take(_completion.Next(), 0));
        }
        if (finished > 0)
        {
            _completion.Release();
            _outstanding -= finished;
        }
        if (_unsent)
        {
            Kick(0, alone: false, frames);
        }
    }

    /// <param name="staged">Packets submitted since the last call.</param>
    /// <param name="alone">Whether nothing was left in the ring before them.</param>
    private void Kick(uint staged, bool alone, FrameCache frames)
    {
        _unsent = false;
        if (!_transmit.NeedsWakeup)
        {
            return;
        }
        for (uint calls = (_transmit.Untaken / PacketsPerCall) + 1; calls > 0; calls--)
        {
            if (Libc.send(_socket, null, 0, Libc.MSG_DONTWAIT) >= 0)
            {
                return;
            }
            int error = Errno.Last;
            if (error == Errno.EBUSY)
            {
                _transmitErrors++; // the device dropped one; the next are untouched
            }
            else if (error != Errno.EAGAIN)
            {
                if (alone && IsDown(error))
                {
                    TakeBack(staged, frames);
                    return;
                }
                break;
            }
            alone = false; // the kernel has looked at the ring
        }
        _unsent = true;
    }

    /// <summary>The interface is down or gone: what it was to send must not leave, late, when it is up again.</summary>
    private void TakeBack(uint staged, FrameCache frames)
    {
        for (uint i = 0; i < staged; i++)
        {
            frames.Release(_ledger.Take(_transmit.TakeBack().Address, 0));
        }
        _outstanding -= staged;
        _transmitErrors += staged;
    }

    private static bool IsDown(int error) => error is Errno.ENETDOWN or Errno.ENXIO or Errno.ENODEV;
}
