using System.Runtime.CompilerServices;
using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Packets;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Sockets;
using static Softswitch.Ports.Linux.Sockets.PacketSocket;

namespace Softswitch.Ports.AfPacket;

/// <summary>The receiving half of the rings: slots the kernel fills in order and this side empties in order.</summary>
/// <remarks>
/// Threads: the worker that owns the queue, but for <c>Open</c> and <c>Take</c>. The kernel hands a slot over by its status word, and
/// takes it back the same way.
/// </remarks>
internal sealed unsafe class ReceiveRing : SlotRing
{
    private const int VlanTagLength = 4;
    private const int MacAddressesLength = 12;

    // Another processor has written the slots. Where many wait, their first lines are asked for this many slots ahead.
    private const int Ahead = 8;

    // Frames that are lost take no room in the batch: without this bound an empty pool would empty the whole ring in one call.
    private const int MostVisited = 2 * PacketBatch.Capacity;

    // Room for a few hundred whole segments. It is taken only while they wait.
    private const int BufferBytes = 32 * 1024 * 1024;
    private const int SO_RCVBUF = 8;

    private readonly ReceiveCounts _counts;

    private ReceiveRing(string port, int socket, RingSize size, ReceiveCounts counts)
        : base(port, socket, size)
    {
        _counts = counts;
    }

    /// <summary>Packets fetched from the socket that a longer slot would have held.</summary>
    public int FetchedShort { get; private set; }

    /// <summary>Whether half of it or more waits.</summary>
    public bool IsHalfFull => IsReady(Head + ((uint)Size.Slots / 2) - 1);

    /// <summary>Whether something waits.</summary>
    public bool HasReady => IsReady(Head);

    /// <summary>Opens a ring in the calling thread's network namespace. The source's packets come to it from here on.</summary>
    /// <param name="joins">The ring whose group it joins (<see cref="ReceiveGroup"/>); packets come to that one then. Null for
    /// none.</param>
    /// <exception cref="PortException">The system refuses.</exception>
    public static ReceiveRing Open(string port, PacketSource source, RingSize size, ReceiveCounts counts, ReceiveRing? joins = null)
    {
        int socket = PacketSocket.Open(port);
        ReceiveRing? ring = null;
        try
        {
            Set(port, socket, PACKET_VERSION, TPACKET_V2, nameof(PACKET_VERSION));
            Set(port, socket, PACKET_VNET_HDR, 1, nameof(PACKET_VNET_HDR)); // refused once there is a ring
            Set(port, socket, PACKET_IGNORE_OUTGOING, source.IsOutgoing ? 0 : 1, nameof(PACKET_IGNORE_OUTGOING));
            SetRing(port, socket, PACKET_RX_RING, size.SlotSize, size.Slots, nameof(PACKET_RX_RING));
            ring = new ReceiveRing(port, socket, size, counts);
            Set(port, socket, PACKET_COPY_THRESH, 1, nameof(PACKET_COPY_THRESH));
            SetBuffer(socket, Libc.SO_RCVBUFFORCE, SO_RCVBUF, BufferBytes);
            Action bind = () => Bind(port, socket, source.InterfaceIndex, ETH_P_ALL); // last: from here on packets arrive
            if (joins == null)
            {
                bind();
            }
            else
            {
                ReceiveGroup.Join(port, socket, joins.Socket, source.IsOutgoing, bind);
            }
            return ring;
        }
        catch
        {
            ring?.Unmap();
            _ = Libc.close(socket);
            throw;
        }
    }

    /// <summary>Maps a ring that another process opened.</summary>
    /// <param name="socket">The ring's from now on, unless this throws.</param>
    /// <exception cref="PortException">The system refuses.</exception>
    public static ReceiveRing Take(string port, int socket, RingSize size, ReceiveCounts counts) => new(port, socket, size, counts);

    /// <summary>How many wait, <paramref name="most"/> at the most.</summary>
    public int CountReady(int most)
    {
        int ready = 0;
        while (ready < most && IsReady(Head + (uint)ready))
        {
            ready++;
        }
        return ready;
    }

    /// <param name="most">Slots to visit at the most.</param>
    public int Receive(PacketBatch batch, FrameCache frames, int most = MostVisited)
    {
        int room = batch.Free;
        int received = 0;
        for (int visited = 0; received < room && visited < most; visited++)
        {
            SlotHeader* slot = At(Head);
            uint status = Volatile.Read(ref slot->Status);
            if ((status & TP_STATUS_USER) == 0)
            {
                break;
            }
            if (visited >= Ahead) // of few that wait, the lines ahead are the kernel's to write
            {
                FetchAhead(At(Head + Ahead));
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

    /// <summary>The kernel's header, and as much of a packet as small ones have.</summary>
    private static void FetchAhead(SlotHeader* slot)
    {
        const int line = 64;
        Prefetch.Line(slot);
        Prefetch.Line((byte*)slot + line);
        Prefetch.Line((byte*)slot + (2 * line));
    }

    private bool IsReady(uint index) => (Volatile.Read(ref At(index)->Status) & TP_STATUS_USER) != 0;

    private bool TryTake(SlotHeader* slot, uint status, FrameCache frames, out Packet packet)
    {
        int length = (int)slot->Length;
        int tag = (status & TP_STATUS_VLAN_VALID) != 0 ? VlanTagLength : 0;
        bool whole = slot->CapturedLength == slot->Length;
        if (!whole && (status & TP_STATUS_COPY) == 0)
        {
            // The copy of what did not fit would have exceeded SO_RCVBUF.
            _counts.Dropped++;
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
                _counts.Errors++;
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
            _counts.Errors++;
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
        FetchedShort += length < RingSize.WholeSlot ? 1 : 0; // near enough: the slot's head counts, too
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
            _counts.Errors++;
        }
        else
        {
            _counts.Dropped++;
        }
    }
}

/// <summary>What a port lost on its way in, over all rings it has had. Threads: written by the worker, read by any.</summary>
internal sealed class ReceiveCounts
{
    /// <summary>Frames lost here: no free frame, or too large for the slot and for the socket's buffer.</summary>
    public long Dropped;

    /// <summary>Frames that came damaged or longer than the switch carries.</summary>
    public long Errors;
}
