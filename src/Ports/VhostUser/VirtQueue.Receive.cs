using System.Runtime.CompilerServices;
using Softswitch.Datapath.Packets;
using Softswitch.Ports.Linux.Sockets;

namespace Softswitch.Ports.VhostUser;

// What a worker does with a ring the guest sends by. By who holds it.
internal sealed unsafe partial class VirtQueue
{
    // Pieces of memory after which a burst ends, so that a guest that sends its packets in hundreds of them has fewer in a pass.
    private const int MostPiecesOfBurst = 256;

    private int ReceiveHeld(PacketBatch batch, FrameCache frames)
    {
        int count = Begin(Math.Min(batch.Free, Burst));
        if (count == 0 || !Fetch(count, direction: 0))
        {
            return 0;
        }
        if (_isArmed)
        {
            Silence();
        }
        int before = batch.Count;
        uint headerSize = _headerSize;
        uint room = (uint)frames.Pool.FrameCapacity - LinkFrame.HeaderLength;
        uint mask = (uint)_size - 1;
        uint next = _next;
        ulong* used = (ulong*)(_used + RingLayout.HeaderSize);
        for (int i = 0, pieces = 0; i < count; i++)
        {
            Slot* slot = _slots + i;
            used[(next + (uint)i) & mask] = slot->Head; // and 0 bytes written
            uint length = slot->Length - headerSize;
            if (slot->Data == null || slot->Length < headerSize || length - LinkFrame.HeaderLength > room)
            {
                if (!ReceiveChain(slot->Head, batch, frames))
                {
                    return batch.Count - before;
                }
                pieces += _chain.PieceCount;
                count = pieces < MostPiecesOfBurst ? count : i + 1;
                continue;
            }
            if (!frames.TryRent(out Packet packet))
            {
                _receiveDropped++;
                continue;
            }
            VirtioNetHeader header = *(VirtioNetHeader*)slot->Data;
            PacketCopy.Copy(packet.Data, slot->Data + headerSize, length);
            packet.Length = (int)length;
            if (!header.IsPlain && !header.TryDescribe(ref packet, frames, inserted: 0))
            {
                frames.Release(packet);
                _receiveErrors++;
                continue;
            }
            batch.Add(packet);
        }
        End(count);
        LookAhead();
        return batch.Count - before;
    }

    /// <summary>Receives a packet in several buffers, or one too long for an ordinary frame.</summary>
    /// <returns>False if the ring ended.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool ReceiveChain(uint head, PacketBatch batch, FrameCache frames)
    {
        _chain.Clear();
        RingFault fault = _chain.Add(_descriptors, (uint)_size, head, direction: 0, _hasIndirect);
        if (fault != RingFault.None)
        {
            return End(fault);
        }
        if (_chain.Length < _headerSize + LinkFrame.HeaderLength || _chain.Length > _headerSize + Packet.MaxLength)
        {
            _receiveErrors++;
            return true;
        }
        int length = (int)(_chain.Length - _headerSize);
        if (!frames.TryRent(length, out Packet packet))
        {
            _receiveDropped++;
            return true;
        }
        VirtioNetHeader header;
        _chain.Read(0, (byte*)&header, VirtioNetHeader.Size);
        _chain.Read(_headerSize, packet.Data, (nuint)length);
        packet.Length = length;
        if (!header.IsPlain && !header.TryDescribe(ref packet, frames, inserted: 0))
        {
            frames.Release(packet);
            _receiveErrors++;
            return true;
        }
        batch.Add(packet);
        return true;
    }
}
