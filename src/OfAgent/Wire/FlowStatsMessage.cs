using System.Buffers.Binary;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;

namespace Softswitch.OfAgent.Wire;

/// <summary>OFPST_FLOW (OpenFlow 1.0.0 §5.3.5).</summary>
/// <remarks>
/// <code>
/// request  0       40         41    42         44
///          | match | table_id | pad | out_port |
/// entry    0        2          3     4       44             48              52         54             56             58     64       72             80           88
///          | length | table_id | pad | match | duration_sec | duration_nsec | priority | idle_timeout | hard_timeout | pad2 | cookie | packet_count | byte_count | actions ...
/// </code>
/// </remarks>
internal static class FlowStatsMessage
{
    /// <summary>Bytes of a request's body; an aggregate request has the same.</summary>
    public const int RequestBodySize = 44;

    /// <summary>Bytes of an entry without its actions.</summary>
    public const int EntryHeaderSize = 88;

    public static void WriteRequest(OfBuffer buffer, uint xid, in FlowFilter filter) =>
        WriteFilter(StatsMessage.Request(buffer, xid, OfStatsType.Flow, RequestBodySize), filter);

    /// <param name="body">A request's body.</param>
    public static bool TryDecodeRequest(ReadOnlySpan<byte> body, out FlowFilter filter, out OfError error)
    {
        OfReader reader = new(body);
        FlowMatch match = OfMatch.Read(ref reader);
        byte tableId = reader.UInt8();
        reader.Skip(1);
        filter = new FlowFilter(match, tableId, reader.UInt16());
        return OfMessage.HasLength(body, RequestBodySize, out error);
    }

    /// <summary>Bytes <see cref="WriteEntry"/> adds.</summary>
    public static int EntrySize(in FlowStatistics statistics) => EntryHeaderSize + FlowAction.WireLengthOf(statistics.Actions);

    public static void WriteEntry(OfBuffer buffer, in FlowStatistics statistics)
    {
        int length = EntrySize(statistics);
        OfWriter writer = new(buffer.Append(length));
        writer.UInt16((ushort)length);
        writer.UInt8(statistics.TableId);
        writer.Pad(1);
        OfMatch.Write(ref writer, statistics.Match);
        OfMessage.WriteDuration(ref writer, statistics.Duration);
        writer.UInt16(statistics.Priority);
        writer.UInt16(statistics.IdleTimeoutSeconds);
        writer.UInt16(statistics.HardTimeoutSeconds);
        writer.Pad(6);
        writer.UInt64(statistics.Cookie);
        writer.UInt64(statistics.PacketCount);
        writer.UInt64(statistics.ByteCount);
        OfActions.Write(ref writer, statistics.Actions);
    }

    /// <summary>Takes one entry off a reply's body.</summary>
    /// <param name="actionStorage">Memory for the actions; <see cref="OfActions.MaxCount"/> always suffice.</param>
    /// <param name="statistics">Its actions refer to the storage.</param>
    /// <returns>False at the end; also where the rest is no entry, and then <paramref name="body"/> is not empty.</returns>
    public static bool TryReadEntry(ref ReadOnlySpan<byte> body, Span<FlowAction> actionStorage, out FlowStatistics statistics)
    {
        statistics = default;
        int length = body.Length < EntryHeaderSize ? 0 : BinaryPrimitives.ReadUInt16BigEndian(body);
        if (length < EntryHeaderSize || length > body.Length)
        {
            return false;
        }
        OfReader reader = new(body[..length]);
        reader.Skip(2);
        statistics.TableId = reader.UInt8();
        reader.Skip(1);
        statistics.Match = OfMatch.Read(ref reader);
        statistics.Duration = OfMessage.ReadDuration(ref reader);
        statistics.Priority = reader.UInt16();
        statistics.IdleTimeoutSeconds = reader.UInt16();
        statistics.HardTimeoutSeconds = reader.UInt16();
        reader.Skip(6);
        statistics.Cookie = reader.UInt64();
        statistics.PacketCount = reader.UInt64();
        statistics.ByteCount = reader.UInt64();
        if (!OfActions.TryDecode(reader.Rest, actionStorage, out int count, out _))
        {
            return false;
        }
        statistics.Actions = actionStorage[..count];
        body = body[length..];
        return true;
    }

    internal static void WriteFilter(OfWriter writer, in FlowFilter filter)
    {
        OfMatch.Write(ref writer, filter.Match);
        writer.UInt8(filter.TableId);
        writer.Pad(1);
        writer.UInt16(filter.OutPort);
    }
}
