using System.Runtime.InteropServices;
using static Softswitch.Ports.VhostUser.VhostUserRequest;

namespace Softswitch.Ports.VhostUser;

/// <summary>What stands before each message's payload, in the machine's byte order (docs/interop/vhost-user.rst, "Header").</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct VhostUserHeader(uint Request, uint Flags, uint Size)
{
    public const int Bytes = 12;

    public const uint Version = 1;
    public const uint VersionMask = 3;
    public const uint IsReply = 1 << 2;
    public const uint NeedsReply = 1 << 3;
}

/// <summary>struct vhost_vring_state: a ring, and its size, base or whether it is enabled.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct RingStateMessage(uint Index, uint Number);

/// <summary>struct vhost_vring_addr.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct RingAddressMessage(uint Index, uint Flags, ulong Descriptors, ulong Used, ulong Available, ulong Log)
{
    public const uint VHOST_VRING_F_LOG = 1;
}

/// <summary>A region of memory; behind 8 bytes in VHOST_USER_ADD_MEM_REG, behind a count and 4 bytes in VHOST_USER_SET_MEM_TABLE.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct RegionMessage(ulong GuestAddress, ulong Size, ulong UserAddress, ulong MmapOffset)
{
    public const int Bytes = 32;

    /// <summary>Bytes before the first region.</summary>
    public const int Offset = 8;

    /// <summary>VHOST_MEMORY_BASELINE_NREGIONS: what one VHOST_USER_SET_MEM_TABLE has room for.</summary>
    public const int MostInTable = 8;
}

/// <summary>The dirty log in its file.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct LogMessage(ulong Size, ulong Offset);

/// <summary>How long a message is and how many descriptors come with it.</summary>
/// <param name="Shortest">Bytes of payload, at least.</param>
/// <param name="Longest">At most.</param>
/// <param name="MostDescriptors">At most.</param>
internal readonly record struct VhostUserShape(int Shortest, int Longest, int MostDescriptors = 0)
{
    /// <summary>Of any message's payload, those that are not known here included: that of VHOST_USER_GET_CONFIG.</summary>
    public const int LongestOfAll = 12 + 256;

    private const int LongestTable = RegionMessage.Offset + (RegionMessage.MostInTable * RegionMessage.Bytes);

    private VhostUserShape(int bytes)
        : this(bytes, bytes)
    {
    }

    /// <exception cref="InvalidDataException">They are others.</exception>
    public void Check(int bytes, int descriptors)
    {
        if (bytes < Shortest || bytes > Longest)
        {
            string right = Shortest == Longest ? $"{Longest}" : $"{Shortest} to {Longest}";
            throw new InvalidDataException($"{bytes} bytes of payload, not {right}");
        }
        if (descriptors > MostDescriptors)
        {
            throw new InvalidDataException($"{descriptors} descriptors, not {MostDescriptors}");
        }
    }

    /// <returns>Null for a message that is not known.</returns>
    public static VhostUserShape? Of(VhostUserRequest request) => request switch
    {
        VHOST_USER_GET_FEATURES or VHOST_USER_SET_OWNER or VHOST_USER_RESET_OWNER or VHOST_USER_GET_PROTOCOL_FEATURES
            or VHOST_USER_GET_QUEUE_NUM or VHOST_USER_RESET_DEVICE or VHOST_USER_GET_MAX_MEM_SLOTS or VHOST_USER_GET_STATUS => new(0),
        VHOST_USER_SET_FEATURES or VHOST_USER_SET_PROTOCOL_FEATURES or VHOST_USER_SEND_RARP or VHOST_USER_NET_SET_MTU
            or VHOST_USER_SET_STATUS => new(sizeof(ulong)),
        VHOST_USER_SET_MEM_TABLE => new(RegionMessage.Offset, LongestTable, RegionMessage.MostInTable),
        VHOST_USER_SET_LOG_BASE => new(16, 16, 1),
        VHOST_USER_SET_LOG_FD => new(0, sizeof(ulong), 1),
        VHOST_USER_SET_VRING_NUM or VHOST_USER_SET_VRING_BASE or VHOST_USER_GET_VRING_BASE or VHOST_USER_SET_VRING_ENABLE => new(8),
        VHOST_USER_SET_VRING_ADDR => new(40),
        VHOST_USER_SET_VRING_KICK or VHOST_USER_SET_VRING_CALL or VHOST_USER_SET_VRING_ERR => new(sizeof(ulong), sizeof(ulong), 1),
        VHOST_USER_ADD_MEM_REG => new(RegionMessage.Offset + RegionMessage.Bytes, RegionMessage.Offset + RegionMessage.Bytes, 1),

        // "No file descriptors SHOULD be passed", but some front-ends do.
        VHOST_USER_REM_MEM_REG => new(RegionMessage.Offset + RegionMessage.Bytes, RegionMessage.Offset + RegionMessage.Bytes, 1),
        _ => null,
    };
}

/// <summary>
/// What front-end and back-end agree on of the protocol itself, as masks (docs/interop/vhost-user.rst, "Protocol features").
/// </summary>
internal static class VhostUserProtocol
{
    public const ulong VHOST_USER_PROTOCOL_F_MQ = 1ul << 0;
    public const ulong VHOST_USER_PROTOCOL_F_LOG_SHMFD = 1ul << 1;
    public const ulong VHOST_USER_PROTOCOL_F_RARP = 1ul << 2;
    public const ulong VHOST_USER_PROTOCOL_F_REPLY_ACK = 1ul << 3;
    public const ulong VHOST_USER_PROTOCOL_F_MTU = 1ul << 4;
    public const ulong VHOST_USER_PROTOCOL_F_RESET_DEVICE = 1ul << 13;
    public const ulong VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS = 1ul << 15;
    public const ulong VHOST_USER_PROTOCOL_F_STATUS = 1ul << 16;

    /// <summary>Those this back-end has.</summary>
    public const ulong Offered =
        VHOST_USER_PROTOCOL_F_MQ | VHOST_USER_PROTOCOL_F_LOG_SHMFD | VHOST_USER_PROTOCOL_F_RARP | VHOST_USER_PROTOCOL_F_REPLY_ACK
        | VHOST_USER_PROTOCOL_F_MTU | VHOST_USER_PROTOCOL_F_RESET_DEVICE | VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS
        | VHOST_USER_PROTOCOL_F_STATUS;
}
