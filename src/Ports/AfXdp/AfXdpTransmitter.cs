using System.Diagnostics;
using System.Runtime.CompilerServices;
using Softswitch.Datapath.Packets;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Interfaces;
using Softswitch.Ports.Linux.Sockets;
using static Softswitch.Ports.Linux.Sockets.XdpSocket;

namespace Softswitch.Ports.AfXdp;

/// <summary>The sending half of one AF_XDP socket: sends packets, and takes back their frames.</summary>
/// <remarks>
/// <para>
/// A packet's frame is the socket's until its address comes back in the completion ring. In copy mode the kernel sends only when called, and
/// 32 packets a call (TX_BATCH_SIZE in net/xdp/xsk.c); the rest is tried again at the next <see cref="Transmit"/> or <see cref="Finish"/>.
/// </para>
/// <para>
/// AF_XDP has no word for a segment to be cut, so segments leave through a packet socket, after what was staged before them.
/// </para>
/// <para>Threads: the worker's.</para>
/// </remarks>
/// <param name="segments">As of <see cref="AfXdpQueue"/>.</param>
internal sealed unsafe class AfXdpTransmitter(
    int socket, LinuxInterface device, XdpRing<XdpDescriptor> transmit, XdpRing<ulong> completion, FrameLedger ledger, int segments)
{
    private const int PacketsPerCall = 32;

    private PortAccount* _account = PortAccount.Nobody;
    private long _errors;
    private uint _outstanding;
    private bool _unsent;

    /// <summary>As <see cref="AfXdpQueue.LongestPayload"/>.</summary>
    public int LongestPayload { get; set; }

    /// <summary>Packets that the kernel took and the device refused. Any thread.</summary>
    public long Errors => Volatile.Read(ref _errors);

    /// <summary>State beside the rings and the ledger, for <see cref="Restore"/>. No worker uses the queue.</summary>
    public void Save(BinaryWriter record)
    {
        record.Write(_errors);
        record.Write(_outstanding);
        record.Write(_unsent);
    }

    public void Restore(BinaryReader record)
    {
        _errors = record.ReadInt64();
        _outstanding = record.ReadUInt32();
        _unsent = record.ReadBoolean();
        if (_outstanding > transmit.Capacity)
        {
            throw new InvalidDataException($"{_outstanding} packets are under way in a ring of {transmit.Capacity}");
        }
        completion.GoOnReading();
        transmit.GoOnWriting();
    }

    public void CountOn(PortAccount* account) => _account = account;

    public int Transmit(ReadOnlySpan<Packet> packets, FrameCache frames)
    {
        Finish(frames);
        if (!device.IsUp)
        {
            frames.DropLost(packets, DropReason.LinkDown, &_account->Egress); // the kernel would take them, and say nothing
            return packets.Length;
        }
        // An MTU raised while the port is open does not make packets longer.
        int mtu = Math.Min(device.Mtu, LongestPayload);
        uint staged = 0;
        int done = 0;
        for (; done < packets.Length; done++)
        {
            ref readonly Packet packet = ref packets[done];
            if (packet.HasOffload)
            {
                Submit(ref staged, frames);
                if (_unsent)
                {
                    TakeFinished(frames); // once more: a segment must not overtake packets that wait in the ring
                }
                if (_unsent || !TrySendSegment(packet, mtu, frames))
                {
                    break;
                }
            }
            else if (!LinkFrame.FitsMtu(packet, default, mtu))
            {
                frames.DropLost(packet, LinkFrame.ReasonNotToSend(packet, frames), &_account->Egress);
            }
            else if (!TryStage(packet, frames, ref staged))
            {
                break;
            }
        }
        Submit(ref staged, frames);
        return done;
    }

    /// <summary>Puts a packet into the transmit ring. One in memory the kernel does not know, a large frame, moves to frames it knows.</summary>
    private bool TryStage(in Packet packet, FrameCache frames, ref uint staged)
    {
        uint room = transmit.Capacity - _outstanding - staged;
        if (!ledger.Covers(packet))
        {
            return TryStagePieces(packet, frames, room, ref staged);
        }
        if (room == 0)
        {
            return false;
        }
        transmit.Reserve() = new XdpDescriptor { Address = ledger.Give(packet), Length = (uint)packet.Length };
        staged++;
        return true;
    }

    private bool TryStagePieces(in Packet packet, FrameCache frames, uint room, ref uint staged)
    {
        int size = frames.Pool.FrameSize;
        int count = (packet.Length + size - 1) / size;
        if (count > room)
        {
            return false;
        }
        Span<Packet> pieces = stackalloc Packet[count]; // the MTU bounds it
        for (int i = 0; i < count; i++)
        {
            if (!frames.TryRent(out pieces[i]))
            {
                frames.Release(pieces[..i]);
                return false;
            }
        }
        ReadOnlySpan<byte> rest = packet.Bytes;
        foreach (ref Packet piece in pieces)
        {
            piece = new Packet(frames.Pool.OrdinaryFrameStart(piece.Data), Math.Min(rest.Length, size)); // the packet needs no headroom any more
            rest[..piece.Length].CopyTo(piece.Bytes);
            rest = rest[piece.Length..];
            transmit.Reserve() = new XdpDescriptor
            {
                Address = ledger.Give(piece),
                Length = (uint)piece.Length,
                Options = rest.IsEmpty ? 0 : XDP_PKT_CONTD,
            };
        }
        staged += (uint)count;
        frames.Release(packet);
        return true;
    }

    /// <returns>False if the kernel has no room for it now.</returns>
    private bool TrySendSegment(in Packet packet, int mtu, FrameCache frames)
    {
        Debug.Assert(segments >= 0, "the datapath finishes packets for a port that takes no offloads");
        bool isFit = VirtioNetHeader.TryFor(packet, frames, out VirtioNetHeader header) && LinkFrame.FitsMtu(packet, header, mtu);
        int error = isFit ? PacketSocket.Send(segments, packet, header) : 0;
        if (LinkFrame.IsTemporary(error))
        {
            return false;
        }
        if (isFit && error == 0)
        {
            frames.Release(packet);
            return true;
        }
        frames.DropLost(packet, isFit ? LinkFrame.ReasonOf(error) : LinkFrame.ReasonNotToSend(packet, frames), &_account->Egress);
        return true;
    }

    /// <summary>Shows the staged packets to the kernel.</summary>
    private void Submit(ref uint staged, FrameCache frames)
    {
        if (staged > 0)
        {
            bool alone = !_unsent;
            _outstanding += staged;
            transmit.Submit();
            Kick(staged, alone, frames);
            staged = 0;
        }
    }

    /// <summary>Takes back the frames of packets sent, and calls the kernel again for packets that it has not sent yet.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Finish(FrameCache frames)
    {
        if (_outstanding > 0)
        {
            TakeFinished(frames);
        }
    }

    private void TakeFinished(FrameCache frames)
    {
        uint finished = completion.Peek();
        for (uint i = 0; i < finished; i++)
        {
            frames.Release(ledger.Take(completion.Next(), 0));
        }
        if (finished > 0)
        {
            completion.Release();
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
        if (!transmit.NeedsWakeup)
        {
            return;
        }
        for (uint calls = (transmit.Untaken / PacketsPerCall) + 1; calls > 0; calls--)
        {
            if (Libc.send(socket, null, 0, Libc.MSG_DONTWAIT) >= 0)
            {
                return;
            }
            int error = Errno.Last;
            if (error == Errno.EBUSY)
            {
                _errors++; // the device dropped one; the next are untouched
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

    /// <summary>The interface is down or gone: its waiting packets must not leave late, when it is up again.</summary>
    private void TakeBack(uint staged, FrameCache frames)
    {
        for (uint i = 0; i < staged; i++)
        {
            XdpDescriptor descriptor = transmit.TakeBack();
            _errors += (descriptor.Options & XDP_PKT_CONTD) == 0 ? 1 : 0;
            frames.Release(ledger.Take(descriptor.Address, 0));
        }
        _outstanding -= staged;
    }

    private static bool IsDown(int error) => error is Errno.ENETDOWN or Errno.ENXIO or Errno.ENODEV;
}
