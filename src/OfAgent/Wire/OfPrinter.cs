using System.Text;
using Softswitch.Datapath.Actions;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Ports;

namespace Softswitch.OfAgent.Wire;

/// <summary>Messages as text, in the words of <c>ovs-ofctl ofp-print</c>. For logs, tests and people; it allocates.</summary>
public static class OfPrinter
{
    /// <summary>Any bytes as text: what cannot be decoded is named and dumped.</summary>
    public static string Print(ReadOnlySpan<byte> message)
    {
        StringBuilder text = new();
        if (!OfHeader.TryDecode(message, out OfHeader header) || header.Length != message.Length)
        {
            return PrintFailure(text, OfError.BadRequestBadLength, message);
        }
        if (header.Type > OfType.QueueGetConfigReply || (header.Version != OfHeader.Version10 && header.Type != OfType.Hello))
        {
            OfError error = header.Version == OfHeader.Version10 ? OfError.BadRequestBadType : OfError.BadRequestBadVersion;
            return PrintFailure(text, error, message);
        }
        if (header.Type is OfType.StatsRequest or OfType.StatsReply)
        {
            return StatsPrinter.TryPrint(text, header, message, out OfError statsError)
                ? Finish(text)
                : PrintFailure(text, statsError, message);
        }
        text.Append($"{NameOf(header.Type)}{(header.Version == OfHeader.Version10 ? "" : $" (version {header.Version})")} (xid=0x{header.Xid:x}):");
        return TryPrintBody(text, header.Type, message, out OfError bodyError) ? Finish(text) : PrintFailure(text.Append(' '), bodyError, message);
    }

    /// <summary>The specification's name of a message type, such as OFPT_FLOW_MOD.</summary>
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
        _ => $"type {(int)type}",
    };

    /// <summary>Sixteen bytes a line: offset, hexadecimal, ASCII.</summary>
    internal static void Dump(StringBuilder text, ReadOnlySpan<byte> bytes)
    {
        for (int line = 0; line < bytes.Length; line += 16)
        {
            ReadOnlySpan<byte> part = bytes[line..Math.Min(bytes.Length, line + 16)];
            text.Append($"{line:x8}  ");
            for (int i = 0; i < 16; i++)
            {
                text.Append(i < part.Length ? $"{part[i]:x2}{(i == 7 ? '-' : ' ')}" : "   ");
            }
            text.Append('|');
            for (int i = 0; i < 16; i++)
            {
                text.Append(i >= part.Length ? ' ' : part[i] is >= 0x20 and < 0x7f ? (char)part[i] : '.');
            }
            text.Append("|\n");
        }
    }

    private static bool TryPrintBody(StringBuilder text, OfType type, ReadOnlySpan<byte> message, out OfError error)
    {
        switch (type)
        {
            case OfType.Hello:
                error = default;
                return true;
            case OfType.EchoRequest or OfType.EchoReply:
                error = default;
                ReadOnlySpan<byte> payload = EchoMessage.BodyOf(message);
                Dump(text.Append($" {payload.Length} bytes of payload\n"), payload);
                return true;
            case OfType.Error:
                return TryPrintError(text, message, out error);
            case OfType.Vendor:
                return TryPrintVendor(text, message, out error);
            case OfType.FeaturesReply:
                return PortPrinter.TryPrintFeatures(text, message, out error);
            case OfType.PortStatus:
                return PortPrinter.TryPrintStatus(text, message, out error);
            case OfType.PortMod:
                return PortPrinter.TryPrintMod(text, message, out error);
            case OfType.GetConfigReply or OfType.SetConfig:
                return TryPrintConfig(text, message, out error);
            case OfType.PacketIn:
                return TryPrintPacketIn(text, message, out error);
            case OfType.FlowRemoved:
                return TryPrintFlowRemoved(text, message, out error);
            case OfType.PacketOut:
                return TryPrintPacketOut(text, message, out error);
            case OfType.FlowMod:
                return TryPrintFlowMod(text, message, out error);
            case OfType.QueueGetConfigRequest:
                bool decoded = QueueConfigMessage.TryDecodeRequest(message, out ushort port, out error);
                text.Append(decoded ? $" port={ActionPrinter.PortName(port)}" : "");
                return decoded;
            case OfType.QueueGetConfigReply:
                return TryPrintQueues(text, message, out error);
            default:
                return OfMessage.HasLength(message, OfHeader.Size, out error);
        }
    }

    private static bool TryPrintError(StringBuilder text, ReadOnlySpan<byte> message, out OfError error)
    {
        if (!ErrorMessage.TryDecode(message, out OfError reported, out ReadOnlySpan<byte> data, out error))
        {
            return false;
        }
        text.Append($" {reported.Name}\n");
        if (reported.Type == OfErrorType.HelloFailed)
        {
            foreach (byte b in data)
            {
                text.Append(b is >= 0x20 and < 0x7f ? (char)b : '.');
            }
            return true;
        }
        if (OfHeader.TryDecode(data, out OfHeader offender))
        {
            text.Append($"{NameOf(offender.Type)} (xid=0x{offender.Xid:x}):\n");
            text.Append(offender.Length > data.Length ? $"(***truncated to {data.Length} bytes from {offender.Length}***)\n" : "");
        }
        Dump(text, data);
        return true;
    }

    private static bool TryPrintVendor(StringBuilder text, ReadOnlySpan<byte> message, out OfError error)
    {
        if (RoleMessage.TryDecode(message, out bool isReply, out ControllerRole role, out error))
        {
            text.Replace("OFPT_VENDOR", isReply ? "NXT_ROLE_REPLY" : "NXT_ROLE_REQUEST");
#pragma warning disable CA1308 // lower case is how the text reads
            text.Append($" role={role.ToString().ToLowerInvariant()}");
#pragma warning restore CA1308
            return true;
        }
        if (!VendorMessage.TryDecode(message, out uint vendor, out ReadOnlySpan<byte> body, out error))
        {
            return false;
        }
        Dump(text.Append($" vendor=0x{vendor:x}\n"), body);
        return true;
    }

    private static bool TryPrintConfig(StringBuilder text, ReadOnlySpan<byte> message, out OfError error)
    {
        if (!ConfigMessage.TryDecode(message, out SwitchConfig config, out error))
        {
            return false;
        }
        string fragments = (config.Flags & OfConfigFlags.FragmentsMask) switch
        {
            OfConfigFlags.FragmentsNormal => "normal",
            OfConfigFlags.FragmentsDrop => "drop",
            OfConfigFlags.FragmentsReassemble => "reassemble",
            _ => "3",
        };
        text.Append($" frags={fragments} miss_send_len={config.MissSendLength}");
        return true;
    }

    private static bool TryPrintPacketIn(StringBuilder text, ReadOnlySpan<byte> message, out OfError error)
    {
        if (!PacketInMessage.TryDecode(message, out ReceivedPacketIn packetIn, out error))
        {
            return false;
        }
        string reason = packetIn.Reason switch
        {
            PacketInReason.NoMatch => "no_match",
            PacketInReason.Action => "action",
            _ => $"{(int)packetIn.Reason}",
        };
        text.Append($" total_len={packetIn.TotalLength} in_port={ActionPrinter.PortName(packetIn.InPort)} (via {reason})");
        text.Append($" data_len={packetIn.Data.Length} ");
        text.Append(packetIn.BufferId == FlowMod.NoBuffer ? "(unbuffered)\n" : $"buffer=0x{packetIn.BufferId:x8}\n");
        Dump(text, packetIn.Data);
        return true;
    }

    private static bool TryPrintFlowRemoved(StringBuilder text, ReadOnlySpan<byte> message, out OfError error)
    {
        if (!FlowRemovedMessage.TryDecode(message, out FlowRemoved removed, out error))
        {
            return false;
        }
        string reason = removed.Reason switch
        {
            FlowRemovedReason.IdleTimeout => "idle",
            FlowRemovedReason.HardTimeout => "hard",
            FlowRemovedReason.Delete => "delete",
            _ => $"{(int)removed.Reason}",
        };
        text.Append(' ');
        MatchPrinter.Append(text, removed.Match, removed.Priority);
        text.Append($" reason={reason}{(removed.Cookie == 0 ? "" : $" cookie:0x{removed.Cookie:x}")}");
        text.Append($" duration{MatchPrinter.Seconds(removed.Duration)} idle{removed.IdleTimeoutSeconds}");
        text.Append($" pkts{removed.PacketCount} bytes{removed.ByteCount}");
        return true;
    }

    private static bool TryPrintPacketOut(StringBuilder text, ReadOnlySpan<byte> message, out OfError error)
    {
        if (!PacketOutMessage.TryDecode(message, new FlowAction[OfActions.MaxCount], out PacketOut packetOut, out error))
        {
            return false;
        }
        text.Append($" in_port={ActionPrinter.PortName(packetOut.InPort)} actions=");
        ActionPrinter.Append(text, packetOut.Actions);
        if (packetOut.BufferId != FlowMod.NoBuffer)
        {
            text.Append($" buffer=0x{packetOut.BufferId:x8}");
            return true;
        }
        Dump(text.Append($" data_len={packetOut.Data.Length}\n"), packetOut.Data);
        return true;
    }

    private static bool TryPrintFlowMod(StringBuilder text, ReadOnlySpan<byte> message, out OfError error)
    {
        if (!FlowModMessage.TryDecode(message, new FlowAction[OfActions.MaxCount], out FlowMod mod, out error))
        {
            return false;
        }
        string command = mod.Command switch
        {
            FlowModCommand.Add => "ADD",
            FlowModCommand.Modify => "MOD",
            FlowModCommand.ModifyStrict => "MOD_STRICT",
            FlowModCommand.Delete => "DEL",
            FlowModCommand.DeleteStrict => "DEL_STRICT",
            _ => $"cmd:{(int)mod.Command}",
        };
        text.Append($" {command} ");
        MatchPrinter.Append(text, mod.Match, mod.Priority);
        text.Append(text[^1] == ' ' ? "" : " ");
        text.Append(mod.Cookie == 0 ? "" : $"cookie:0x{mod.Cookie:x} ");
        text.Append(mod.IdleTimeoutSeconds == 0 ? "" : $"idle:{mod.IdleTimeoutSeconds} ");
        text.Append(mod.HardTimeoutSeconds == 0 ? "" : $"hard:{mod.HardTimeoutSeconds} ");
        text.Append(mod.BufferId == FlowMod.NoBuffer ? "" : $"buf:0x{mod.BufferId:x} ");
        text.Append(mod.OutPort == PortNumber.None ? "" : $"out_port:{ActionPrinter.PortName(mod.OutPort)} ");
        text.Append((mod.Flags & FlowModFlags.SendFlowRemoved) == 0 ? "" : "send_flow_rem ");
        text.Append((mod.Flags & FlowModFlags.CheckOverlap) == 0 ? "" : "check_overlap ");
        text.Append((mod.Flags & FlowModFlags.Emergency) == 0 ? "" : "emerg ");
        text.Append("actions=");
        ActionPrinter.Append(text, mod.Actions);
        return true;
    }

    private static bool TryPrintQueues(StringBuilder text, ReadOnlySpan<byte> message, out OfError error)
    {
        List<QueueDescription> queues = [];
        if (!QueueConfigMessage.TryDecodeReply(message, queues, out ushort port, out error))
        {
            return false;
        }
        text.Append($" port={ActionPrinter.PortName(port)}\n");
        foreach (QueueDescription queue in queues)
        {
            string rate = queue.MinRate switch
            {
                null => "",
                > 1000 => " min_rate:(disabled)",
                ushort r => $" min_rate:{r / 10}.{r % 10}%",
            };
            text.Append($"queue {queue.QueueId}:{rate}\n");
        }
        return true;
    }

    private static string PrintFailure(StringBuilder text, OfError error, ReadOnlySpan<byte> message)
    {
        Dump(text.Append($"***decode error: {error.Name}***\n"), message);
        return Finish(text);
    }

    private static string Finish(StringBuilder text) => text.ToString().TrimEnd();
}
