using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Ports;
using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Tests.Wire;

/// <summary>Decodes any message with the codec of its type and encodes it again.</summary>
internal static class Recoding
{
    private static readonly FlowAction[] Storage = new FlowAction[OfActions.MaxCount];

    /// <summary>Encodes into <paramref name="buffer"/> what it decoded from <paramref name="message"/>.</summary>
    /// <returns>False if it does not decode.</returns>
    public static bool TryRecode(ReadOnlySpan<byte> message, OfBuffer buffer)
    {
        if (!OfHeader.TryDecode(message, out OfHeader header))
        {
            return false;
        }
        uint xid = header.Xid;
        switch (header.Type)
        {
            case OfType.Hello:
                HelloMessage.Write(buffer, xid);
                return true;
            case OfType.Error when ErrorMessage.TryDecode(message, out OfError reported, out ReadOnlySpan<byte> data, out _):
                ErrorMessage.Write(buffer, xid, reported, data);
                return true;
            case OfType.EchoRequest:
                EchoMessage.WriteRequest(buffer, xid, EchoMessage.BodyOf(message));
                return true;
            case OfType.EchoReply:
                EchoMessage.WriteReply(buffer, xid, EchoMessage.BodyOf(message));
                return true;
            case OfType.Vendor:
                return TryRecodeVendor(message, xid, buffer);
            case OfType.FeaturesRequest:
                FeaturesMessage.WriteRequest(buffer, xid);
                return true;
            case OfType.GetConfigRequest:
                ConfigMessage.WriteGetRequest(buffer, xid);
                return true;
            case OfType.GetConfigReply when ConfigMessage.TryDecode(message, out SwitchConfig config, out _):
                ConfigMessage.WriteGetReply(buffer, xid, config);
                return true;
            case OfType.SetConfig when ConfigMessage.TryDecode(message, out SwitchConfig config, out _):
                ConfigMessage.WriteSet(buffer, xid, config);
                return true;
            case OfType.BarrierRequest:
                BarrierMessage.WriteRequest(buffer, xid);
                return true;
            case OfType.BarrierReply:
                BarrierMessage.WriteReply(buffer, xid);
                return true;
            case OfType.StatsRequest or OfType.StatsReply:
                return TryRecodeStats(message, header, buffer);
            default:
                return TryRecodePackets(message, header, buffer) || TryRecodePorts(message, header, buffer);
        }
    }

    private static bool TryRecodeVendor(ReadOnlySpan<byte> message, uint xid, OfBuffer buffer)
    {
        if (RoleMessage.TryDecode(message, out bool isReply, out ControllerRole role, out _))
        {
            if (isReply)
            {
                RoleMessage.WriteReply(buffer, xid, role);
            }
            else
            {
                RoleMessage.WriteRequest(buffer, xid, role);
            }
            return true;
        }
        bool decoded = VendorMessage.TryDecode(message, out uint vendor, out ReadOnlySpan<byte> body, out _);
        if (decoded)
        {
            VendorMessage.Write(buffer, xid, vendor, body);
        }
        return decoded;
    }

    private static bool TryRecodePackets(ReadOnlySpan<byte> message, OfHeader header, OfBuffer buffer)
    {
        switch (header.Type)
        {
            case OfType.PacketIn when PacketInMessage.TryDecode(message, out ReceivedPacketIn p, out _):
                byte[] whole = new byte[Math.Max(p.TotalLength, p.Data.Length)];
                p.Data.CopyTo(whole);
                PacketIn packetIn = new() { BufferId = p.BufferId, InPort = p.InPort, Reason = p.Reason, MaxLength = 0, Data = whole };
                PacketInMessage.Write(buffer, header.Xid, packetIn, p.Data.Length);
                return true;
            case OfType.FlowRemoved when FlowRemovedMessage.TryDecode(message, out FlowRemoved removed, out _):
                FlowRemovedMessage.Write(buffer, header.Xid, removed);
                return true;
            case OfType.PacketOut when PacketOutMessage.TryDecode(message, Storage, out PacketOut packetOut, out _):
                PacketOutMessage.Write(buffer, header.Xid, packetOut);
                return true;
            case OfType.FlowMod when FlowModMessage.TryDecode(message, Storage, out FlowMod mod, out _):
                FlowModMessage.Write(buffer, header.Xid, mod);
                return true;
            default:
                return false;
        }
    }

    private static bool TryRecodePorts(ReadOnlySpan<byte> message, OfHeader header, OfBuffer buffer)
    {
        List<PortDescription> ports = [];
        List<QueueDescription> queues = [];
        switch (header.Type)
        {
            case OfType.FeaturesReply when FeaturesMessage.TryDecodeReply(message, ports, out SwitchFeatures features, out _):
                FeaturesMessage.WriteReply(buffer, header.Xid, features, ports);
                return true;
            case OfType.PortStatus when PortStatusMessage.TryDecode(message, out PortStatusReason reason, out PortDescription changed, out _):
                PortStatusMessage.Write(buffer, header.Xid, reason, changed);
                return true;
            case OfType.PortMod when PortModMessage.TryDecode(message, out PortMod mod, out _):
                PortModMessage.Write(buffer, header.Xid, mod);
                return true;
            case OfType.QueueGetConfigRequest when QueueConfigMessage.TryDecodeRequest(message, out ushort port, out _):
                QueueConfigMessage.WriteRequest(buffer, header.Xid, port);
                return true;
            case OfType.QueueGetConfigReply when QueueConfigMessage.TryDecodeReply(message, queues, out ushort port, out _):
                QueueConfigMessage.WriteReply(buffer, header.Xid, port, queues.ToArray());
                return true;
            default:
                return false;
        }
    }

    private static bool TryRecodeStats(ReadOnlySpan<byte> message, OfHeader header, OfBuffer buffer)
    {
        if (!StatsMessage.TryDecode(message, out OfStatsType type, out ushort flags, out ReadOnlySpan<byte> body, out _))
        {
            return false;
        }
        if (header.Type == OfType.StatsRequest)
        {
            return TryRecodeRequest(type, body, header.Xid, buffer);
        }
        int start = StatsMessage.BeginReply(buffer, header.Xid, type);
        bool decoded = TryRecodeEntries(type, body, buffer);
        if (buffer.Length - start <= OfHeader.MaxMessageLength)
        {
            StatsMessage.EndReply(buffer, start, flags == StatsMessage.ReplyMore);
        }
        return decoded;
    }

    private static bool TryRecodeRequest(OfStatsType type, ReadOnlySpan<byte> body, uint xid, OfBuffer buffer)
    {
        switch (type)
        {
            case OfStatsType.Description or OfStatsType.Table:
                StatsMessage.WriteRequest(buffer, xid, type);
                return body.Length == 0;
            case OfStatsType.Flow when FlowStatsMessage.TryDecodeRequest(body, out FlowFilter filter, out _):
                FlowStatsMessage.WriteRequest(buffer, xid, filter);
                return true;
            case OfStatsType.Aggregate when AggregateStatsMessage.TryDecodeRequest(body, out FlowFilter filter, out _):
                AggregateStatsMessage.WriteRequest(buffer, xid, filter);
                return true;
            case OfStatsType.Port when PortStatsMessage.TryDecodeRequest(body, out ushort port, out _):
                PortStatsMessage.WriteRequest(buffer, xid, port);
                return true;
            case OfStatsType.Queue when QueueStatsMessage.TryDecodeRequest(body, out ushort port, out uint queue, out _):
                QueueStatsMessage.WriteRequest(buffer, xid, port, queue);
                return true;
            case OfStatsType.Vendor when VendorStatsMessage.TryDecode(body, out uint vendor, out ReadOnlySpan<byte> rest, out _):
                VendorStatsMessage.WriteRequest(buffer, xid, vendor, rest);
                return true;
            default:
                return false;
        }
    }

    private static bool TryRecodeEntries(OfStatsType type, ReadOnlySpan<byte> body, OfBuffer buffer)
    {
        switch (type)
        {
            case OfStatsType.Description:
                while (DescriptionStatsMessage.TryReadEntry(ref body, out SwitchDescription? description))
                {
                    DescriptionStatsMessage.WriteEntry(buffer, description!);
                }
                break;
            case OfStatsType.Flow:
                while (FlowStatsMessage.TryReadEntry(ref body, Storage, out FlowStatistics flow))
                {
                    FlowStatsMessage.WriteEntry(buffer, flow);
                }
                break;
            case OfStatsType.Aggregate:
                while (AggregateStatsMessage.TryReadEntry(ref body, out AggregateStatistics total))
                {
                    AggregateStatsMessage.WriteEntry(buffer, total);
                }
                break;
            case OfStatsType.Table:
                while (TableStatsMessage.TryReadEntry(ref body, out TableStatistics table))
                {
                    TableStatsMessage.WriteEntry(buffer, table);
                }
                break;
            case OfStatsType.Port:
                while (PortStatsMessage.TryReadEntry(ref body, out PortStatistics port, out _))
                {
                    PortStatsMessage.WriteEntry(buffer, port);
                }
                break;
            case OfStatsType.Queue:
                while (QueueStatsMessage.TryReadEntry(ref body, out QueueStatistics queue))
                {
                    QueueStatsMessage.WriteEntry(buffer, queue);
                }
                break;
            default:
                return false;
        }
        return body.Length == 0;
    }
}
