using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Ports;
using Softswitch.OfAgent.Text;
using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Client;

/// <summary>Looks at one flow entry; valid during the call only.</summary>
internal delegate void FlowHandler(in FlowStatistics flow);

/// <summary>The requests by name. Each returns false if the switch answered with an error, which is then the last of Errors.</summary>
internal static class OfClientRequests
{
    public static bool TryReadFeatures(this OfClient client, out SwitchFeatures features, out List<PortDescription> ports)
    {
        SwitchFeatures found = default;
        List<PortDescription> foundPorts = [];
        bool isGood = client.TryRequest(
            FeaturesMessage.WriteRequest,
            OfType.FeaturesReply,
            message => MustBe(client, FeaturesMessage.TryDecodeReply(message, foundPorts, out found, out _), message));
        (features, ports) = (found, foundPorts);
        return isGood;
    }

    public static bool TryReadConfig(this OfClient client, out SwitchConfig config)
    {
        SwitchConfig found = default;
        bool isGood = client.TryRequest(
            ConfigMessage.WriteGetRequest,
            OfType.GetConfigReply,
            message => MustBe(client, ConfigMessage.TryDecode(message, out found, out _), message));
        config = found;
        return isGood;
    }

    /// <param name="onFlow">Called for each flow entry.</param>
    public static bool TryReadFlows(this OfClient client, FlowFilter filter, FlowHandler onFlow)
    {
        FlowAction[] actions = new FlowAction[OfActions.MaxCount];
        return TryReadStatistics(client, (buffer, xid) => FlowStatsMessage.WriteRequest(buffer, xid, filter), OfStatsType.Flow, (message, body) =>
        {
            while (FlowStatsMessage.TryReadEntry(ref body, actions, out FlowStatistics flow))
            {
                onFlow(flow);
            }
            MustBe(client, body.IsEmpty, message);
        });
    }

    public static bool TryReadAggregate(this OfClient client, FlowFilter filter, out AggregateStatistics total)
    {
        AggregateStatistics found = default;
        bool isGood = TryReadStatistics(
            client,
            (buffer, xid) => AggregateStatsMessage.WriteRequest(buffer, xid, filter),
            OfStatsType.Aggregate,
            (message, body) => MustBe(client, AggregateStatsMessage.TryReadEntry(ref body, out found), message));
        total = found;
        return isGood;
    }

    public static bool TryReadTables(this OfClient client, out List<TableStatistics> tables)
    {
        List<TableStatistics> found = [];
        bool isGood = TryReadStatistics(client, (buffer, xid) => StatsMessage.WriteRequest(buffer, xid, OfStatsType.Table), OfStatsType.Table, (message, body) =>
        {
            while (TableStatsMessage.TryReadEntry(ref body, out TableStatistics table))
            {
                found.Add(table);
            }
            MustBe(client, body.IsEmpty, message);
        });
        tables = found;
        return isGood;
    }

    /// <param name="port">A port, or NONE for all.</param>
    public static bool TryReadPortStatistics(this OfClient client, ushort port, out List<PortStatistics> ports)
    {
        List<PortStatistics> found = [];
        bool isGood = TryReadStatistics(client, (buffer, xid) => PortStatsMessage.WriteRequest(buffer, xid, port), OfStatsType.Port, (message, body) =>
        {
            while (PortStatsMessage.TryReadEntry(ref body, out PortStatistics statistics, out _))
            {
                found.Add(statistics);
            }
            MustBe(client, body.IsEmpty, message);
        });
        ports = found;
        return isGood;
    }

    /// <summary>Asks whether the switch is there.</summary>
    public static bool TryEcho(this OfClient client, ReadOnlyMemory<byte> body)
    {
        bool isSame = false;
        bool isGood = client.TryRequest(
            (buffer, xid) => EchoMessage.WriteRequest(buffer, xid, body.Span),
            OfType.EchoReply,
            message => isSame = EchoMessage.BodyOf(message).SequenceEqual(body.Span));
        return isGood && isSame;
    }

    private delegate void StatisticsHandler(ReadOnlySpan<byte> message, ReadOnlySpan<byte> body);

    private static bool TryReadStatistics(OfClient client, RequestWriter write, OfStatsType type, StatisticsHandler onReply) =>
        client.TryRequest(write, OfType.StatsReply, message =>
        {
            bool isType = StatsMessage.TryDecode(message, out OfStatsType replied, out _, out ReadOnlySpan<byte> body, out _) && replied == type;
            MustBe(client, isType, message);
            onReply(message, body);
        });

    private static void MustBe(OfClient client, bool understood, ReadOnlySpan<byte> message)
    {
        if (!understood)
        {
            OfHeader.TryDecode(message, out OfHeader header);
            throw new OfClientException($"{client.Target}: the switch sent an {MessageText.NameOf(header.Type)} that cannot be understood");
        }
    }
}
