using System.Runtime.InteropServices;

namespace Softswitch.Ports.Linux.Sockets;

/// <summary>Names, numbers and layouts of AF_XDP (linux/if_xdp.h, linux/if_link.h; Documentation/networking/af_xdp.rst).</summary>
internal static class XdpSocket
{
    public const int SOL_XDP = 283;
    public const int XDP_MMAP_OFFSETS = 1;
    public const int XDP_RX_RING = 2;
    public const int XDP_TX_RING = 3;
    public const int XDP_UMEM_REG = 4;
    public const int XDP_UMEM_FILL_RING = 5;
    public const int XDP_UMEM_COMPLETION_RING = 6;
    public const int XDP_STATISTICS = 7;

    // sxdp_flags
    public const ushort XDP_SHARED_UMEM = 1;
    public const ushort XDP_COPY = 2;
    public const ushort XDP_ZEROCOPY = 4;
    public const ushort XDP_USE_NEED_WAKEUP = 8;
    public const ushort XDP_USE_SG = 16;

    // xdp_desc.options
    public const uint XDP_PKT_CONTD = 1;

    // Offsets for mmap.
    public const long XDP_PGOFF_RX_RING = 0;
    public const long XDP_PGOFF_TX_RING = 0x80000000;
    public const long XDP_UMEM_PGOFF_FILL_RING = 0x100000000;
    public const long XDP_UMEM_PGOFF_COMPLETION_RING = 0x180000000;

    // The flags word of a ring.
    public const uint XDP_RING_NEED_WAKEUP = 1;

    /// <summary>What the kernel keeps free in front of a received packet, beside the umem's own headroom (linux/bpf.h).</summary>
    public const int XDP_PACKET_HEADROOM = 256;

    // How a program is attached.
    public const uint XDP_FLAGS_SKB_MODE = 1 << 1;
    public const uint XDP_FLAGS_DRV_MODE = 1 << 2;
}

/// <summary>struct sockaddr_xdp.</summary>
internal struct XdpAddress
{
    public ushort Family;
    public ushort Flags;
    public int InterfaceIndex;
    public uint Queue;
    public int SharedUmem;
}

/// <summary>struct xdp_umem_reg.</summary>
internal struct UmemRegistration
{
    public ulong Address;
    public ulong Length;
    public uint ChunkSize;
    public uint Headroom;
    public uint Flags;
    public uint TransmitMetadataLength;
}

/// <summary>struct xdp_ring_offset: where the parts of a ring lie in its mapping, in bytes.</summary>
internal struct XdpRingOffset
{
    public ulong Producer;
    public ulong Consumer;
    public ulong Entries;
    public ulong Flags;
}

/// <summary>struct xdp_mmap_offsets.</summary>
internal struct XdpMapOffsets
{
    public XdpRingOffset Receive;
    public XdpRingOffset Transmit;
    public XdpRingOffset Fill;
    public XdpRingOffset Completion;
}

/// <summary>struct xdp_desc: a packet in the umem, or with <see cref="XdpSocket.XDP_PKT_CONTD"/> a piece of one, by its offset from the umem's start.</summary>
[StructLayout(LayoutKind.Sequential, Size = 16)]
internal struct XdpDescriptor
{
    public ulong Address;
    public uint Length;
    public uint Options;
}

/// <summary>struct xdp_statistics.</summary>
internal struct XdpStatistics
{
    /// <summary>Lost for want of a frame in the fill ring, or longer than a frame.</summary>
    public ulong ReceiveDropped;
    public ulong ReceiveInvalid;
    public ulong TransmitInvalid;
    public ulong ReceiveRingFull;
    public ulong FillRingEmpty;
    public ulong TransmitRingEmpty;
}
