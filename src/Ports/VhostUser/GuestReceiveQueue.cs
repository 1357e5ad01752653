using System.Runtime.CompilerServices;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Linux.Sockets;

namespace Softswitch.Ports.VhostUser;

/// <summary>A ring that the guest receives by: a worker transmits to it.</summary>
internal sealed unsafe class GuestReceiveQueue(GuestRings owner, int index) : VirtQueue(owner, index)
{
    private const int NotThere = -1;

    private long _transmitErrors;

    public override PortCounters Losses => new() { TransmitErrors = Volatile.Read(ref _transmitErrors) };

    /// <summary>As <see cref="IPort.Transmit"/>.</summary>
    /// <returns>Negative if there is no ring to send by, and nothing was done.</returns>
    public int Transmit(ReadOnlySpan<Packet> packets, FrameCache frames)
    {
        if (!TryHold())
        {
            return 0;
        }
        int taken = _isReady ? TransmitHeld(packets, frames) : NotThere;
        LetGo();
        return taken;
    }

    private int TransmitHeld(ReadOnlySpan<Packet> packets, FrameCache frames)
    {
        int done = 0;
        while (done < packets.Length && _isReady)
        {
            int burst = TransmitBurst(packets[done..], frames);
            if (burst == 0)
            {
                break;
            }
            done += burst;
        }
        frames.Release(packets[..done]);
        return done;
    }

    /// <returns>Packets that are done with; 0 if there is no buffer for the first.</returns>
    private int TransmitBurst(ReadOnlySpan<Packet> packets, FrameCache frames)
    {
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
                int taken = TransmitChain(packet, frames, buffers);
                if (taken < 0)
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
    /// <returns>Buffers it took: none if it cannot be sent at all, which is counted. Negative if there are too few, or the ring ended.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private int TransmitChain(in Packet packet, FrameCache frames, int taken)
    {
        NetHeader header = default;
        header.Buffers = 1;
        if (!VirtioNetHeader.TryFor(packet, frames, out header.Common) || (packet.HasOffload && !_owner.Takes(frames.Offload(packet))))
        {
            _transmitErrors++;
            return 0;
        }
        int waiting = (ushort)(Volatile.Read(ref AvailableIndex) - _next);
        if (waiting > _size)
        {
            End(RingFault.AvailableIndex);
            return -1;
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
                if (buffers < Math.Min(_size, BufferChain.MaxPieces))
                {
                    return -1;
                }
                _transmitErrors++; // the whole ring does not hold it
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
                return -1;
            }
            used[at] = head | (Math.Min(bytes - before, _chain.Length - before) << 32); // not seen before the index says so
            buffers++;
        }
        while (_isMergeable && _chain.Length < bytes);
        if (_chain.Length < bytes)
        {
            _transmitErrors++; // longer than the driver wants
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
