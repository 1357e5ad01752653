using System.Buffers.Binary;

namespace Softswitch.Datapath.Headers;

/// <summary>ARP, or RARP (RFC 903), for IPv4 on Ethernet (RFC 826), read from and written to whole frames.</summary>
internal readonly record struct ArpMessage(ushort Operation, MacAddress SenderHardware, Be32 Sender, MacAddress TargetHardware, Be32 Target)
{
    public const ushort Request = 1;
    public const ushort Reply = 2;

    /// <summary>RARP's "request reverse", which a hypervisor broadcasts for a machine that has moved. Its addresses of IPv4 are 0.</summary>
    public const ushort RequestReverse = 3;

    /// <summary>Bytes of the frame without Ethernet's padding.</summary>
    public const int FrameLength = 14 + 28;

    private const ulong Ethernet = 0x0001_0800_0604; // hardware and protocol types, address lengths

    /// <returns>False for anything but an ARP message for IPv4 on Ethernet.</returns>
    public static bool TryRead(ReadOnlySpan<byte> frame, out ArpMessage message)
    {
        message = default;
        if (frame.Length < FrameLength)
        {
            return false;
        }
        ReadOnlySpan<byte> arp = frame[14..];
        if (BinaryPrimitives.ReadUInt64BigEndian(arp) >> 16 != Ethernet)
        {
            return false;
        }
        message = new ArpMessage(
            BinaryPrimitives.ReadUInt16BigEndian(arp[6..]),
            new MacAddress(arp[8..]), Be32.FromHost(BinaryPrimitives.ReadUInt32BigEndian(arp[14..])),
            new MacAddress(arp[18..]), Be32.FromHost(BinaryPrimitives.ReadUInt32BigEndian(arp[24..])));
        return true;
    }

    /// <param name="frame">At least <see cref="FrameLength"/> bytes.</param>
    /// <param name="destination">The Ethernet header's; its source is the sender's.</param>
    /// <param name="type">ARP's or RARP's.</param>
    public void Write(Span<byte> frame, MacAddress destination, ushort type = EtherType.Arp)
    {
        destination.CopyTo(frame);
        SenderHardware.CopyTo(frame[6..]);
        BinaryPrimitives.WriteUInt16BigEndian(frame[12..], type);
        Span<byte> arp = frame[14..];
        BinaryPrimitives.WriteUInt64BigEndian(arp, (Ethernet << 16) | Operation);
        SenderHardware.CopyTo(arp[8..]);
        BinaryPrimitives.WriteUInt32BigEndian(arp[14..], Sender.Host);
        TargetHardware.CopyTo(arp[18..]);
        BinaryPrimitives.WriteUInt32BigEndian(arp[24..], Target.Host);
    }

    /// <summary>As <see cref="Write"/>, into a frame of its own.</summary>
    public byte[] ToFrame(MacAddress destination, ushort type = EtherType.Arp)
    {
        byte[] frame = new byte[FrameLength];
        Write(frame, destination, type);
        return frame;
    }
}
