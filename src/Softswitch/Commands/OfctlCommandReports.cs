using System.CommandLine;
using System.Text;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Ports;
using Softswitch.OfAgent.Client;
using Softswitch.OfAgent.Text;
using Softswitch.OfAgent.Wire;

namespace Softswitch.Commands;

/// <summary>The sub-commands that only ask.</summary>
internal static partial class OfctlCommand
{
    private static void AddReports(Command parent)
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
        AddFlowReport(parent, "dump-flows", "Print flow entries.", FlowStatsMessage.WriteRequest);
        AddFlowReport(parent, "dump-aggregate", "Print totals over flow entries.", AggregateStatsMessage.WriteRequest);
        AddPortReports(parent);
    }

    private delegate void FilterWriter(OfBuffer buffer, uint xid, in FlowFilter filter);

    private static int PrintStatistics(OfClient client, OfStatsType type) =>
        Print(client, (buffer, xid) => StatsMessage.WriteRequest(buffer, xid, type), OfType.StatsReply);

    private static void AddFlowReport(Command parent, string name, string description, FilterWriter write)
    {
        Argument<string> filterArgument = OptionalText("filter", "Only flows that this match covers; also out_port= and table=.");
        Command command = new(name, description) { filterArgument };
        Add(parent, command, (client, parsed) =>
        {
            if (!TryParseFlow(client, parsed.GetValue(filterArgument) ?? "", FlowSyntaxMode.Filter, out ParsedFlow flow))
            {
                return Failed;
            }
            FlowFilter filter = flow.ToFilter();
            return Print(client, (buffer, xid) => write(buffer, xid, filter), OfType.StatsReply);
        });
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

    private static Argument<string> OptionalText(string name, string description) =>
        new(name) { Description = description, Arity = ArgumentArity.ZeroOrOne };

    /// <param name="text">Null for <paramref name="otherwise"/>.</param>
    private static bool TryParsePort(OfClient client, string? text, ushort otherwise, out ushort port)
    {
        port = otherwise;
        if (text is null || NamesOf(client).TryParse(text, out port))
        {
            return true;
        }
        Fail($"port: '{text}' is neither a port number nor the name of a port of {client.Target}");
        return false;
    }
}
