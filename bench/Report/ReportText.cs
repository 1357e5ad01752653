using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Softswitch.Lab.Charts;
using Softswitch.Lab.Measures;

namespace Softswitch.Bench.Report;

/// <summary>A report as Markdown: the machine, then a section for each topic with its charts, figures and their commands.</summary>
internal static class ReportText
{
    private const string Disturbed = "Disturbed";

    private static readonly Dictionary<ReportTopic, (string Title, string Explanation, (string Heading, string Key, string Format)[] Columns)> Topics = new()
    {
        [ReportTopic.Flows] = (
            "Forwarding rate against flows",
            "60-byte frames from memory to a null port, one worker: copied, parsed, looked up, counted, rewritten where it says so, queued, sent. "
            + "Medians of slices of 0.1 s. \"Per processor second\" counts only the time the worker was given.",
            [
                ("Mpps", "mpps", "0.00"), ("ns a packet", "nsPerPacket", "0.0"), ("Mpps per processor second", "mppsPerCpu", "0.00"),
                ("share of a core", "cpuShare", "0.00"), ("bytes allocated", "allocatedBytes", "0"),
            ]),
        [ReportTopic.Rules] = (
            "Forwarding rate with rule sets",
            "Wildcard entries in the style of ClassBench's access lists, firewalls and IP chains, 64,000 flows in random order.",
            [
                ("Mpps", "mpps", "0.00"), ("ns a packet", "nsPerPacket", "0.0"), ("Mpps per processor second", "mppsPerCpu", "0.00"),
                ("share of a core", "cpuShare", "0.00"), ("masks", "masks", "0"), ("bytes allocated", "allocatedBytes", "0"),
            ]),
        [ReportTopic.Attacks] = (
            "Forwarding rate under attack",
            "The slowest of all sets of wildcard entries that are known to be slow, with traffic of ever new flows; and how fast the switch takes its flow-mods.",
            [
                ("Mpps", "mpps", "0.00"), ("Mpps per processor second", "mppsPerCpu", "0.00"), ("share of a core", "cpuShare", "0.00"),
                ("masks", "masks", "0"), ("flow-mods/s", "flowModsPerSecond", "N0"),
                ("slowest thousand: flow-mods/s", "flowModsPerSecondLeast", "N0"), ("slowest (µs)", "slowestFlowModUs", "0.0"),
            ]),
        [ReportTopic.Churn] = (
            "Forwarding rate while the table changes",
            "Flow-mods come over TCP on loopback; every packet that leaves is checked. \"Kept\" is the median over neighbouring slices with and without flow-mods.",
            [
                ("flow-mods/s", "flowModsPerSecond", "N0"), ("Mpps", "mpps", "0.00"), ("Mpps idle", "mppsIdle", "0.00"), ("kept", "kept", "0.000"), ("kept per processor second", "keptPerCpu", "0.000"),
                ("barrier p50 (µs)", "barrierP50Us", "0.0"), ("barrier p99 (µs)", "barrierP99Us", "0.0"), ("checked", "checked", "N0"),
                ("lost", "lost", "0"), ("misdirected", "misdirected", "0"),
            ]),
        [ReportTopic.PacketIn] = (
            "Packet-ins",
            "Packets without an entry to a controller over TCP on loopback, first at the rate asked for, then as many as there can be.",
            [
                ("packet-ins/s", "packetInsPerSecond", "N0"), ("p50 (µs)", "latencyP50Us", "0.0"), ("p99 (µs)", "latencyP99Us", "0.0"),
                ("longest (µs)", "latencyMaxUs", "0.0"), ("flooded: packet-ins/s", "floodPacketInsPerSecond", "N0"), ("unaccounted", "unaccounted", "0"),
            ]),
        [ReportTopic.Stall] = (
            "Stalls",
            "Time between the ends of consecutive passes of a worker that forwards while statistics are read; what the operating system ran in between is taken off and shown apart.",
            [
                ("passes", "passes", "N0"), ("p50 (µs)", "passP50Us", "0.00"), ("p99.99 (µs)", "passP9999Us", "0.00"), ("longest (µs)", "longestUs", "0.0"),
                ("over 100 µs", "over100Us", "0"), ("preemptions", "preemptions", "0"), ("longest preemption (µs)", "longestPreemptionUs", "0.0"),
                ("stolen (ms)", "stolenMilliseconds", "0"),
            ]),
        [ReportTopic.FlowMods] = (
            "Flow-mods",
            "Exact entries added one after the other, and what they weigh.",
            [
                ("over TCP, idle, a second", "flowModsPerSecond", "N0"), ("under traffic", "flowModsPerSecondUnderTraffic", "N0"),
                ("in process", "flowModsPerSecondInProcess", "N0"), ("bytes a flow", "bytesPerFlow", "0"), ("resident (MiB)", "residentMiB", "0"),
            ]),
        [ReportTopic.Io] = (
            "Through real interfaces",
            "Frames of 60 bytes over veth pairs through a switch in a process of its own; the rate without loss is searched by halving (RFC 2544), "
            + "and latencies are those at that rate.",
            [
                ("delivered, Mpps", "deliveredMpps", "0.000"), ("cycles a packet", "cyclesPerPacket", "N0"), ("without loss, Mpps", "losslessMpps", "0.000"),
                ("p50 (µs)", "latencyP50Us", "0"), ("p99 (µs)", "latencyP99Us", "0"), ("p99.9 (µs)", "latencyP999Us", "0"),
            ]),
        [ReportTopic.Vhost] = (
            "Virtual machines' ports",
            "Packets between two vhost-user ports, with DPDK's testpmd as the guest at both.",
            [
                ("Mpps", "mpps", "0.00"), ("share lost", "lostShare", "0.000"), ("share refused", "refusedShare", "0.00"),
                ("busy", "busyShare", "0.00"), ("cycles a packet", "cyclesPerPacket", "N0"),
            ]),
        [ReportTopic.Topology] = (
            "A network of switches in one process",
            "Sixteen in a row, a host at each and one controller; by the longest path.",
            [("median", "softswitch", "0.###")]),
        [ReportTopic.Compare] = (
            "Beside Open vSwitch with DPDK",
            "Both on the same core in turns: the same frames in the same order from memory (there: net_pcap with infinite_rx), the same OpenFlow messages, "
            + "a null port (net_null); medians over the rounds, and the median of the rounds' ratios.",
            []),
    };

    public static string Write(ReportHead head, IReadOnlyList<(ReportTopic Topic, IReadOnlyList<ReportFigure> Figures)> sections)
    {
        var text = new StringBuilder("# Softswitch: benchmark report\n\n");
        text.Append(HeadTable(head)).Append('\n');
        foreach ((ReportTopic topic, IReadOnlyList<ReportFigure> figures) in sections)
        {
            (string title, string explanation, (string, string, string)[] columns) = Topics[topic];
            text.Append(CultureInfo.InvariantCulture, $"\n## {title}\n\n{explanation}\n");
            foreach ((string name, LineChart chart) in ReportCharts.Of(topic, figures))
            {
                text.Append(CultureInfo.InvariantCulture, $"\n![{chart.Title}]({name}.svg)\n");
            }
            text.Append('\n').Append(TableOf(topic, figures, columns)).Append('\n');
            foreach ((string what, string note) in NotesOn(figures))
            {
                text.Append(CultureInfo.InvariantCulture, $"\n**{what}:** {note}\n");
            }
        }
        if (head.Omissions.Count > 0)
        {
            text.Append("\n## Not measured\n\n").AppendJoin('\n', head.Omissions.Select(omission => $"- {NoteOn(omission)}")).Append('\n');
        }
        return text.ToString();
    }

    /// <summary>The same as a page to look at, with the charts in it.</summary>
    public static string WritePage(ReportHead head, IReadOnlyList<(ReportTopic Topic, IReadOnlyList<ReportFigure> Figures)> sections)
    {
        var page = new HtmlPage("Softswitch: benchmark report");
        AddTable(page, HeadTable(head));
        foreach ((ReportTopic topic, IReadOnlyList<ReportFigure> figures) in sections)
        {
            (string title, string explanation, (string, string, string)[] columns) = Topics[topic];
            page.Add($"<h2>{HtmlPage.Escape(title)}</h2>\n<p>{HtmlPage.Escape(explanation)}</p>");
            foreach ((_, LineChart chart) in ReportCharts.Of(topic, figures))
            {
                page.AddChart(chart);
            }
            AddTable(page, TableOf(topic, figures, columns));
            foreach ((string what, string note) in NotesOn(figures))
            {
                page.Add($"<p><strong{(what == Disturbed ? " class=\"disturbed\"" : string.Empty)}>{what}:</strong> {HtmlPage.Inline(note)}</p>");
            }
        }
        if (head.Omissions.Count > 0)
        {
            page.Add($"<h2>Not measured</h2>\n{string.Join('\n', head.Omissions.Select(omission => $"<p>{HtmlPage.Inline(NoteOn(omission))}</p>"))}");
        }
        return page.ToString();
    }

    private static void AddTable(HtmlPage page, MarkdownTable table) => page.AddTable(table.Headings, table.Rows.Select(row => row.Select(HtmlPage.Inline)));

    private static IEnumerable<(string What, string Note)> NotesOn(IReadOnlyList<ReportFigure> figures) =>
    [
        .. figures.Where(figure => figure.Errors.Count > 0).Select(figure => ("Not to be believed", $"`{figure.Step.Command}`: {string.Join("; ", figure.Errors)}")),
        .. figures.Where(figure => figure.Interference != null).Select(figure => (Disturbed, $"`{figure.Step.Command}`: {figure.Interference}")),
        .. figures.SelectMany(figure => ReportFigureRows.Of(figure).Where(row => ReportFigureRows.InterferenceOf(row) != null)
            .Select(row => (Disturbed, $"`{figure.Step.Command}`, {ReportFigureRows.NameOf(row)}: {ReportFigureRows.InterferenceOf(row)}"))),
        .. SetUpsOf(figures).Select(line => ("Set up", line)),
    ];

    private static MarkdownTable HeadTable(ReportHead head)
    {
        var table = new MarkdownTable("measured on", string.Empty);
        table.Add("processor", $"{head.Processor}, {head.Cores} cores");
        table.Add("kernel", head.Kernel);
        table.Add("runtime", head.Runtime);
        table.Add("commit", head.Commit);
        table.Add("date", head.Date);
        table.Add("command", $"`{head.Command}`");
        return table;
    }

    private static string NoteOn((string Command, string Reason) omission) => $"`{omission.Command}`: {omission.Reason}";

    private static MarkdownTable TableOf(ReportTopic topic, IReadOnlyList<ReportFigure> figures, (string Heading, string Key, string Format)[] columns) => topic switch
    {
        ReportTopic.Compare => CompareTable(figures),
        ReportTopic.Io or ReportTopic.Vhost or ReportTopic.Topology => RowTable(figures, columns),
        _ => FigureTable(figures, columns),
    };

    /// <summary>The rows that a benchmark printed, each by its name.</summary>
    private static MarkdownTable RowTable(IReadOnlyList<ReportFigure> figures, (string Heading, string Key, string Format)[] columns)
    {
        var table = new MarkdownTable(["row", .. columns.Select(column => column.Heading)]);
        foreach (JsonNode row in figures.SelectMany(ReportFigureRows.Of))
        {
            table.Add([ReportFigureRows.NameOf(row) + MarkOf(row), .. columns.Select(column => Cell(row, column.Key, column.Format))]);
        }
        return table;
    }

    private static string MarkOf(JsonNode row) => ReportFigureRows.InterferenceOf(row) == null ? string.Empty : " (disturbed)";

    private static string Cell(JsonNode row, string key, string format) => row[key]?.GetValue<double>().ToString(format, CultureInfo.InvariantCulture) ?? "–";

    private static MarkdownTable FigureTable(IReadOnlyList<ReportFigure> figures, (string Heading, string Key, string Format)[] columns)
    {
        var table = new MarkdownTable(["command", .. columns.Select(column => column.Heading)]);
        foreach (ReportFigure figure in figures)
        {
            string mark = figure.Interference == null ? string.Empty : " (disturbed)";
            table.Add([$"`{figure.Step.Command}`{mark}", .. columns.Select(column => figure.Number(column.Key)?.ToString(column.Format, CultureInfo.InvariantCulture) ?? "–")]);
        }
        return table;
    }

    private static MarkdownTable CompareTable(IReadOnlyList<ReportFigure> figures)
    {
        var table = new MarkdownTable("row", "unit", "Softswitch", "OVS-DPDK", "ratio");
        foreach (JsonNode row in figures.SelectMany(ReportFigureRows.Of))
        {
            string unit = row["unit"]!.GetValue<string>();
            string format = unit == "Mpps" ? "0.00" : "N0";
            table.Add(row["title"]!.GetValue<string>() + MarkOf(row), unit, Cell(row, "softswitch", format), Cell(row, "openVSwitch", format), Cell(row, "ratio", "0.00"));
        }
        return table;
    }

    private static IEnumerable<string> SetUpsOf(IReadOnlyList<ReportFigure> figures) => figures.Where(figure => figure.Result?["openVSwitch"] is JsonValue)
        .Select(figure => $"`{figure.Step.Command}`, {figure.Result!["openVSwitch"]}, memory: {figure.Result["openVSwitchMemory"]}, settings: {figure.Result["openVSwitchSettings"]}");
}
