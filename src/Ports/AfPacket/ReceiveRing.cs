using System.Runtime.CompilerServices;
using Softswitch.Datapath.Packets;
using Softswitch.Ports.Linux;
using static Softswitch.Ports.Linux.PacketSocket;

namespace Softswitch.Ports.AfPacket;

/// <summary>The receiving half of the rings: slots the kernel fills in order and this side empties in order.</summary>
/// <remarks>Threads: the worker that owns the queue. The kernel hands a slot over by its status word, and takes it back the same way.</remarks>
internal sealed unsafe class ReceiveRing : SlotRing
{
    private const int VlanTagLength = 4;
    private const int MacAddressesLength = 12;

    public ReceiveRing(int socket, byte* slots, int slotSize, int slotCount)
        : base(socket, slots, slotSize, slotCount)
    {
    }

    /// <summary>Frames lost here: no free frame, or too large for the slot and for the socket's buffer.</summary>
    public long Dropped;

    /// <summary>Frames that came damaged or longer than the switch carries.</summary>
    public long Errors;

    public int Receive(PacketBatch batch, FrameCache frames)
    {
        int room = batch.Free;
        int received = 0;
        // Frames that are lost take no room in the batch: without the second bound an empty pool would empty the whole ring here.
        for (int visited = 0; received < room && visited < 2 * PacketBatch.Capacity; visited++)
        {
            SlotHeader* slot = At(Head);
            uint status = Volatile.Read(ref slot->Status);
            if ((status & TP_STATUS_USER) == 0)
            {
                break;
            }
            if (TryTake(slot, status, frames, out Packet packet))
            {
                batch.Add(packet);
                received++;
            }
            Volatile.Write(ref slot->Status, TP_STATUS_KERNEL);
            Head++;
        }
        return received;
    }

    private bool TryTake(SlotHeader* slot, uint status, FrameCache frames, out Packet packet)
    {
        int length = (int)slot->Length;
        int tag = (status & TP_STATUS_VLAN_VALID) != 0 ? VlanTagLength : 0;
        bool whole = slot->CapturedLength == slot->Length;
        if (!whole && (status & TP_STATUS_COPY) == 0)
        {
            // The copy of what did not fit would have exceeded SO_RCVBUF.
            Dropped++;
            packet = default;
            return false;
        }
        if (!frames.TryRent(length + tag, out packet))
        {
            CountLost(length + tag);
            DiscardCopy(status);
            return false;
        }
        packet.Length = length + tag;
        VirtioNetHeader header;
        if ((status & TP_STATUS_COPY) != 0)
        {
            if (!TryFetchCopy(packet.Data, length, tag, out header))
            {
                Errors++;
                frames.Release(packet);
                return false;
            }
        }
        else
        {
            byte* source = (byte*)slot + slot->MacOffset;
            header = Unsafe.ReadUnaligned<VirtioNetHeader>(source - VirtioNetHeader.Size);
            CopyFrame(packet.Data, source, length, tag);
        }
        if (tag != 0)
        {
            ushort tpid = (status & TP_STATUS_VLAN_TPID_VALID) != 0 ? slot->VlanTpid : Datapath.Headers.EtherType.Vlan;
            WriteTag(packet.Bytes, tpid, slot->VlanTci);
        }
        if (length < LinkFrame.HeaderLength || (!header.IsPlain && !header.TryDescribe(ref packet, frames, tag)))
        {
            Errors++;
            frames.Release(packet);
            return false;
        }
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void CopyFrame(byte* destination, byte* source, int length, int tag)
    {
        if (tag == 0)
        {
            Unsafe.CopyBlockUnaligned(destination, source, (uint)length);
        }
        else if (length >= MacAddressesLength)
        {
            Unsafe.CopyBlockUnaligned(destination, source, MacAddressesLength);
            Unsafe.CopyBlockUnaligned(
                destination + MacAddressesLength + VlanTagLength, source + MacAddressesLength, (uint)(length - MacAddressesLength));
        }
    }

    private static void WriteTag(Span<byte> frame, ushort tpid, ushort tci)
    {
        if (frame.Length >= MacAddressesLength + VlanTagLength)
        {
            System.Buffers.Binary.BinaryPrimitives.WriteUInt16BigEndian(frame[MacAddressesLength..], tpid);
            System.Buffers.Binary.BinaryPrimitives.WriteUInt16BigEndian(frame[(MacAddressesLength + 2)..], tci);
        }
    }

    /// <summary>Fetches the oldest packet that did not fit its slot; they queue in the order of their slots.</summary>
    /// <remarks>The gap for the tag is left by scattering: the addresses to the front, the rest behind the gap.</remarks>
    private bool TryFetchCopy(byte* data, int length, int tag, out VirtioNetHeader header)
    {
        if (length < MacAddressesLength)
        {
            header = default;
            return false;
        }
        VirtioNetHeader fetched = default;
        IoVector* vectors = stackalloc IoVector[3];
        vectors[0] = new IoVector { Base = &fetched, Length = VirtioNetHeader.Size };
        vectors[1] = new IoVector { Base = data, Length = MacAddressesLength };
        vectors[2] = new IoVector { Base = data + MacAddressesLength + tag, Length = (nuint)(length - MacAddressesLength) };
        MessageHeader message = new() { Vectors = vectors, VectorCount = 3 };
        nint got = Libc.recvmsg(Socket, &message, Libc.MSG_DONTWAIT);
        header = fetched;
        return got == length + VirtioNetHeader.Size && (message.Flags & Libc.MSG_TRUNC) == 0;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void DiscardCopy(uint status)
    {
        if ((status & TP_STATUS_COPY) != 0)
        {
            byte ignored;
            IoVector vector = new() { Base = &ignored, Length = 1 };
            MessageHeader message = new() { Vectors = &vector, VectorCount = 1 };
            _ = Libc.recvmsg(Socket, &message, Libc.MSG_DONTWAIT);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void CountLost(int length)
    {
        if (length > FramePool.LargeFrameCapacity)
        {
            Errors++;
        }
        else
        {
            Dropped++;
        }
    }
}
