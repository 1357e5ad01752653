using System.Text;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;
using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Text;

/// <summary>Writes whole messages in the words of <c>ovs-ofctl ofp-print</c> 3.1. Any bytes will do; nothing throws.</summary>
internal static class MessageText
{
    private static readonly string[] CapabilityNames =
        ["FLOW_STATS", "TABLE_STATS", "PORT_STATS", "STP", "", "IP_REASM", "QUEUE_STATS", "ARP_MATCH_IP"];

    private static readonly string[] ActionNames =
    [
        "output", "set_vlan_vid", "set_vlan_pcp", "strip_vlan", "mod_dl_src", "mod_dl_dst", "mod_nw_src", "mod_nw_dst", "mod_nw_tos",
        "mod_tp_src", "mod_tp_dst", "enqueue",
    ];

    /// <returns>One line or more, each with its end.</returns>
    public static string Format(ReadOnlySpan<byte> message)
    {
        StringBuilder text = new();
        Append(text, message);
        return text.ToString();
    }

    /// <param name="message">Header and body.</param>
    public static void Append(StringBuilder text, ReadOnlySpan<byte> message)
    {
        if (!OfHeader.TryDecode(message, out OfHeader header))
        {
            text.Append($"***{message.Length} bytes are no message***\n");
            return;
        }
        if (header.Version != OfHeader.Version10)
        {
            text.Append($"{NameOf(header.Type)} (version {header.Version}) (xid=0x{header.Xid:x}): {message.Length} bytes\n");
            return;
        }
        text.Append($"{NameOf(message, header.Type)} (xid=0x{header.Xid:x}):");
        if (!TryAppendBody(text, message, header.Type))
        {
            text.Append($" ***not understood: {message.Length} bytes***\n");
        }
    }

    private static string NameOf(ReadOnlySpan<byte> message, OfType type)
    {
        if (type is OfType.StatsRequest or OfType.StatsReply && StatsMessage.TryDecode(message, out OfStatsType stats, out _, out _, out _))
        {
            string kind = stats switch
            {
                OfStatsType.Description => "OFPST_DESC",
                OfStatsType.Flow => "OFPST_FLOW",
                OfStatsType.Aggregate => "OFPST_AGGREGATE",
                OfStatsType.Table => "OFPST_TABLE",
                OfStatsType.Port => "OFPST_PORT",
                OfStatsType.Queue => "OFPST_QUEUE",
                OfStatsType.Vendor => "OFPST_VENDOR",
                _ => $"OFPST_{(ushort)stats}",
            };
            return type == OfType.StatsReply ? $"{kind} reply" : $"{kind} request";
        }
        return (type == OfType.Vendor ? RequestText.NameOfVendorMessage(message) : null) ?? NameOf(type);
    }

    /// <summary>The specification's name: OFPT_FLOW_MOD.</summary>
    public static string NameOf(OfType type) => type switch
    {
        OfType.Hello => "OFPT_HELLO",
        OfType.Error => "OFPT_ERROR",
        OfType.EchoRequest => "OFPT_ECHO_REQUEST",
        OfType.EchoReply => "OFPT_ECHO_REPLY",
        OfType.Vendor => "OFPT_VENDOR",
        OfType.FeaturesRequest => "OFPT_FEATURES_REQUEST",
        OfType.FeaturesReply => "OFPT_FEATURES_REPLY",
        OfType.GetConfigRequest => "OFPT_GET_CONFIG_REQUEST",
        OfType.GetConfigReply => "OFPT_GET_CONFIG_REPLY",
        OfType.SetConfig => "OFPT_SET_CONFIG",
        OfType.PacketIn => "OFPT_PACKET_IN",
        OfType.FlowRemoved => "OFPT_FLOW_REMOVED",
        OfType.PortStatus => "OFPT_PORT_STATUS",
        OfType.PacketOut => "OFPT_PACKET_OUT",
        OfType.FlowMod => "OFPT_FLOW_MOD",
        OfType.PortMod => "OFPT_PORT_MOD",
        OfType.StatsRequest => "OFPT_STATS_REQUEST",
        OfType.StatsReply => "OFPT_STATS_REPLY",
        OfType.BarrierRequest => "OFPT_BARRIER_REQUEST",
        OfType.BarrierReply => "OFPT_BARRIER_REPLY",
        OfType.QueueGetConfigRequest => "OFPT_QUEUE_GET_CONFIG_REQUEST",
        OfType.QueueGetConfigReply => "OFPT_QUEUE_GET_CONFIG_REPLY",
        _ => $"OFPT_{(byte)type}",
    };

    private static bool TryAppendBody(StringBuilder text, ReadOnlySpan<byte> message, OfType type)
    {
        switch (type)
        {
            case OfType.Hello:
                text.Append("\n version bitmap: 0x01\n");
                return true;
            case OfType.BarrierRequest or OfType.BarrierReply or OfType.FeaturesRequest or OfType.GetConfigRequest:
                text.Append('\n');
                return true;
            case OfType.EchoRequest or OfType.EchoReply:
                text.Append($" {message.Length - OfHeader.Size} bytes of payload\n");
                return true;
            case OfType.Error:
                return TryAppendError(text, message);
            case OfType.FeaturesReply:
                return TryAppendFeatures(text, message);
            case OfType.GetConfigReply or OfType.SetConfig:
                return TryAppendConfig(text, message);
            case OfType.PacketIn:
                return TryAppendPacketIn(text, message);
            case OfType.FlowRemoved:
                return TryAppendFlowRemoved(text, message);
            case OfType.PortStatus:
                return TryAppendPortStatus(text, message);
            case OfType.FlowMod:
                return TryAppendFlowMod(text, message);
            case OfType.PacketOut:
                return TryAppendPacketOut(text, message);
            case OfType.StatsReply:
                return TryAppendStatistics(text, message);
            case OfType.QueueGetConfigReply:
                return TryAppendQueueConfig(text, message);
            default:
                return RequestText.TryAppend(text, message, type);
        }
    }

    private static bool TryAppendError(StringBuilder text, ReadOnlySpan<byte> message)
    {
        if (!ErrorMessage.TryDecode(message, out OfError reported, out ReadOnlySpan<byte> data, out _))
        {
            return false;
        }
        text.Append($" {reported.Name}\n");
        if (reported.Type == OfErrorType.HelloFailed)
        {
            text.Append($"{PortText.Printable(Encoding.UTF8.GetString(data))}\n");
        }
        else if (OfHeader.TryDecode(data, out OfHeader offender))
        {
            // The switch may have sent the head of our message only, and an error inside an error could nest without end.
            if (offender.Type == OfType.Error || offender.Length != data.Length)
            {
                text.Append($"{NameOf(data, offender.Type)} (xid=0x{offender.Xid:x}): (the message's first {data.Length} bytes)\n");
            }
            else
            {
                Append(text, data);
            }
        }
        return true;
    }

    private static bool TryAppendFeatures(StringBuilder text, ReadOnlySpan<byte> message)
    {
        List<PortDescription> ports = [];
        if (!FeaturesMessage.TryDecodeReply(message, ports, out SwitchFeatures features, out _))
        {
            return false;
        }
        text.Append($" dpid:{features.DatapathId:x16}\nn_tables:{features.TableCount}, n_buffers:{features.BufferCount}\ncapabilities: ");
        PortText.AppendBits(text, (uint)features.Capabilities, CapabilityNames);
        text.Append("\nactions:");
        // ovs-ofctl names enqueue behind output; the numbers have it last.
        ReadOnlySpan<int> order = [0, 11, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
        foreach (int bit in order)
        {
            text.Append((features.Actions & (1u << bit)) != 0 ? " " + ActionNames[bit] : "");
        }
        text.Append('\n');
        ports.Sort(static (a, b) => a.Number.CompareTo(b.Number));
        ports.ForEach(p => PortText.Append(text, p));
        return true;
    }

    private static bool TryAppendConfig(StringBuilder text, ReadOnlySpan<byte> message)
    {
        if (!ConfigMessage.TryDecode(message, out SwitchConfig config, out _))
        {
            return false;
        }
        text.Append($" frags={NameOf(config.Flags)} miss_send_len={config.MissSendLength}\n");
        return true;
    }

    /// <summary>The word for a treatment of fragments.</summary>
    public static string NameOf(OfConfigFlags flags) => (flags & OfConfigFlags.FragmentsMask) switch
    {
        OfConfigFlags.FragmentsNormal => "normal",
        OfConfigFlags.FragmentsDrop => "drop",
        OfConfigFlags.FragmentsReassemble => "reassemble",
        _ => "3",
    };

    private static bool TryAppendPacketIn(StringBuilder text, ReadOnlySpan<byte> message)
    {
        if (!PacketInMessage.TryDecode(message, out ReceivedPacketIn packetIn, out _))
        {
            return false;
        }
        string reason = packetIn.Reason switch
        {
            PacketInReason.NoMatch => "no_match",
            PacketInReason.Action => "action",
            _ => $"{(byte)packetIn.Reason}",
        };
        text.Append($" total_len={packetIn.TotalLength} in_port={PortNames.Format(packetIn.InPort)} (via {reason})");
        text.Append($" data_len={packetIn.Data.Length} ");
        text.Append(packetIn.BufferId == FlowMod.NoBuffer ? "(unbuffered)\n" : $"buffer=0x{packetIn.BufferId:x8}\n");
        PacketText.Append(text, packetIn.Data);
        return true;
    }

    private static bool TryAppendFlowRemoved(StringBuilder text, ReadOnlySpan<byte> message)
    {
        if (!FlowRemovedMessage.TryDecode(message, out FlowRemoved removed, out _))
        {
            return false;
        }
        text.Append(' ');
        MatchText.Append(text, removed.Match, removed.Priority);
        string reason = removed.Reason switch
        {
            FlowRemovedReason.IdleTimeout => "idle",
            FlowRemovedReason.HardTimeout => "hard",
            FlowRemovedReason.Delete => "delete",
            _ => $"{(byte)removed.Reason}",
        };
        text.Append($" reason={reason}");
        if (removed.Cookie != 0)
        {
            text.Append($" cookie:0x{removed.Cookie:x}");
        }
        text.Append(" duration");
        FlowText.AppendDuration(text, removed.Duration);
        text.Append($"s idle{removed.IdleTimeoutSeconds} pkts{removed.PacketCount} bytes{removed.ByteCount}\n");
        return true;
    }

    private static bool TryAppendPortStatus(StringBuilder text, ReadOnlySpan<byte> message)
    {
        if (!PortStatusMessage.TryDecode(message, out PortStatusReason reason, out PortDescription port, out _))
        {
            return false;
        }
        text.Append(reason switch
        {
            PortStatusReason.Add => " ADD:",
            PortStatusReason.Delete => " DEL:",
            PortStatusReason.Modify => " MOD:",
            _ => $" {(byte)reason}:",
        });
        PortText.Append(text, port);
        return true;
    }

    private static bool TryAppendFlowMod(StringBuilder text, ReadOnlySpan<byte> message)
    {
        FlowAction[] actions = new FlowAction[OfActions.MaxCount];
        if (!FlowModMessage.TryDecode(message, actions, out FlowMod mod, out _))
        {
            return false;
        }
        text.Append(' ');
        FlowText.AppendFlowMod(text, mod);
        text.Append('\n');
        return true;
    }

    private static bool TryAppendPacketOut(StringBuilder text, ReadOnlySpan<byte> message)
    {
        FlowAction[] actions = new FlowAction[OfActions.MaxCount];
        if (!PacketOutMessage.TryDecode(message, actions, out PacketOut packetOut, out _))
        {
            return false;
        }
        text.Append($" in_port={PortNames.Format(packetOut.InPort)} actions=");
        ActionText.Append(text, packetOut.Actions);
        if (packetOut.BufferId != FlowMod.NoBuffer)
        {
            text.Append($" buffer=0x{packetOut.BufferId:x8}\n");
            return true;
        }
        text.Append($" data_len={packetOut.Data.Length}\n");
        PacketText.Append(text, packetOut.Data);
        return true;
    }

    private static bool TryAppendQueueConfig(StringBuilder text, ReadOnlySpan<byte> message)
    {
        List<QueueDescription> queues = [];
        if (!QueueConfigMessage.TryDecodeReply(message, queues, out ushort port, out _))
        {
            return false;
        }
        text.Append($" port={PortNames.Format(port)}\n");
        foreach (QueueDescription queue in queues)
        {
            // §5.2.2: above 1000 the guarantee is disabled.
            string rate = queue.MinRate is { } tenths and <= 1000 ? $" min_rate:{tenths / 10}.{tenths % 10}%" : "";
            text.Append($"queue {queue.QueueId}:{rate}\n");
        }
        return true;
    }

    private static bool TryAppendStatistics(StringBuilder text, ReadOnlySpan<byte> message)
    {
        if (!StatsMessage.TryDecode(message, out OfStatsType type, out ushort flags, out ReadOnlySpan<byte> body, out _))
        {
            return false;
        }
        text.Append((flags & StatsMessage.ReplyMore) != 0 ? " flags=[more]" : "");
        switch (type)
        {
            case OfStatsType.Description:
                StatisticsText.AppendDescription(text, body);
                return true;
            case OfStatsType.Flow:
                StatisticsText.AppendFlows(text, body);
                return true;
            case OfStatsType.Aggregate:
                StatisticsText.AppendAggregate(text, body);
                return true;
            case OfStatsType.Table:
                StatisticsText.AppendTables(text, body);
                return true;
            case OfStatsType.Port:
                StatisticsText.AppendPorts(text, body);
                return true;
            case OfStatsType.Queue:
                StatisticsText.AppendQueues(text, body);
                return true;
            default:
                return false;
        }
    }
}
