using System.Text;
using Softswitch.Datapath.Actions;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Ports;

namespace Softswitch.OfAgent.Wire;

/// <summary>Statistics requests and replies as text, in the words of <c>ovs-ofctl</c>'s dump commands.</summary>
public static class StatsPrinter
{
    /// <summary>Adds one flow entry in one line, without a line feed.</summary>
    public static void Append(StringBuilder text, in FlowStatistics flow)
    {
        text.Append($" cookie=0x{flow.Cookie:x}, duration={MatchPrinter.Seconds(flow.Duration)}, table={flow.TableId}, ");
        text.Append($"n_packets={flow.PacketCount}, n_bytes={flow.ByteCount}, ");
        text.Append(flow.IdleTimeoutSeconds == 0 ? "" : $"idle_timeout={flow.IdleTimeoutSeconds}, ");
        text.Append(flow.HardTimeoutSeconds == 0 ? "" : $"hard_timeout={flow.HardTimeoutSeconds}, ");
        int start = text.Length;
        MatchPrinter.Append(text, flow.Match, flow.Priority);
        text.Append(text.Length > start ? " actions=" : "actions=");
        ActionPrinter.Append(text, flow.Actions);
    }

    /// <summary>Adds one table's counters in several lines, the last of which ends with a line feed.</summary>
    public static void Append(StringBuilder text, in TableStatistics table)
    {
        text.Append($"  table {table.TableId} (\"{table.Name}\"):\n");
        text.Append($"    active={table.ActiveCount}, lookup={table.LookupCount}, matched={table.MatchedCount}\n");
        text.Append($"    max_entries={table.MaxEntries}\n");
    }

    /// <summary>Adds one port's counters in two lines, each ended with a line feed.</summary>
    public static void Append(StringBuilder text, in PortStatistics port, in PortErrorCounters errors)
    {
        string name = ActionPrinter.PortName(port.PortNumber);
        text.Append($"  port {name.PadLeft(2)}: rx pkts={Counter(port.ReceivedPackets)}, bytes={Counter(port.ReceivedBytes)}, ");
        text.Append($"drop={Counter(port.ReceiveDropped)}, errs={Counter(port.ReceiveErrors)}, frame={Counter(errors.FrameErrors)}, ");
        text.Append($"over={Counter(errors.OverrunErrors)}, crc={Counter(errors.CrcErrors)}\n");
        text.Append($"           tx pkts={Counter(port.TransmittedPackets)}, bytes={Counter(port.TransmittedBytes)}, ");
        text.Append($"drop={Counter(port.TransmitDropped)}, errs={Counter(port.TransmitErrors)}, coll={Counter(errors.Collisions)}\n");
    }

    /// <summary>Adds the description in five lines.</summary>
    public static void Append(StringBuilder text, SwitchDescription description)
    {
        text.Append($"Manufacturer: {description.Manufacturer}\nHardware: {description.Hardware}\nSoftware: {description.Software}\n");
        text.Append($"Serial Num: {description.SerialNumber}\nDP Description: {description.Datapath}\n");
    }

    internal static bool TryPrint(StringBuilder text, OfHeader header, ReadOnlySpan<byte> message, out OfError error)
    {
        if (!StatsMessage.TryDecode(message, out OfStatsType type, out ushort flags, out ReadOnlySpan<byte> body, out error))
        {
            return false;
        }
        string? name = type switch
        {
            OfStatsType.Description => "OFPST_DESC",
            OfStatsType.Flow => "OFPST_FLOW",
            OfStatsType.Aggregate => "OFPST_AGGREGATE",
            OfStatsType.Table => "OFPST_TABLE",
            OfStatsType.Port => "OFPST_PORT",
            OfStatsType.Queue => "OFPST_QUEUE",
            OfStatsType.Vendor => "OFPST_VENDOR",
            _ => null,
        };
        if (name is null)
        {
            error = OfError.BadRequestBadStat;
            return false;
        }
        bool isRequest = header.Type == OfType.StatsRequest;
        text.Append($"{name} {(isRequest ? "request" : "reply")} (xid=0x{header.Xid:x}):");
        text.Append(flags == 0 ? "" : (flags & StatsMessage.ReplyMore) != 0 ? " flags=[more]" : $" flags=0x{flags:x}");
        if (isRequest)
        {
            return TryPrintRequest(text, type, body, out error);
        }
        error = OfError.BadRequestBadLength;
        return TryPrintReply(text, type, body);
    }

    private static bool TryPrintRequest(StringBuilder text, OfStatsType type, ReadOnlySpan<byte> body, out OfError error)
    {
        switch (type)
        {
            case OfStatsType.Flow or OfStatsType.Aggregate:
                return TryPrintFilter(text, body, out error);
            case OfStatsType.Port:
                bool hasPort = PortStatsMessage.TryDecodeRequest(body, out ushort port, out error);
                text.Append($" port_no={ActionPrinter.PortName(port)}");
                return hasPort;
            case OfStatsType.Queue:
                bool hasQueue = QueueStatsMessage.TryDecodeRequest(body, out ushort queuePort, out uint queue, out error);
                string portName = queuePort == PortNumber.All ? "ANY" : ActionPrinter.PortName(queuePort);
                text.Append($" port={portName} queue={(queue == QueueStatsMessage.AllQueues ? "ALL" : $"{queue}")}");
                return hasQueue;
            case OfStatsType.Vendor:
                return TryPrintVendor(text, body, out error);
            default:
                return OfMessage.HasLength(body, 0, out error);
        }
    }

    private static bool TryPrintFilter(StringBuilder text, ReadOnlySpan<byte> body, out OfError error)
    {
        if (!FlowStatsMessage.TryDecodeRequest(body, out FlowFilter filter, out error))
        {
            return false;
        }
        text.Append(filter.TableId == 0xff ? "" : $" table={filter.TableId}");
        text.Append(filter.OutPort == PortNumber.None ? "" : $" out_port={ActionPrinter.PortName(filter.OutPort)}");
        MatchPrinter.Append(text.Append(' '), filter.Match);
        return true;
    }

    private static bool TryPrintVendor(StringBuilder text, ReadOnlySpan<byte> body, out OfError error)
    {
        if (!VendorStatsMessage.TryDecode(body, out uint vendor, out ReadOnlySpan<byte> rest, out error))
        {
            return false;
        }
        OfPrinter.Dump(text.Append($" vendor=0x{vendor:x}\n"), rest);
        return true;
    }

    private static bool TryPrintReply(StringBuilder text, OfStatsType type, ReadOnlySpan<byte> body)
    {
        switch (type)
        {
            case OfStatsType.Description:
                if (DescriptionStatsMessage.TryReadEntry(ref body, out SwitchDescription? description))
                {
                    Append(text.Append('\n'), description!);
                }
                break;
            case OfStatsType.Flow:
                FlowAction[] storage = new FlowAction[OfActions.MaxCount];
                while (FlowStatsMessage.TryReadEntry(ref body, storage, out FlowStatistics flow))
                {
                    Append(text.Append('\n'), flow);
                }
                break;
            case OfStatsType.Aggregate:
                if (AggregateStatsMessage.TryReadEntry(ref body, out AggregateStatistics total))
                {
                    text.Append($" packet_count={total.PacketCount} byte_count={total.ByteCount} flow_count={total.FlowCount}");
                }
                break;
            case OfStatsType.Table:
                while (TableStatsMessage.TryReadEntry(ref body, out TableStatistics table))
                {
                    Append(text.Append('\n'), table);
                }
                break;
            case OfStatsType.Port:
                text.Append($" {body.Length / PortStatsMessage.EntrySize} ports\n");
                while (PortStatsMessage.TryReadEntry(ref body, out PortStatistics port, out PortErrorCounters errors))
                {
                    Append(text, port, errors);
                }
                break;
            case OfStatsType.Queue:
                text.Append($" {body.Length / QueueStatsMessage.EntrySize} queues\n");
                while (QueueStatsMessage.TryReadEntry(ref body, out QueueStatistics queue))
                {
                    text.Append($"  port {ActionPrinter.PortName(queue.PortNumber)} queue {queue.QueueId}: bytes={Counter(queue.TransmittedBytes)}, ");
                    text.Append($"pkts={Counter(queue.TransmittedPackets)}, errors={Counter(queue.TransmitErrors)}\n");
                }
                break;
            default:
                return TryPrintVendor(text, body, out _);
        }
        return body.Length == 0;
    }

    private static string Counter(ulong value) => value == PortErrorCounters.Unsupported ? "?" : $"{value}";
}
