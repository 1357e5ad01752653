using Spectre.Console;
using Spectre.Console.Rendering;

namespace Softswitch.Lab.Demo;

/// <summary>The demo as tables that change in place, for a terminal.</summary>
internal static class LiveView
{
    // Lines that everything but the flows takes, borders included.
    private const int OtherLines = 24;
    private const int FewestFlows = 4;

    public static IRenderable Render(PingMatrix pings, SwitchSnapshot snapshot, int height) => new Rows(
        RenderPings(pings), RenderPorts(snapshot), RenderFlows(snapshot, Math.Max(FewestFlows, height - OtherLines)), new Text("Ctrl-C ends it."));

    private static Table RenderPings(PingMatrix pings)
    {
        Table table = new Table().Title("pings (round trip of the last, answered of sent)").AddColumn("from");
        DemoHost[] hosts = [.. pings.Pairs.Select(pair => pair.From).Distinct()];
        foreach (DemoHost host in hosts)
        {
            table.AddColumn($"to {host.Name} {host.Address}");
        }
        foreach (DemoHost from in hosts)
        {
            table.AddRow([from.Name, .. hosts.Select(to => Describe(pings.Pairs.FirstOrDefault(pair => pair.From == from && pair.To == to)))]);
        }
        return table;
    }

    private static string Describe(PingPair? pair)
    {
        if (pair == null)
        {
            return string.Empty;
        }
        string last = pair.Last is { } time ? $"[green]{time.TotalMilliseconds:0.00} ms[/]" : "[red]no answer[/]";
        return $"{last} {pair.Answered}/{pair.Sent}";
    }

    private static Table RenderPorts(SwitchSnapshot snapshot)
    {
        Table table = new Table().Title("ports").AddColumns("port", "interface", "rx packets", "rx bytes", "tx packets", "tx bytes", "dropped");
        foreach (PortRow row in snapshot.Ports)
        {
            table.AddRow(
                $"{row.Port.Number}", row.Port.Name,
                $"{row.Counters.ReceivedPackets}", $"{row.Counters.ReceivedBytes}",
                $"{row.Counters.TransmittedPackets}", $"{row.Counters.TransmittedBytes}",
                $"{row.Counters.ReceiveDropped + row.Counters.TransmitDropped}");
        }
        return table;
    }

    private static Table RenderFlows(SwitchSnapshot snapshot, int lines)
    {
        Table table = new Table().Title($"flow table: {snapshot.Flows.Count} entries").AddColumns("packets", "age", "match", "actions");
        foreach (SnapshotFlow flow in snapshot.Flows.Take(lines))
        {
            table.AddRow(new Text($"{flow.Packets}"), new Text($"{flow.Age.TotalSeconds:0} s"), OneLine(flow.Match), OneLine(flow.Actions));
        }
        return table;
    }

    private static Text OneLine(string text) => new Text(text).Overflow(Overflow.Ellipsis);
}
