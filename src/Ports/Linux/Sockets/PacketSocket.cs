using System.Runtime.InteropServices;
using Softswitch.Datapath.Packets;

namespace Softswitch.Ports.Linux.Sockets;

/// <summary>Names, numbers and layouts of AF_PACKET (linux/if_packet.h, packet(7)).</summary>
internal static unsafe class PacketSocket
{
    public const int SOL_PACKET = 263;
    public const int PACKET_ADD_MEMBERSHIP = 1;
    public const int PACKET_DROP_MEMBERSHIP = 2;
    public const int PACKET_RX_RING = 5;
    public const int PACKET_STATISTICS = 6;
    public const int PACKET_COPY_THRESH = 7;
    public const int PACKET_VERSION = 10;
    public const int PACKET_TX_RING = 13;
    public const int PACKET_LOSS = 14;
    public const int PACKET_VNET_HDR = 15;
    public const int PACKET_FANOUT = 18;
    public const int PACKET_FANOUT_DATA = 22;
    public const int PACKET_IGNORE_OUTGOING = 23;

    public const int PACKET_FANOUT_CBPF = 6;
    public const int PACKET_FANOUT_FLAG_UNIQUEID = 0x2000;
    public const int PACKET_FANOUT_FLAG_IGNORE_OUTGOING = 0x4000;

    public const int TPACKET_V2 = 1;
    public const ushort PACKET_MR_PROMISC = 1;
    public const ushort ETH_P_ALL = 3;

    public const uint TP_STATUS_KERNEL = 0;
    public const uint TP_STATUS_USER = 1;
    public const uint TP_STATUS_COPY = 1 << 1;
    public const uint TP_STATUS_CSUMNOTREADY = 1 << 3;
    public const uint TP_STATUS_VLAN_VALID = 1 << 4;
    public const uint TP_STATUS_VLAN_TPID_VALID = 1 << 6;

    public const uint TP_STATUS_AVAILABLE = 0;
    public const uint TP_STATUS_SEND_REQUEST = 1;

    /// <summary>A socket in the calling thread's network namespace that receives nothing.</summary>
    /// <exception cref="PortException">The system refuses.</exception>
    public static int Open(string port)
    {
        // Protocol 0: not a frame of another interface slips in before the socket is bound.
        int socket = Libc.socket(Libc.AF_PACKET, Libc.SOCK_RAW | Libc.SOCK_CLOEXEC, 0);
        if (socket < 0)
        {
            int error = Errno.Last;
            throw error == Errno.EPERM
                ? new PortException($"{port}: socket(AF_PACKET): {Errno.Text(error)}; run as root or with CAP_NET_RAW")
                : PortException.FromErrno(port, "socket(AF_PACKET)", error);
        }
        return socket;
    }

    /// <summary>Sets an option of SOL_PACKET or throws, naming it.</summary>
    public static void Set(string port, int socket, int option, int value, string name)
    {
        if (Libc.SetOption(socket, SOL_PACKET, option, value) < 0)
        {
            throw PortException.FromErrno(port, $"setsockopt({name})");
        }
    }

    /// <summary>Asks for a ring of slots that lie one behind the other in the mapping, whatever the size of the kernel's blocks.</summary>
    public static void SetRing(string port, int socket, int option, int slotSize, int slotCount, string name)
    {
        // 64 KiB a block: few pointers in the kernel, and an allocation it can satisfy. A multiple of the slot size, so no gaps.
        const uint blockSize = 64 * 1024;
        var request = new RingRequest
        {
            BlockSize = blockSize,
            BlockCount = (uint)(slotCount * slotSize) / blockSize,
            FrameSize = (uint)slotSize,
            FrameCount = (uint)slotCount,
        };
        if (Libc.setsockopt(socket, SOL_PACKET, option, &request, (uint)sizeof(RingRequest)) < 0)
        {
            throw PortException.FromErrno(port, $"setsockopt({name}, {slotCount} slots of {slotSize} bytes)");
        }
    }

    /// <summary>Reads the socket's pending error. An interface that goes down leaves ENETDOWN, and until someone reads it the socket polls as ready.</summary>
    public static void ClearError(int socket)
    {
        int error;
        uint size = sizeof(int);
        _ = Libc.getsockopt(socket, Libc.SOL_SOCKET, Libc.SO_ERROR, &error, &size);
    }

    /// <summary>Ties a socket to one interface and, unless <paramref name="protocol"/> is 0, starts its reception.</summary>
    public static void Bind(string port, int socket, int interfaceIndex, ushort protocol)
    {
        var address = new LinkAddress
        {
            Family = Libc.AF_PACKET,
            Protocol = System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(protocol),
            InterfaceIndex = interfaceIndex,
        };
        if (!BitConverter.IsLittleEndian)
        {
            address.Protocol = protocol;
        }
        if (Libc.bind(socket, &address, (uint)sizeof(LinkAddress)) < 0)
        {
            throw PortException.FromErrno(port, "bind(AF_PACKET)");
        }
    }

    /// <summary>Sends a packet by a socket that has PACKET_VNET_HDR.</summary>
    /// <returns>0, or the error.</returns>
    public static int Send(int socket, in Packet packet, VirtioNetHeader header)
    {
        IoVector* vectors = stackalloc IoVector[2];
        vectors[0] = new IoVector { Base = &header, Length = VirtioNetHeader.Size };
        vectors[1] = new IoVector { Base = packet.Data, Length = (nuint)packet.Length };
        MessageHeader message = new() { Vectors = vectors, VectorCount = 2 };
        return Libc.sendmsg(socket, &message, Libc.MSG_DONTWAIT) < 0 ? Errno.Last : 0;
    }

    /// <summary>Adds or drops the socket's wish that the interface be promiscuous; it ends with the socket too.</summary>
    /// <returns>Negative when the system refuses.</returns>
    public static int SetPromiscuous(int option, int socket, int interfaceIndex)
    {
        var membership = new PacketMembership { InterfaceIndex = interfaceIndex, Type = PACKET_MR_PROMISC };
        return Libc.setsockopt(socket, SOL_PACKET, option, &membership, (uint)sizeof(PacketMembership));
    }

    /// <summary>Packets that found no room in the socket's ring since the last call: the kernel forgets its count as it tells it.</summary>
    public static uint TakeDrops(int socket)
    {
        PacketSocketStatistics statistics = default;
        uint size = (uint)sizeof(PacketSocketStatistics);
        return Libc.getsockopt(socket, SOL_PACKET, PACKET_STATISTICS, &statistics, &size) == 0 ? statistics.Drops : 0;
    }

    /// <summary>A buffer limit beyond what an ordinary user may set; within it where the right is missing.</summary>
    public static void SetBuffer(int socket, int forcedOption, int plainOption, int bytes)
    {
        if (Libc.SetOption(socket, Libc.SOL_SOCKET, forcedOption, bytes) < 0)
        {
            _ = Libc.SetOption(socket, Libc.SOL_SOCKET, plainOption, bytes);
        }
    }
}

/// <summary>struct tpacket2_hdr: the head of every slot of a TPACKET_V2 ring. Host byte order.</summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
internal struct SlotHeader
{
    public const int Size = 32;

    /// <summary>Where the kernel looks for a frame to send: TPACKET2_HDRLEN - sizeof(struct sockaddr_ll).</summary>
    public const int TransmitDataOffset = Size;

    public uint Status;

    /// <summary>Bytes of the packet.</summary>
    public uint Length;

    /// <summary>Bytes of it that are in the slot.</summary>
    public uint CapturedLength;

    /// <summary>From the head of the slot to the Ethernet header; the virtio_net_hdr lies in front of it.</summary>
    public ushort MacOffset;
    public ushort NetworkOffset;
    public uint Seconds;
    public uint Nanoseconds;
    public ushort VlanTci;
    public ushort VlanTpid;
}

/// <summary>struct tpacket_req.</summary>
internal struct RingRequest
{
    public uint BlockSize;
    public uint BlockCount;
    public uint FrameSize;
    public uint FrameCount;
}

/// <summary>struct sockaddr_ll.</summary>
[StructLayout(LayoutKind.Sequential, Size = 20)]
internal struct LinkAddress
{
    public ushort Family;

    /// <summary>Network byte order.</summary>
    public ushort Protocol;
    public int InterfaceIndex;
}

/// <summary>struct packet_mreq.</summary>
[StructLayout(LayoutKind.Sequential, Size = 16)]
internal struct PacketMembership
{
    public int InterfaceIndex;
    public ushort Type;
}

/// <summary>struct tpacket_stats; reading clears it.</summary>
internal struct PacketSocketStatistics
{
    public uint Packets;
    public uint Drops;
}
