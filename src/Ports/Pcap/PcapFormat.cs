using System.Buffers.Binary;

namespace Softswitch.Ports.Pcap;

/// <summary>The classic capture file: a 24-byte head, then records of a 16-byte head and the frame (IETF draft-ietf-opsawg-pcap).</summary>
/// <remarks>
/// <code>
/// file    0      4       6       8      12     16         20
///        | magic | major | minor | zone | acc | snap len | link type |
/// record  0         4          8                 12
///        | seconds | fraction | captured length | length on the wire |
/// </code>
/// Numbers are in the writer's byte order, which the magic number tells, as it tells the fraction's unit.
/// </remarks>
internal static class PcapFormat
{
    public const uint MagicMicroseconds = 0xa1b2c3d4;
    public const uint MagicNanoseconds = 0xa1b23c4d;

    /// <summary>The first block type of a pcapng file; reads the same in both byte orders.</summary>
    public const uint MagicPcapNg = 0x0a0d0d0a;

    public const int FileHeaderLength = 24;
    public const int RecordHeaderLength = 16;
    public const uint LinkTypeEthernet = 1;

    /// <summary>The link type proper; the upper bits tell of frame check sequences.</summary>
    public const uint LinkTypeMask = 0xffff;

    /// <summary>Writes the head of a file of ours: little-endian, nanoseconds, Ethernet.</summary>
    public static void WriteFileHead(Span<byte> head)
    {
        head[..FileHeaderLength].Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(head, MagicNanoseconds);
        BinaryPrimitives.WriteUInt16LittleEndian(head[4..], 2); // version 2.4
        BinaryPrimitives.WriteUInt16LittleEndian(head[6..], 4);
        BinaryPrimitives.WriteUInt32LittleEndian(head[16..], 262144); // snapshot length, as tcpdump writes it
        BinaryPrimitives.WriteUInt32LittleEndian(head[20..], LinkTypeEthernet);
    }

    /// <summary>Writes the head of a frame's record.</summary>
    /// <param name="length">Bytes that follow.</param>
    /// <param name="nanoseconds">Since 1970.</param>
    /// <param name="lengthOnWire">If it is another.</param>
    public static void WriteRecordHead(Span<byte> head, int length, long nanoseconds, int? lengthOnWire = null)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(head, (uint)(nanoseconds / 1_000_000_000));
        BinaryPrimitives.WriteUInt32LittleEndian(head[4..], (uint)(nanoseconds % 1_000_000_000));
        BinaryPrimitives.WriteInt32LittleEndian(head[8..], length);
        BinaryPrimitives.WriteInt32LittleEndian(head[12..], lengthOnWire ?? length);
    }
}
