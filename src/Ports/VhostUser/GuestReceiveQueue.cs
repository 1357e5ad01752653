using System.Runtime.CompilerServices;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Linux.Sockets;

namespace Softswitch.Ports.VhostUser;

/// <summary>A ring that the guest receives by: a worker transmits to it.</summary>
internal sealed unsafe class GuestReceiveQueue(GuestRings owner, int index) : VirtQueue(owner, index)
{
    private const int NotThere = -1;

    /// <summary>As <see cref="IPort.Transmit"/>.</summary>
    /// <param name="account">The worker's: where packets are counted that the guest cannot take.</param>
    /// <returns>Negative if there is no ring to send by, and nothing was done.</returns>
    public int Transmit(ReadOnlySpan<Packet> packets, FrameCache frames, PortAccount* account)
    {
        if (!TryHold())
        {
            return 0;
        }
        int taken = _isReady ? TransmitHeld(packets, frames, account) : NotThere;
        LetGo();
        return taken;
    }

    private int TransmitHeld(ReadOnlySpan<Packet> packets, FrameCache frames, PortAccount* account)
    {
        int done = 0;
        int released = 0;
        while (done < packets.Length && _isReady)
        {
            int burst = TransmitBurst(packets[done..], frames, out DropReason? refusal);
            done += burst;
            if (refusal is { } reason)
            {
                frames.Release(packets[released..done]);
                frames.DropLost(packets[done++], reason, &account->Egress);
                released = done;
            }
            else if (burst == 0)
            {
                break;
            }
        }
        frames.Release(packets[released..done]);
        return done;
    }

    /// <param name="refusal">Why the guest cannot take the packet behind those that were sent; null if it may later.</param>
    /// <returns>Packets that were sent.</returns>
    private int TransmitBurst(ReadOnlySpan<Packet> packets, FrameCache frames, out DropReason? refusal)
    {
        refusal = null;
        int count = Begin(Math.Min(packets.Length, Burst));
        if (count == 0 || !Fetch(count, RingDescriptor.VIRTQ_DESC_F_WRITE))
        {
            return 0;
        }
        int done = 0;
        int buffers = 0;
        uint headerSize = _headerSize;
        uint mask = (uint)_size - 1;
        uint next = _next;
        ulong* used = (ulong*)(_used + RingLayout.HeaderSize);
        while (done < packets.Length && buffers < count)
        {
            ref readonly Packet packet = ref packets[done];
            Slot* slot = _slots + buffers;
            uint bytes = headerSize + (uint)packet.Length;
            if (slot->Data == null || slot->Length < bytes || packet.HasOffload)
            {
                int taken = TransmitChain(packet, frames, buffers, out refusal);
                if (taken == 0)
                {
                    break;
                }
                buffers += taken;
                done++;
                continue;
            }
            used[(next + (uint)buffers) & mask] = slot->Head | ((ulong)bytes << 32);
            byte* data = slot->Data;
            *(ulong*)data = 0;
            if (headerSize == 10)
            {
                *(ushort*)(data + 8) = 0;
            }
            else
            {
                *(uint*)(data + 8) = 1u << 16; // num_buffers
            }
            PacketCopy.Copy(data + headerSize, packet.Data, (uint)packet.Length);
            _log?.Mark(slot->GuestAddress, bytes);
            buffers++;
            done++;
        }
        if (_fault != 0)
        {
            return 0;
        }
        End(buffers);
        return done;
    }

    /// <summary>Sends a packet by several buffers, or with unfinished work.</summary>
    /// <param name="taken">Buffers that the burst has taken before.</param>
    /// <param name="refusal">Why it cannot be sent at all; null if there are too few buffers now, or the ring ended.</param>
    /// <returns>Buffers it took; none if it was not sent.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private int TransmitChain(in Packet packet, FrameCache frames, int taken, out DropReason? refusal)
    {
        refusal = null;
        NetHeader header = default;
        header.Buffers = 1;
        if (!VirtioNetHeader.TryFor(packet, frames, out header.Common))
        {
            refusal = DropReason.BadOffload;
            return 0;
        }
        if (packet.HasOffload && !_owner.Takes(frames.Offload(packet)))
        {
            refusal = DropReason.DeviceRefused; // it was decided by features that changed meanwhile
            return 0;
        }
        int waiting = (ushort)(Volatile.Read(ref AvailableIndex) - _next);
        if (waiting > _size)
        {
            End(RingFault.AvailableIndex);
            return 0;
        }
        ulong bytes = _headerSize + (uint)packet.Length;
        ulong* used = (ulong*)(_used + RingLayout.HeaderSize);
        uint mask = (uint)_size - 1;
        int buffers = 0;
        _chain.Clear();
        do
        {
            if (taken + buffers == waiting || buffers == BufferChain.MaxPieces)
            {
                bool isWholeRing = buffers >= Math.Min(_size, BufferChain.MaxPieces);
                refusal = isWholeRing ? DropReason.TooLong : null;
                return 0;
            }
            uint at = (uint)(_next + taken + buffers) & mask;
            uint head = ((ushort*)(_available + RingLayout.HeaderSize))[at];
            ulong before = _chain.Length;
            RingFault fault = head < (uint)_size
                ? _chain.Add(_descriptors, (uint)_size, head, RingDescriptor.VIRTQ_DESC_F_WRITE, _hasIndirect)
                : RingFault.Head;
            if (fault != RingFault.None)
            {
                End(fault);
                return 0;
            }
            used[at] = head | (Math.Min(bytes - before, _chain.Length - before) << 32); // not seen before the index says so
            buffers++;
        }
        while (_isMergeable && _chain.Length < bytes);
        if (_chain.Length < bytes)
        {
            refusal = DropReason.TooLong; // for this driver
            return 0;
        }
        header.Buffers = (ushort)buffers;
        _chain.Write(0, (byte*)&header, _headerSize, _log);
        _chain.Write(_headerSize, packet.Data, (nuint)packet.Length, _log);
        return buffers;
    }

    /// <summary>What stands in front of a packet.</summary>
    private struct NetHeader
    {
        public VirtioNetHeader Common;
        public ushort Buffers;
    }
}
