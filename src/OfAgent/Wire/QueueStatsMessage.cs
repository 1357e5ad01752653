using Softswitch.Datapath.Control;

namespace Softswitch.OfAgent.Wire;

/// <summary>OFPST_QUEUE (OpenFlow 1.0.0 §5.3.5).</summary>
/// <remarks>
/// <code>
/// request  0         2     4          8     entry  0         2     4          8          16           24          32
///          | port_no | pad | queue_id |            | port_no | pad | queue_id | tx_bytes | tx_packets | tx_errors |
/// </code>
/// </remarks>
internal static class QueueStatsMessage
{
    public const int RequestBodySize = 8;
    public const int EntrySize = 32;

    /// <summary>OFPQ_ALL: every queue.</summary>
    public const uint AllQueues = 0xffff_ffff;

    /// <param name="port">A port, or ALL.</param>
    /// <param name="queueId">A queue, or <see cref="AllQueues"/>.</param>
    public static void WriteRequest(OfBuffer buffer, uint xid, ushort port, uint queueId)
    {
        OfWriter writer = StatsMessage.Request(buffer, xid, OfStatsType.Queue, RequestBodySize);
        writer.UInt16(port);
        writer.Pad(2);
        writer.UInt32(queueId);
    }

    /// <param name="body">A request's body.</param>
    public static bool TryDecodeRequest(ReadOnlySpan<byte> body, out ushort port, out uint queueId, out OfError error)
    {
        OfReader reader = new(body);
        port = reader.UInt16();
        reader.Skip(2);
        queueId = reader.UInt32();
        return OfMessage.HasLength(body, RequestBodySize, out error);
    }

    public static void WriteEntry(OfBuffer buffer, in QueueStatistics statistics)
    {
        OfWriter writer = new(buffer.Append(EntrySize));
        writer.UInt16(statistics.PortNumber);
        writer.Pad(2);
        writer.UInt32(statistics.QueueId);
        writer.UInt64(statistics.TransmittedBytes);
        writer.UInt64(statistics.TransmittedPackets);
        writer.UInt64(statistics.TransmitErrors);
    }

    /// <summary>Takes one entry off a reply's body.</summary>
    /// <returns>False at the end; also where less than an entry is left, and then <paramref name="body"/> is not empty.</returns>
    public static bool TryReadEntry(ref ReadOnlySpan<byte> body, out QueueStatistics statistics)
    {
        statistics = default;
        if (!StatsMessage.TryTake(ref body, EntrySize, out OfReader reader))
        {
            return false;
        }
        ushort port = reader.UInt16();
        reader.Skip(2);
        statistics = new QueueStatistics(port, reader.UInt32(), reader.UInt64(), reader.UInt64(), reader.UInt64());
        return true;
    }
}
