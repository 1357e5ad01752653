namespace Softswitch.Ports.Pcap;

/// <summary>Numbers of the block-structured capture file (IETF draft-ietf-opsawg-pcapng).</summary>
/// <remarks>
/// <code>
/// block   0      4        8       length-4
///        | type | length | body | length |        body: fixed fields, then options, all padded to 4 bytes
/// option  0      2        4
///        | code | length | value |
/// </code>
/// </remarks>
internal static class PcapNgFormat
{
    public const uint SectionHeader = 0x0a0d0d0a;
    public const uint InterfaceDescription = 1;
    public const uint InterfaceStatistics = 5;
    public const uint EnhancedPacket = 6;

    /// <summary>In a section header, in the writer's byte order.</summary>
    public const uint ByteOrderMagic = 0x1a2b3c4d;

    /// <summary>Type and both lengths.</summary>
    public const int BlockOverhead = 12;

    /// <summary>Interface, time, captured length, length.</summary>
    public const int EnhancedPacketHead = 20;

    public const ushort Comment = 1;
    public const ushort SectionApplication = 4;
    public const ushort InterfaceName = 2;
    public const ushort InterfaceText = 3;
    public const ushort InterfaceAddress = 6;
    public const ushort InterfaceResolution = 9;
    public const ushort InterfaceFilter = 11;
    public const ushort PacketFlags = 2;
    public const ushort StatisticsReceived = 4;
    public const ushort StatisticsDropped = 5;

    /// <summary>if_tsresol: a power of ten.</summary>
    public const byte Nanoseconds = 9;

    /// <summary>epb_flags: the direction.</summary>
    public const uint DirectionMask = 3;
    public const uint Inbound = 1;
    public const uint Outbound = 2;
}
