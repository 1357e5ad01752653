using System.Text;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Ports;
using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Text;

/// <summary>Writes what controllers ask for in the words of ovs-ofctl 3.1: statistics requests, port-mods, roles, queues.</summary>
internal static class RequestText
{
    /// <returns>False if the message is none of these or does not decode.</returns>
    public static bool TryAppend(StringBuilder text, ReadOnlySpan<byte> message, OfType type) => type switch
    {
        OfType.StatsRequest => TryAppendStatistics(text, message),
        OfType.PortMod => TryAppendPortMod(text, message),
        OfType.QueueGetConfigRequest => TryAppendQueueConfig(text, message),
        OfType.Vendor => TryAppendVendor(text, message),
        _ => false,
    };

    /// <summary>Nicira's name of a role message; null if it is none.</summary>
    public static string? NameOfVendorMessage(ReadOnlySpan<byte> message) =>
        !RoleMessage.TryDecode(message, out bool isReply, out _, out _) ? null : isReply ? "NXT_ROLE_REPLY" : "NXT_ROLE_REQUEST";

    private static bool TryAppendStatistics(StringBuilder text, ReadOnlySpan<byte> message)
    {
        if (!StatsMessage.TryDecode(message, out OfStatsType type, out _, out ReadOnlySpan<byte> body, out _))
        {
            return false;
        }
        bool decoded = type switch
        {
            OfStatsType.Flow or OfStatsType.Aggregate => TryAppendFilter(text, body),
            OfStatsType.Port => TryAppendPort(text, body),
            OfStatsType.Queue => TryAppendQueue(text, body),
            OfStatsType.Description or OfStatsType.Table => body.Length == 0,
            _ => TryAppendVendorStatistics(text, type, body),
        };
        text.Append(decoded ? "\n" : "");
        return decoded;
    }

    private static bool TryAppendFilter(StringBuilder text, ReadOnlySpan<byte> body)
    {
        if (!FlowStatsMessage.TryDecodeRequest(body, out FlowFilter filter, out _))
        {
            return false;
        }
        text.Append(filter.TableId == FlowFilter.AllTables ? "" : $" table={filter.TableId}");
        text.Append(filter.OutPort == PortNumber.None ? "" : $" out_port={PortNames.Format(filter.OutPort)}");
        MatchText.Append(text.Append(' '), filter.Match);
        return true;
    }

    private static bool TryAppendPort(StringBuilder text, ReadOnlySpan<byte> body)
    {
        bool decoded = PortStatsMessage.TryDecodeRequest(body, out ushort port, out _);
        text.Append($" port_no={PortOrAny(port)}");
        return decoded;
    }

    private static bool TryAppendQueue(StringBuilder text, ReadOnlySpan<byte> body)
    {
        bool decoded = QueueStatsMessage.TryDecodeRequest(body, out ushort port, out uint queue, out _);
        text.Append($" port={PortOrAny(port)} queue={(queue == QueueStatsMessage.AllQueues ? "ALL" : $"{queue}")}");
        return decoded;
    }

    private static bool TryAppendVendorStatistics(StringBuilder text, OfStatsType type, ReadOnlySpan<byte> body)
    {
        bool decoded = VendorStatsMessage.TryDecode(body, out uint vendor, out ReadOnlySpan<byte> rest, out _) && type == OfStatsType.Vendor;
        text.Append(decoded ? $" vendor=0x{vendor:x}, {rest.Length} bytes" : "");
        return decoded;
    }

    private static bool TryAppendPortMod(StringBuilder text, ReadOnlySpan<byte> message)
    {
        if (!PortModMessage.TryDecode(message, out PortMod mod, out _))
        {
            return false;
        }
        text.Append($" port: {PortNames.Format(mod.Number)}: addr:{mod.HardwareAddress}\n     config: ");
        PortText.AppendConfig(text, mod.Config);
        text.Append("\n     mask:   ");
        PortText.AppendConfig(text, mod.Mask);
        text.Append("\n     advertise: ");
        if (mod.Advertise == PortFeatures.None)
        {
            text.Append("UNCHANGED");
        }
        else
        {
            PortText.AppendFeatureNames(text, mod.Advertise);
        }
        text.Append('\n');
        return true;
    }

    private static bool TryAppendQueueConfig(StringBuilder text, ReadOnlySpan<byte> message)
    {
        bool decoded = QueueConfigMessage.TryDecodeRequest(message, out ushort port, out _);
        text.Append(decoded ? $" port={PortNames.Format(port)}\n" : "");
        return decoded;
    }

    private static bool TryAppendVendor(StringBuilder text, ReadOnlySpan<byte> message)
    {
        if (RoleMessage.TryDecode(message, out _, out ControllerRole role, out _))
        {
            string name = role switch
            {
                ControllerRole.Other => "equal",
                ControllerRole.Master => "primary",
                ControllerRole.Slave => "secondary",
                _ => $"{(uint)role}",
            };
            text.Append($" role={name}\n");
            return true;
        }
        bool decoded = VendorMessage.TryDecode(message, out uint vendor, out ReadOnlySpan<byte> body, out _);
        text.Append(decoded ? $" vendor=0x{vendor:x}, {body.Length} bytes\n" : "");
        return decoded;
    }

    /// <summary>ovs-ofctl calls both "no port" and "all ports" ANY where a request names a port.</summary>
    private static string PortOrAny(ushort port) => PortNames.Format(port == PortNumber.All ? PortNumber.None : port);
}
