using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;

namespace Softswitch.OfAgent.Wire;

/// <summary>OFPST_TABLE (OpenFlow 1.0.0 §5.3.5). The request has no body: <see cref="StatsMessage.WriteRequest"/>.</summary>
/// <remarks>
/// <code>
/// 0          1     4      36          40            44             48             56              64
/// | table_id | pad | name | wildcards | max_entries | active_count | lookup_count | matched_count |
/// </code>
/// </remarks>
internal static class TableStatsMessage
{
    public const int EntrySize = 64;

    /// <summary>OFP_MAX_TABLE_NAME_LEN.</summary>
    public const int NameSize = 32;

    public static void WriteEntry(OfBuffer buffer, in TableStatistics statistics)
    {
        OfWriter writer = new(buffer.Append(EntrySize));
        writer.UInt8(statistics.TableId);
        writer.Pad(3);
        writer.Text(statistics.Name, NameSize);
        writer.UInt32((uint)statistics.Wildcards);
        writer.UInt32(statistics.MaxEntries);
        writer.UInt32(statistics.ActiveCount);
        writer.UInt64(statistics.LookupCount);
        writer.UInt64(statistics.MatchedCount);
    }

    /// <summary>Takes one entry off a reply's body.</summary>
    /// <returns>False at the end; also where less than an entry is left, and then <paramref name="body"/> is not empty.</returns>
    public static bool TryReadEntry(ref ReadOnlySpan<byte> body, out TableStatistics statistics)
    {
        statistics = default;
        if (!StatsMessage.TryTake(ref body, EntrySize, out OfReader reader))
        {
            return false;
        }
        byte tableId = reader.UInt8();
        reader.Skip(3);
        statistics = new TableStatistics(
            tableId,
            reader.Text(NameSize),
            (FlowWildcards)reader.UInt32(),
            reader.UInt32(),
            reader.UInt32(),
            reader.UInt64(),
            reader.UInt64());
        return true;
    }
}
