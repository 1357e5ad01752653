using Softswitch.Datapath.Control;

namespace Softswitch.OfAgent.Wire;

/// <summary>OFPST_AGGREGATE (OpenFlow 1.0.0 §5.3.5). The request's body is that of <see cref="FlowStatsMessage"/>.</summary>
/// <remarks>
/// <code>
/// 0              8            16           20    24
/// | packet_count | byte_count | flow_count | pad |
/// </code>
/// </remarks>
internal static class AggregateStatsMessage
{
    public const int EntrySize = 24;

    public static void WriteRequest(OfBuffer buffer, uint xid, in FlowFilter filter) =>
        FlowStatsMessage.WriteFilter(StatsMessage.Request(buffer, xid, OfStatsType.Aggregate, FlowStatsMessage.RequestBodySize), filter);

    /// <param name="body">A request's body.</param>
    public static bool TryDecodeRequest(ReadOnlySpan<byte> body, out FlowFilter filter, out OfError error) =>
        FlowStatsMessage.TryDecodeRequest(body, out filter, out error);

    public static void WriteEntry(OfBuffer buffer, in AggregateStatistics statistics)
    {
        OfWriter writer = new(buffer.Append(EntrySize));
        writer.UInt64(statistics.PacketCount);
        writer.UInt64(statistics.ByteCount);
        writer.UInt32(statistics.FlowCount);
    }

    /// <param name="body">A reply's body.</param>
    public static bool TryReadEntry(ref ReadOnlySpan<byte> body, out AggregateStatistics statistics)
    {
        bool found = StatsMessage.TryTake(ref body, EntrySize, out OfReader reader);
        statistics = found ? new AggregateStatistics(reader.UInt64(), reader.UInt64(), reader.UInt32()) : default;
        return found;
    }
}
