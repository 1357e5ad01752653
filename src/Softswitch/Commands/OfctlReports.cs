using System.CommandLine;
using System.Text;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Ports;
using Softswitch.OfAgent.Client;
using Softswitch.OfAgent.Text;
using Softswitch.OfAgent.Wire;
using static Softswitch.Commands.OfctlSession;

namespace Softswitch.Commands;

/// <summary>The sub-commands of <see cref="OfctlCommand"/> that only ask.</summary>
internal static class OfctlReports
{
    public static void AddTo(Command parent)
    {
        Add(parent, new Command("show", "Print the switch's features, ports and configuration."), static (client, _) =>
            Print(client, FeaturesMessage.WriteRequest, OfType.FeaturesReply) is var features and not Done
                ? features
                : Print(client, ConfigMessage.WriteGetRequest, OfType.GetConfigReply));
        Add(parent, new Command("get-config", "Print the switch's configuration."), static (client, _) =>
            Print(client, ConfigMessage.WriteGetRequest, OfType.GetConfigReply));
        Add(parent, new Command("dump-desc", "Print the switch's description."), static (client, _) =>
            PrintStatistics(client, OfStatsType.Description));
        Add(parent, new Command("dump-tables", "Print the flow tables' statistics."), static (client, _) =>
            PrintStatistics(client, OfStatsType.Table));
        Option<bool> noStats = new("--no-stats") { Description = "Only what add-flows would need: no counters, ages and tables." };
        AddFlowReport(parent, new Command("dump-flows", "Print flow entries.") { noStats }, (client, parsed, filter) => parsed.GetValue(noStats)
            ? PrintFlows(client, filter)
            : Print(client, (buffer, xid) => FlowStatsMessage.WriteRequest(buffer, xid, filter), OfType.StatsReply));
        AddFlowReport(parent, new Command("dump-aggregate", "Print totals over flow entries."), static (client, _, filter) =>
            Print(client, (buffer, xid) => AggregateStatsMessage.WriteRequest(buffer, xid, filter), OfType.StatsReply));
        AddPortReports(parent);
    }

    private static int PrintStatistics(OfClient client, OfStatsType type) =>
        Print(client, (buffer, xid) => StatsMessage.WriteRequest(buffer, xid, type), OfType.StatsReply);

    private static void AddFlowReport(Command parent, Command command, Func<OfClient, ParseResult, FlowFilter, int> report)
    {
        Argument<string> filterArgument = OptionalText("filter", "Only flows that this match covers; also out_port= and table=.");
        command.Arguments.Add(filterArgument);
        Add(parent, command, (client, parsed) =>
            TryParseFlow(client, parsed.GetValue(filterArgument) ?? "", FlowSyntaxMode.Filter, out ParsedFlow flow) ? report(client, parsed, flow.ToFilter()) : Failed);
    }

    /// <summary>A line for each, without a heading, as ovs-ofctl does it.</summary>
    private static int PrintFlows(OfClient client, FlowFilter filter)
    {
        StringBuilder text = new();
        bool isGood = client.TryReadFlows(filter, (in FlowStatistics flow) =>
        {
            FlowText.AppendStatistics(text, flow, isShort: true);
            text.Append('\n');
        });
        Console.Out.Write(text);
        return isGood ? Done : ReportErrors(client, null);
    }

    private static void AddPortReports(Command parent)
    {
        Argument<string> portArgument = OptionalText("port", "A port's number or name; without it, all.");
        Add(parent, new Command("dump-ports", "Print the ports' statistics.") { portArgument }, (client, parsed) =>
            TryParsePort(client, parsed.GetValue(portArgument), PortNumber.None, out ushort port)
                ? Print(client, (buffer, xid) => PortStatsMessage.WriteRequest(buffer, xid, port), OfType.StatsReply)
                : Failed);
        Add(parent, new Command("queue-stats", "Print the queues' statistics.") { portArgument }, (client, parsed) =>
            TryParsePort(client, parsed.GetValue(portArgument), PortNumber.All, out ushort port)
                ? Print(client, (buffer, xid) => QueueStatsMessage.WriteRequest(buffer, xid, port, QueueStatsMessage.AllQueues), OfType.StatsReply)
                : Failed);
        Add(parent, new Command("dump-ports-desc", "Print the ports."), static (client, _) =>
        {
            // OpenFlow 1.0 has no such statistics: the features reply tells the same. The heading is ovs-ofctl's.
            if (!client.TryReadFeatures(out SwitchFeatures _, out List<PortDescription> ports))
            {
                return ReportErrors(client, null);
            }
            StringBuilder text = new("OFPST_PORT_DESC reply (xid=0x2):\n");
            ports.Sort(static (a, b) => a.Number.CompareTo(b.Number));
            ports.ForEach(p => PortText.Append(text, p));
            Console.Out.Write(text);
            return Done;
        });
    }
}
