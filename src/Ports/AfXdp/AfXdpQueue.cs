using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Interfaces;
using Softswitch.Ports.Linux.Sockets;
using static Softswitch.Ports.Linux.Sockets.XdpSocket;

namespace Softswitch.Ports.AfXdp;

/// <summary>The rings of one AF_XDP socket as a worker uses them. A packet that fits a frame is not copied here.</summary>
/// <remarks>
/// <para>
/// Receiving. The socket always has the same number of frames, in the fill ring, the receive ring or the kernel's hands: for each packet
/// taken out another frame goes in. When the pool has none, the packet is dropped and its own frame goes back; so an empty pool costs
/// packets, counted ones, and never the frames that the next packets need.
/// </para>
/// <para>
/// Longer packets. In the rings such a packet is a chain of descriptors, each but the last with XDP_PKT_CONTD. The switch has it in one large frame, which
/// the kernel does not know: pieces are copied into it, and out of it into frames of the pool.
/// </para>
/// <para>
/// Segments. The kernel cuts those of local stacks before the program sees them; <see cref="SegmentJoiner"/> puts them together again.
/// </para>
/// </remarks>
internal sealed unsafe class AfXdpQueue : IPort
{
    // Descriptors a call: a full batch of jumbo packets in frames of 2048 bytes, or of a few long segments.
    private const uint MostVisited = 8 * PacketBatch.Capacity;

    private readonly int _socket;
    private readonly XdpRing<XdpDescriptor> _receive;
    private readonly XdpRing<ulong> _fill;
    private readonly FrameLedger _ledger;
    private readonly SegmentJoiner? _joiner;
    private readonly AfXdpTransmitter _transmitter;
    private long _dropped;

    /// <param name="segments">
    /// Where local stacks send through the interface, so that packets may have partial checksums, a packet socket by which segments leave; else -1.
    /// </param>
    public AfXdpQueue(
        int socket,
        LinuxInterface device,
        XdpRing<XdpDescriptor> receive,
        XdpRing<XdpDescriptor> transmit,
        XdpRing<ulong> fill,
        XdpRing<ulong> completion,
        FrameLedger ledger,
        int segments)
    {
        _socket = socket;
        _receive = receive;
        _fill = fill;
        _ledger = ledger;
        _joiner = segments < 0 ? null : new SegmentJoiner();
        _transmitter = new AfXdpTransmitter(socket, device, transmit, completion, ledger, segments);
    }

    /// <summary>State beside the rings and the ledger, with which another process goes on by <see cref="Restore"/>. No worker uses the queue.</summary>
    public void Save(BinaryWriter record)
    {
        record.Write(_dropped);
        _transmitter.Save(record);
    }

    public void Restore(BinaryReader record)
    {
        _dropped = record.ReadInt64();
        _transmitter.Restore(record);
        _ledger.Claim();
        _receive.GoOnReading();
        _fill.GoOnWriting();
    }

    /// <summary>Bytes behind the Ethernet header and a tag that a packet may have. Set before the worker begins.</summary>
    public int LongestPayload
    {
        get => _transmitter.LongestPayload;
        set => _transmitter.LongestPayload = value;
    }

    public int PollDescriptor => _socket;

    public long ReceiveDropped => Volatile.Read(ref _dropped);

    public long TransmitErrors => _transmitter.Errors;

    /// <summary>Frames of the pool the socket has; exact while the owner is stopped.</summary>
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

    public void CountOn(PortAccount* account) => _transmitter.CountOn(account);

    public int Transmit(ReadOnlySpan<Packet> packets, FrameCache frames) => _transmitter.Transmit(packets, frames);

    public int Receive(PacketBatch batch, FrameCache frames)
    {
        _transmitter.Finish(frames);
        int before = batch.Count;
        uint ready = _receive.Peek();
        // Lost packets take no room in the batch. Without this bound the loop would drop the whole ring when the pool is empty.
        uint waiting = Math.Min(ready, MostVisited);
        uint visited = 0;
        while (visited < waiting && batch.Free > 0)
        {
            uint pieces = 1;
            long length = _receive.Ahead(0).Length;
            if ((_receive.Ahead(0).Options & XDP_PKT_CONTD) != 0 && !TryFindEnd(ready - visited, out pieces, out length))
            {
                break; // the kernel is still at it
            }
            visited += pieces;
            if (_joiner != null && _joiner.TryAppend(_ledger.Look(_receive.Ahead(0)).Bytes, length, batch, frames, out byte* payload))
            {
                Copy(pieces, _joiner.HeaderLength, payload);
            }
            else if (pieces == 1 ? TryTake(frames, out Packet packet) : TryGather(pieces, length, frames, out packet))
            {
                _joiner?.Begin(ref packet, batch, frames);
                batch.Add(packet);
            }
            else
            {
                _dropped++;
            }
        }
        if (visited > 0)
        {
            _joiner?.End(batch, frames);
            _receive.Release();
            _fill.Submit();
        }
        if (_fill.NeedsWakeup)
        {
            _ = Libc.recv(_socket, null, 0, Libc.MSG_DONTWAIT);
        }
        return batch.Count - before;
    }

    /// <summary>Takes the next packet in its frame, and gives the kernel another frame for it. If none is free, drops the packet and returns false.</summary>
    private bool TryTake(FrameCache frames, out Packet packet)
    {
        XdpDescriptor descriptor = _receive.Next();
        if (!frames.TryRent(out Packet spare))
        {
            _fill.Reserve() = descriptor.Address; // still the socket's
            packet = default;
            return false;
        }
        packet = _ledger.Take(descriptor.Address, descriptor.Length);
        _fill.Reserve() = _ledger.Give(spare);
        return true;
    }

    /// <summary>Copies the next packet into a frame that holds all its pieces. If none is free, drops the packet and returns false.</summary>
    private bool TryGather(uint pieces, long length, FrameCache frames, out Packet packet)
    {
        bool found = frames.TryRent((int)Math.Min(length, int.MaxValue), out packet);
        packet.Length = found ? (int)length : 0;
        Copy(pieces, skipped: found ? 0 : int.MaxValue, packet.Data);
        return found;
    }

    /// <summary>Copies the next packet but for its beginning. The frames of its pieces stay the socket's.</summary>
    private void Copy(uint pieces, int skipped, byte* to)
    {
        for (; pieces > 0; pieces--)
        {
            XdpDescriptor descriptor = _receive.Next();
            ReadOnlySpan<byte> piece = _ledger.Look(descriptor).Bytes;
            int skip = Math.Min(skipped, piece.Length);
            skipped -= skip;
            piece = piece[skip..];
            piece.CopyTo(new Span<byte>(to, piece.Length));
            to += piece.Length;
            _fill.Reserve() = descriptor.Address;
        }
    }

    /// <summary>Finds the last descriptor of the next packet among those that are there.</summary>
    private bool TryFindEnd(uint ready, out uint pieces, out long length)
    {
        length = 0;
        for (pieces = 1; pieces <= ready; pieces++)
        {
            ref readonly XdpDescriptor piece = ref _receive.Ahead(pieces - 1);
            length += piece.Length;
            if ((piece.Options & XDP_PKT_CONTD) == 0)
            {
                return true;
            }
        }
        return false;
    }
}
