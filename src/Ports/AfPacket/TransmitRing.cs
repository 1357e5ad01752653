using System.Diagnostics;
using System.Runtime.CompilerServices;
using Softswitch.Datapath.Packets;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Sockets;
using static Softswitch.Ports.Linux.Sockets.PacketSocket;

namespace Softswitch.Ports.AfPacket;

/// <summary>The sending half of the rings: slots this side fills in order and the kernel sends, in order, when told to.</summary>
/// <remarks>
/// The kernel takes slots only inside <see cref="Kick"/>, so after it every slot of the run is either taken (being sent, sent,
/// or refused as malformed) or still marked for sending. The latter are taken back: the caller keeps those packets.
/// </remarks>
internal sealed unsafe class TransmitRing : SlotRing
{
    private const int SO_SNDBUF = 7;

    // Room for a full ring, and beside it, on a socket of its own, for as many whole segments.
    private const int BufferBytes = 32 * 1024 * 1024;

    private TransmitRing(string port, int socket, RingSize size)
        : base(port, socket, size)
    {
    }

    /// <summary>Whether the kernel has sent all that it took.</summary>
    public bool IsIdle
    {
        get
        {
            for (uint i = 0; i < (uint)Size.Slots; i++)
            {
                if (Volatile.Read(ref At(i)->Status) != TP_STATUS_AVAILABLE)
                {
                    return false;
                }
            }
            return true;
        }
    }

    /// <summary>Opens a ring in the calling thread's network namespace.</summary>
    /// <exception cref="PortException">The system refuses.</exception>
    public static TransmitRing Open(string port, int interfaceIndex, RingSize size)
    {
        int socket = PacketSocket.Open(port);
        TransmitRing? ring = null;
        try
        {
            Set(port, socket, PACKET_VERSION, TPACKET_V2, nameof(PACKET_VERSION));
            Set(port, socket, PACKET_VNET_HDR, 1, nameof(PACKET_VNET_HDR)); // refused once there is a ring
            Set(port, socket, PACKET_LOSS, 1, nameof(PACKET_LOSS)); // one bad frame must not block the ring
            SetRing(port, socket, PACKET_TX_RING, size.SlotSize, size.Slots, nameof(PACKET_TX_RING));
            ring = new TransmitRing(port, socket, size);
            Provide(port, socket, interfaceIndex);
            return ring;
        }
        catch
        {
            ring?.Unmap();
            _ = Libc.close(socket);
            throw;
        }
    }

    /// <summary>
    /// Opens a socket without a ring, for packets that are sent one by one. It receives nothing, and keeps the interface promiscuous: a card
    /// delivers packets that are not addressed to it.
    /// </summary>
    /// <exception cref="PortException">The system refuses.</exception>
    public static int OpenSender(string port, int interfaceIndex)
    {
        int socket = PacketSocket.Open(port);
        try
        {
            Set(port, socket, PACKET_VNET_HDR, 1, nameof(PACKET_VNET_HDR));
            Provide(port, socket, interfaceIndex);
            return SetPromiscuous(PACKET_ADD_MEMBERSHIP, socket, interfaceIndex) >= 0
                ? socket
                : throw PortException.FromErrno(port, $"setsockopt({nameof(PACKET_ADD_MEMBERSHIP)})");
        }
        catch
        {
            _ = Libc.close(socket);
            throw;
        }
    }

    /// <summary>Maps a ring that another process opened.</summary>
    /// <param name="socket">The ring's from now on, unless this throws.</param>
    /// <exception cref="PortException">The system refuses.</exception>
    public static TransmitRing Take(string port, int socket, RingSize size) => new(port, socket, size);

    /// <summary>Longest packet a slot holds behind its headers.</summary>
    public int MaxLength => SlotSize - SlotHeader.TransmitDataOffset - VirtioNetHeader.Size;

    /// <summary>Copies a packet into the next slot; false when the kernel has not finished with that slot yet.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryStage(in Packet packet, in VirtioNetHeader header)
    {
        Debug.Assert(packet.Length <= MaxLength);
        SlotHeader* slot = At(Head);
        if (Volatile.Read(ref slot->Status) != TP_STATUS_AVAILABLE)
        {
            return false;
        }
        byte* data = (byte*)slot + SlotHeader.TransmitDataOffset;
        VirtioNetHeader said = header;
        if (header.GsoType == 0)
        {
            // The kernel copies the headers and lets its buffer point to the rest in this slot (tpacket_fill_skb); a local receiver,
            // as behind a veth,
            // then gets a copy of that in a page of its own (skb_copy_ubufs). Called all headers, a packet is copied once, whole.
            said.HeaderLength = (ushort)packet.Length;
        }
        Unsafe.WriteUnaligned(data, said);
        Unsafe.CopyBlockUnaligned(data + VirtioNetHeader.Size, packet.Data, (uint)packet.Length);
        slot->Length = (uint)(packet.Length + VirtioNetHeader.Size);
        Volatile.Write(ref slot->Status, TP_STATUS_SEND_REQUEST);
        Head++;
        return true;
    }

    /// <summary>Lets the kernel send the run of slots staged last.</summary>
    /// <param name="run">Slots staged since the last kick.</param>
    /// <param name="bytes">Bytes of their packets.</param>
    /// <param name="refused">1 or more if the kernel discarded packets as malformed (PACKET_LOSS); it tells bytes, not how many.</param>
    /// <param name="error">0, or why not all were taken.</param>
    /// <returns>Slots the kernel took, from the first on.</returns>
    public int Kick(int run, long bytes, out int refused, out int error)
    {
        nint sent = Libc.send(Socket, null, 0, Libc.MSG_DONTWAIT);
        refused = 0;
        error = 0;
        if (sent == bytes)
        {
            return run;
        }
        error = sent < 0 ? Errno.Last : 0;
        uint first = Head - (uint)run;
        int taken = 0;
        long takenBytes = 0;
        while (taken < run && Volatile.Read(ref At(first + (uint)taken)->Status) != TP_STATUS_SEND_REQUEST)
        {
            takenBytes += At(first + (uint)taken)->Length - VirtioNetHeader.Size;
            taken++;
        }
        for (int i = taken; i < run; i++)
        {
            Volatile.Write(ref At(first + (uint)i)->Status, TP_STATUS_AVAILABLE);
        }
        Head = first + (uint)taken;
        refused = sent >= 0 && sent < takenBytes ? 1 : 0;
        if (taken < run && error == 0)
        {
            error = Errno.EAGAIN;
        }
        return taken;
    }

    private static void Provide(string port, int socket, int interfaceIndex)
    {
        SetBuffer(socket, Libc.SO_SNDBUFFORCE, SO_SNDBUF, BufferBytes);
        Bind(port, socket, interfaceIndex, protocol: 0);
    }
}
