using System.Runtime.CompilerServices;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Linux.Sockets;

namespace Softswitch.Ports.VhostUser;

/// <summary>A ring that the guest sends by: a worker receives from it.</summary>
internal sealed unsafe class GuestSendQueue(GuestRings owner, int index) : VirtQueue(owner, index)
{
    // Pieces of memory after which a burst ends, so that a guest that sends its packets in hundreds of them has fewer in a pass.
    private const int MostPiecesOfBurst = 256;

    private long _receiveDropped;
    private long _receiveErrors;

    /// <summary>Counts of packets lost here. Any thread.</summary>
    public PortCounters Losses =>
        new() { ReceiveDropped = Volatile.Read(ref _receiveDropped), ReceiveErrors = Volatile.Read(ref _receiveErrors) };

    private protected override Doorbell Kicked => _owner.Queues[Index / 2].Doorbell;

    /// <summary>As <see cref="IPort.Arm"/>.</summary>
    public bool Arm()
    {
        if (!TryHold())
        {
            return true; // the session changes the ring, and rings the doorbell afterwards
        }
        bool isEmpty = true;
        if (_isReady)
        {
            _isArmed = true;
            if (_hasEventIndex)
            {
                AvailableEvent = _next;
                LogUsed(RingLayout.HeaderSize + (RingLayout.UsedElementSize * (nuint)_size), sizeof(ushort));
            }
            else
            {
                *(ushort*)_used = 0;
                LogUsed(0, sizeof(ushort));
            }
            Interlocked.MemoryBarrier(); // the driver reads what was just written after it wrote the index we are about to read
            isEmpty = Volatile.Read(ref AvailableIndex) == _next;
        }
        LetGo();
        return isEmpty;
    }

    /// <summary>As <see cref="IPort.Receive"/>.</summary>
    public int Receive(PacketBatch batch, FrameCache frames)
    {
        if (!TryHold())
        {
            return 0;
        }
        int received = _isReady ? ReceiveHeld(batch, frames) : 0;
        LetGo();
        return received;
    }

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

    /// <summary>Asks for the packets of the next burst, as far as they were made available already: they come while this one is being worked on.</summary>
    /// <remarks>Nothing that is read here is used for more than a hint.</remarks>
    private void LookAhead()
    {
        int count = Math.Min((int)(ushort)(_seen - _next), Burst);
        ushort* heads = (ushort*)(_available + RingLayout.HeaderSize);
        uint mask = (uint)_size - 1;
        uint next = _next;
        GuestWindow window = _window;
        RingDescriptor* descriptors = _descriptors;
        for (uint i = 0; i < (uint)count; i++)
        {
            ulong inside = descriptors[heads[(next + i) & mask] & mask].Address - window.GuestAddress;
            if (inside < window.Size)
            {
                Datapath.Memory.Prefetch.Line(window.Start + inside);
                Datapath.Memory.Prefetch.Line(window.Start + inside + 64);
            }
        }
    }
}
