using System.Text;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Ports;
using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Text;

/// <summary>Writes statistics replies in the words of ovs-ofctl 3.1. Every line has its end.</summary>
internal static class StatisticsText
{
    private static readonly (string Prefix, (string Name, FlowWildcards Bits)[] Fields)[] WildcardGroups =
    [
        ("in_port", [("", FlowWildcards.InPort)]),
        ("eth_", [("src", FlowWildcards.DlSrc), ("dst", FlowWildcards.DlDst), ("type", FlowWildcards.DlType)]),
        ("vlan_", [("vid", FlowWildcards.DlVlan), ("pcp", FlowWildcards.DlVlanPcp)]),
        ("ip_", [("src", FlowWildcards.NwSrcMask), ("dst", FlowWildcards.NwDstMask)]),
        ("nw_", [("proto", FlowWildcards.NwProto), ("tos", FlowWildcards.NwTos)]),
        ("tcp_", [("src", FlowWildcards.TpSrc), ("dst", FlowWildcards.TpDst)]),
    ];

    public static void AppendFlows(StringBuilder text, ReadOnlySpan<byte> body)
    {
        text.Append('\n');
        FlowAction[] actions = new FlowAction[OfActions.MaxCount];
        while (FlowStatsMessage.TryReadEntry(ref body, actions, out FlowStatistics flow))
        {
            FlowText.AppendStatistics(text, flow);
            text.Append('\n');
        }
        AppendRest(text, body);
    }

    public static void AppendAggregate(StringBuilder text, ReadOnlySpan<byte> body)
    {
        if (AggregateStatsMessage.TryReadEntry(ref body, out AggregateStatistics total))
        {
            text.Append(" packet_count=");
            FlowText.AppendCounter(text, total.PacketCount);
            text.Append(" byte_count=");
            FlowText.AppendCounter(text, total.ByteCount);
            text.Append($" flow_count={total.FlowCount}");
        }
        text.Append('\n');
        AppendRest(text, body);
    }

    public static void AppendDescription(StringBuilder text, ReadOnlySpan<byte> body)
    {
        text.Append('\n');
        if (DescriptionStatsMessage.TryReadEntry(ref body, out SwitchDescription? description))
        {
            text.Append($"Manufacturer: {PortText.Printable(description!.Manufacturer)}\n");
            text.Append($"Hardware: {PortText.Printable(description.Hardware)}\n");
            text.Append($"Software: {PortText.Printable(description.Software)}\n");
            text.Append($"Serial Num: {PortText.Printable(description.SerialNumber)}\n");
            text.Append($"DP Description: {PortText.Printable(description.Datapath)}\n");
        }
        AppendRest(text, body);
    }

    public static void AppendPorts(StringBuilder text, ReadOnlySpan<byte> body)
    {
        text.Append($" {body.Length / PortStatsMessage.EntrySize} ports\n");
        while (PortStatsMessage.TryReadEntry(ref body, out PortStatistics port, out PortErrorCounters errors))
        {
            text.Append($"  port {PortNames.Format(port.PortNumber),2}: rx ");
            AppendCounters(text, [("pkts", port.ReceivedPackets), ("bytes", port.ReceivedBytes), ("drop", port.ReceiveDropped),
                ("errs", port.ReceiveErrors), ("frame", errors.FrameErrors), ("over", errors.OverrunErrors), ("crc", errors.CrcErrors)]);
            text.Append("           tx ");
            AppendCounters(text, [("pkts", port.TransmittedPackets), ("bytes", port.TransmittedBytes), ("drop", port.TransmitDropped),
                ("errs", port.TransmitErrors), ("coll", errors.Collisions)]);
        }
        AppendRest(text, body);
    }

    public static void AppendQueues(StringBuilder text, ReadOnlySpan<byte> body)
    {
        text.Append($" {body.Length / QueueStatsMessage.EntrySize} queues\n");
        while (QueueStatsMessage.TryReadEntry(ref body, out QueueStatistics queue))
        {
            text.Append($"  port {PortNames.Format(queue.PortNumber)} queue {queue.QueueId}: ");
            // OpenFlow 1.0 has no queue durations; ovs-ofctl says so in this way.
            AppendCounters(text, [("bytes", queue.TransmittedBytes), ("pkts", queue.TransmittedPackets), ("errors", queue.TransmitErrors),
                ("duration", ulong.MaxValue)]);
        }
        AppendRest(text, body);
    }

    public static void AppendTables(StringBuilder text, ReadOnlySpan<byte> body)
    {
        TableStatistics? previous = null;
        int firstDitto = -1;
        int lastDitto = -1;
        while (TableStatsMessage.TryReadEntry(ref body, out TableStatistics table))
        {
            bool sameCounters = previous is { } p && (p.ActiveCount, p.LookupCount, p.MatchedCount)
                == (table.ActiveCount, table.LookupCount, table.MatchedCount);
            bool sameFeatures = previous is { } q && (q.MaxEntries, q.Wildcards) == (table.MaxEntries, table.Wildcards);
            if (sameCounters && sameFeatures && table.Name.Length == 0)
            {
                firstDitto = firstDitto < 0 ? table.TableId : firstDitto;
                lastDitto = table.TableId;
            }
            else
            {
                AppendDitto(text, ref firstDitto, lastDitto);
                AppendTable(text, table, sameCounters, sameFeatures);
            }
            previous = table;
        }
        AppendDitto(text, ref firstDitto, lastDitto);
        if (previous is null)
        {
            text.Append('\n');
        }
        AppendRest(text, body);
    }

    private static void AppendTable(StringBuilder text, in TableStatistics table, bool sameCounters, bool sameFeatures)
    {
        text.Append($"\n  table {table.TableId}");
        if (table.Name.Length > 0)
        {
            text.Append($" (\"{PortText.Printable(table.Name)}\")");
        }
        text.Append(':');
        if (sameCounters && sameFeatures)
        {
            text.Append(" ditto\n");
            return;
        }
        text.Append($"\n    active={table.ActiveCount}, lookup={table.LookupCount}, matched={table.MatchedCount}\n");
        if (sameFeatures)
        {
            text.Append("    (same features)\n");
            return;
        }
        text.Append($"    max_entries={table.MaxEntries}\n");
        if ((table.Wildcards & FlowWildcards.All) != 0)
        {
            text.Append("    matching:\n      exact match or wildcard:");
            AppendWildcards(text, table.Wildcards);
            text.Append('\n');
        }
    }

    private static void AppendDitto(StringBuilder text, ref int first, int last)
    {
        if (first >= 0)
        {
            text.Append(first == last ? $"\n  table {first}: ditto\n" : $"\n  tables {first}...{last}: ditto\n");
        }
        first = -1;
    }

    private static void AppendWildcards(StringBuilder text, FlowWildcards wildcards)
    {
        foreach ((string prefix, (string Name, FlowWildcards Bits)[] fields) in WildcardGroups)
        {
            string[] names = [.. fields.Where(f => (wildcards & f.Bits) != 0).Select(f => f.Name)];
            if (names.Length > 0)
            {
                text.Append(' ').Append(prefix).Append(names.Length == 1 ? names[0] : $"{{{string.Join(',', names)}}}");
            }
        }
    }

    private static void AppendCounters(StringBuilder text, ReadOnlySpan<(string Name, ulong Value)> counters)
    {
        for (int i = 0; i < counters.Length; i++)
        {
            text.Append(i > 0 ? ", " : "").Append(counters[i].Name).Append('=');
            FlowText.AppendCounter(text, counters[i].Value);
        }
        text.Append('\n');
    }

    private static void AppendRest(StringBuilder text, ReadOnlySpan<byte> rest)
    {
        if (!rest.IsEmpty)
        {
            text.Append($"***{rest.Length} bytes not understood***\n");
        }
    }
}
