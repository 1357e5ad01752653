using System.Buffers.Binary;

namespace Softswitch.OfAgent.Wire;

/// <summary>A queue of a port: struct ofp_packet_queue.</summary>
/// <param name="MinRate">Guaranteed rate in tenths of a percent of the port's; null if the queue has no such property; above 1000 disabled.</param>
internal readonly record struct QueueDescription(uint QueueId, ushort? MinRate);

/// <summary>OFPT_QUEUE_GET_CONFIG_REQUEST and OFPT_QUEUE_GET_CONFIG_REPLY (OpenFlow 1.0.0 §5.3.4, §5.2.2).</summary>
/// <remarks>
/// <code>
/// request  0        8      10    12          reply  0        8      10    16
///          | header | port | pad |                  | header | port | pad | queues ...
/// queue    0          4     6     8          OFPQT_MIN_RATE  0          2     4     8      10    16
///          | queue_id | len | pad | properties ...           | property | len | pad | rate | pad |
/// </code>
/// </remarks>
internal static class QueueConfigMessage
{
    public const int RequestSize = 12;
    public const int ReplyHeaderSize = 16;

    private const ushort MinRateProperty = 1; // OFPQT_MIN_RATE
    private const int QueueHeaderSize = 8;
    private const int MinRateSize = 16;

    public static void WriteRequest(OfBuffer buffer, uint xid, ushort port) =>
        buffer.Message(OfType.QueueGetConfigRequest, xid, RequestSize).UInt16(port);

    public static bool TryDecodeRequest(ReadOnlySpan<byte> message, out ushort port, out OfError error)
    {
        port = OfReader.Body(message).UInt16();
        return OfMessage.HasLength(message, RequestSize, out error);
    }

    public static void WriteReply(OfBuffer buffer, uint xid, ushort port, ReadOnlySpan<QueueDescription> queues)
    {
        int length = ReplyHeaderSize;
        foreach (ref readonly QueueDescription queue in queues)
        {
            length += LengthOf(queue);
        }
        OfWriter writer = buffer.Message(OfType.QueueGetConfigReply, xid, length);
        writer.UInt16(port);
        writer.Pad(6);
        foreach (ref readonly QueueDescription queue in queues)
        {
            writer.UInt32(queue.QueueId);
            writer.UInt16((ushort)LengthOf(queue));
            writer.Pad(2);
            if (queue.MinRate is ushort rate)
            {
                writer.UInt16(MinRateProperty);
                writer.UInt16(MinRateSize);
                writer.Pad(4);
                writer.UInt16(rate);
                writer.Pad(6);
            }
        }
    }

    /// <param name="queues">The queues are added here.</param>
    public static bool TryDecodeReply(ReadOnlySpan<byte> message, ICollection<QueueDescription> queues, out ushort port, out OfError error)
    {
        port = 0;
        if (!OfMessage.HasAtLeast(message, ReplyHeaderSize, out error))
        {
            return false;
        }
        OfReader reader = OfReader.Body(message);
        port = reader.UInt16();
        reader.Skip(6);
        ReadOnlySpan<byte> rest = reader.Rest;
        while (rest.Length > 0)
        {
            int length = rest.Length < QueueHeaderSize ? 0 : BinaryPrimitives.ReadUInt16BigEndian(rest[4..]);
            if (length < QueueHeaderSize || length > rest.Length || !TryReadMinRate(rest[QueueHeaderSize..length], out ushort? rate))
            {
                return false;
            }
            queues.Add(new QueueDescription(BinaryPrimitives.ReadUInt32BigEndian(rest), rate));
            rest = rest[length..];
        }
        return true;
    }

    private static int LengthOf(in QueueDescription queue) => QueueHeaderSize + (queue.MinRate is null ? 0 : MinRateSize);

    private static bool TryReadMinRate(ReadOnlySpan<byte> properties, out ushort? rate)
    {
        rate = null;
        while (properties.Length > 0)
        {
            int length = properties.Length < 8 ? 0 : BinaryPrimitives.ReadUInt16BigEndian(properties[2..]);
            if (length < 8 || length > properties.Length)
            {
                return false;
            }
            if (BinaryPrimitives.ReadUInt16BigEndian(properties) == MinRateProperty && length >= MinRateSize)
            {
                rate = BinaryPrimitives.ReadUInt16BigEndian(properties[8..]);
            }
            properties = properties[length..];
        }
        return true;
    }
}
