using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Ports;
using Softswitch.OfAgent.Text;
using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Client;

/// <summary>Looks at one flow entry; valid during the call only.</summary>
internal delegate void FlowHandler(in FlowStatistics flow);

/// <summary>The requests by name. Each returns false if the switch answered with an error, which is then the last of Errors.</summary>
internal sealed partial class OfClient
{
    public bool TryReadFeatures(out SwitchFeatures features, out List<PortDescription> ports)
    {
        SwitchFeatures found = default;
        List<PortDescription> foundPorts = [];
        bool isGood = TryRequest(
            FeaturesMessage.WriteRequest,
            OfType.FeaturesReply,
            message => MustBe(FeaturesMessage.TryDecodeReply(message, foundPorts, out found, out _), message));
        (features, ports) = (found, foundPorts);
        return isGood;
    }

    public bool TryReadConfig(out SwitchConfig config)
    {
        SwitchConfig found = default;
        bool isGood = TryRequest(
            ConfigMessage.WriteGetRequest,
            OfType.GetConfigReply,
            message => MustBe(ConfigMessage.TryDecode(message, out found, out _), message));
        config = found;
        return isGood;
    }

    /// <param name="onFlow">Called for each flow entry.</param>
    public bool TryReadFlows(FlowFilter filter, FlowHandler onFlow)
    {
        FlowAction[] actions = new FlowAction[OfActions.MaxCount];
        return TryReadStatistics((buffer, xid) => FlowStatsMessage.WriteRequest(buffer, xid, filter), OfStatsType.Flow, (message, body) =>
        {
            while (FlowStatsMessage.TryReadEntry(ref body, actions, out FlowStatistics flow))
            {
                onFlow(flow);
            }
            MustBe(body.IsEmpty, message);
        });
    }

    public bool TryReadAggregate(FlowFilter filter, out AggregateStatistics total)
    {
        AggregateStatistics found = default;
        bool isGood = TryReadStatistics(
            (buffer, xid) => AggregateStatsMessage.WriteRequest(buffer, xid, filter),
            OfStatsType.Aggregate,
            (message, body) => MustBe(AggregateStatsMessage.TryReadEntry(ref body, out found), message));
        total = found;
        return isGood;
    }

    public bool TryReadTables(out List<TableStatistics> tables)
    {
        List<TableStatistics> found = [];
        bool isGood = TryReadStatistics((buffer, xid) => StatsMessage.WriteRequest(buffer, xid, OfStatsType.Table), OfStatsType.Table, (message, body) =>
        {
            while (TableStatsMessage.TryReadEntry(ref body, out TableStatistics table))
            {
                found.Add(table);
            }
            MustBe(body.IsEmpty, message);
        });
        tables = found;
        return isGood;
    }

    /// <param name="port">A port, or NONE for all.</param>
    public bool TryReadPortStatistics(ushort port, out List<PortStatistics> ports)
    {
        List<PortStatistics> found = [];
        bool isGood = TryReadStatistics((buffer, xid) => PortStatsMessage.WriteRequest(buffer, xid, port), OfStatsType.Port, (message, body) =>
        {
            while (PortStatsMessage.TryReadEntry(ref body, out PortStatistics statistics, out _))
            {
                found.Add(statistics);
            }
            MustBe(body.IsEmpty, message);
        });
        ports = found;
        return isGood;
    }

    /// <summary>Asks whether the switch is there.</summary>
    public bool TryEcho(ReadOnlyMemory<byte> body)
    {
        bool isSame = false;
        bool isGood = TryRequest(
            (buffer, xid) => EchoMessage.WriteRequest(buffer, xid, body.Span),
            OfType.EchoReply,
            message => isSame = EchoMessage.BodyOf(message).SequenceEqual(body.Span));
        return isGood && isSame;
    }

    /// <summary>Queues a change of the flow table; <see cref="Barrier"/> tells when it is done.</summary>
    /// <returns>Its xid.</returns>
    public uint Send(in FlowMod mod)
    {
        uint xid = NextXid();
        FlowModMessage.Write(_out, xid, mod);
        if (_out.Length >= FlushSize)
        {
            Flush();
        }
        return xid;
    }

    /// <summary>Queues a packet.</summary>
    /// <returns>Its xid.</returns>
    public uint Send(in PacketOut packetOut)
    {
        uint xid = NextXid();
        PacketOutMessage.Write(_out, xid, packetOut);
        if (_out.Length >= FlushSize)
        {
            Flush();
        }
        return xid;
    }

    private delegate void StatisticsHandler(ReadOnlySpan<byte> message, ReadOnlySpan<byte> body);

    private bool TryReadStatistics(RequestWriter write, OfStatsType type, StatisticsHandler onReply) =>
        TryRequest(write, OfType.StatsReply, message =>
        {
            bool isType = StatsMessage.TryDecode(message, out OfStatsType replied, out _, out ReadOnlySpan<byte> body, out _) && replied == type;
            MustBe(isType, message);
            onReply(message, body);
        });

    private void MustBe(bool understood, ReadOnlySpan<byte> message)
    {
        if (!understood)
        {
            OfHeader.TryDecode(message, out OfHeader header);
            throw new OfClientException($"{Target}: the switch sent an {MessageText.NameOf(header.Type)} that cannot be understood");
        }
    }
}
