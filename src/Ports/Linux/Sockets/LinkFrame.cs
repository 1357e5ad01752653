using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;

namespace Softswitch.Ports.Linux.Sockets;

/// <summary>What a Linux interface accepts as a frame.</summary>
internal static class LinkFrame
{
    public const int HeaderLength = 14;
    public const int TagLength = 4;

    /// <summary>
    /// Whether a packet, or each frame a segment will be cut into, has an Ethernet header and a payload within the MTU.
    /// With a virtio_net_hdr the kernel leaves this to the device, which drops in silence: asked here, it can be counted.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool FitsMtu(in Packet packet, in VirtioNetHeader header, int mtu)
    {
        if (packet.Length < HeaderLength)
        {
            return false;
        }
        int longest = header.GsoType != 0 ? header.HeaderLength + header.SegmentSize : packet.Length;
        return longest <= mtu + HeaderLength || (longest <= mtu + HeaderLength + TagLength && IsTagged(packet));
    }

    /// <summary>Why a packet that has no header for the kernel, or does not fit the MTU, is not sent.</summary>
    public static DropReason ReasonNotToSend(in Packet packet, FrameCache frames) =>
        packet.Length < HeaderLength ? DropReason.Runt
        : VirtioNetHeader.TryFor(packet, frames, out _) ? DropReason.TooLong
        : DropReason.BadOffload;

    /// <summary>Why the kernel did not send a packet, by its error. An interface that is down or gone has no link.</summary>
    public static DropReason ReasonOf(int error) => error switch
    {
        Errno.ENETDOWN or Errno.ENXIO or Errno.ENODEV or Errno.EIO or Errno.EBADFD => DropReason.LinkDown, // the last two of a TAP device
        Errno.EMSGSIZE => DropReason.TooLong,
        _ => DropReason.DeviceRefused,
    };

    /// <summary>Whether the kernel may take a packet later that it did not take now. A full queue passes; a device that is down or gone does not.</summary>
    public static bool IsTemporary(int error) => error is Errno.ENOBUFS or Errno.EAGAIN or Errno.EINTR or Errno.ENOMEM;

    private static bool IsTagged(in Packet packet) =>
        BinaryPrimitives.ReadUInt16BigEndian(packet.Bytes[12..]) is EtherType.Vlan or EtherType.ServiceVlan;
}
