using System.Runtime.InteropServices;

namespace Softswitch.Ports.VhostUser;

/// <summary>struct virtq_desc (virtio 1.2 §2.7.5): one buffer, or an indirect table. Little-endian, as the machine.</summary>
/// <remarks>
/// <code>
///  0                8        12      14     16
/// | guest address  | length | flags | next |
/// </code>
/// </remarks>
[StructLayout(LayoutKind.Sequential, Size = Size)]
internal struct RingDescriptor
{
    public const int Size = 16;

    public const ushort VIRTQ_DESC_F_NEXT = 1;
    public const ushort VIRTQ_DESC_F_WRITE = 2;
    public const ushort VIRTQ_DESC_F_INDIRECT = 4;

    public ulong Address;
    public uint Length;
    public ushort Flags;
    public ushort Next;
}

/// <summary>Where the parts of a split ring lie in the front-end's address space (struct vhost_vring_addr).</summary>
/// <param name="Descriptors">A multiple of 16.</param>
/// <param name="Available">A multiple of 2.</param>
/// <param name="Used">A multiple of 4.</param>
/// <param name="LogsUsed">VHOST_VRING_F_LOG: writes to the used ring are logged.</param>
/// <param name="Log">The guest-physical address of the used ring, for the log.</param>
internal readonly record struct RingAddresses(ulong Descriptors, ulong Available, ulong Used, bool LogsUsed = false, ulong Log = 0);

/// <summary>Sizes and offsets of a split ring's parts (virtio 1.2 §2.7).</summary>
/// <remarks>
/// <code>
/// available:  flags | idx | ring[size]              | used_event        2 bytes each
/// used:       flags | idx | ring[size] of id, length | avail_event      2 bytes each; id and length 4
/// </code>
/// </remarks>
internal static class RingLayout
{
    /// <summary>The most descriptors a ring may have.</summary>
    public const int MaxSize = 32768;

    /// <summary>Bytes in front of the entries, of both rings.</summary>
    public const int HeaderSize = 4;

    public const int UsedElementSize = 8;

    public const ushort VIRTQ_AVAIL_F_NO_INTERRUPT = 1;
    public const ushort VIRTQ_USED_F_NO_NOTIFY = 1;

    public static ulong DescriptorBytes(int size) => (ulong)size * RingDescriptor.Size;

    /// <summary>With used_event at the end.</summary>
    public static ulong AvailableBytes(int size) => HeaderSize + ((ulong)size * sizeof(ushort)) + sizeof(ushort);

    /// <summary>With avail_event at the end.</summary>
    public static ulong UsedBytes(int size) => HeaderSize + ((ulong)size * UsedElementSize) + sizeof(ushort);
}
