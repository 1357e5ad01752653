using System.Buffers.Binary;

namespace Softswitch.Lab.Measures;

/// <summary>Sixteen bytes at the end of a measured frame that say where the packet belongs.</summary>
/// <remarks>
/// <code>
///  0       4                 6        8             16
/// | magic | egress number   | spare  | time stamp   |
/// </code>
/// Network byte order, but the time stamp: <see cref="System.Diagnostics.Stopwatch"/> ticks as they stand in memory.
/// </remarks>
internal static class FrameTag
{
    public const int Size = 16;

    /// <summary>Where the time stamp stands in the tag.</summary>
    public const int StampOffset = 8;

    /// <summary>First bytes of a tag.</summary>
    public const uint Magic = 0x5357_4d21;

    /// <summary>Writes a tag without a time stamp.</summary>
    /// <param name="egress">The port the packet must leave by, whatever number the measurement gives it.</param>
    public static void Write(Span<byte> tag, ushort egress)
    {
        tag[..Size].Clear();
        BinaryPrimitives.WriteUInt32BigEndian(tag, Magic);
        BinaryPrimitives.WriteUInt16BigEndian(tag[4..], egress);
    }
}
