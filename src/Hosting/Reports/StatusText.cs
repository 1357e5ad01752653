using System.Globalization;

namespace Softswitch.Hosting.Reports;

/// <summary>A report in about ten lines: what <c>status</c> prints.</summary>
internal static class StatusText
{
    // What there are many of is a line each up to this many, and counted beyond.
    private const int Most = 4;

    public static IEnumerable<string> Lines(SwitchReport report)
    {
        yield return Line("switch", $"{report.Name}: softswitch {report.Version}, datapath id {report.DatapathId}, "
            + $"up {Quantity.Duration(report.UptimeSeconds)}, pid {report.Process.Id}");
        yield return Line("ports", $"{report.Ports.Count}: {Count(report.Ports.Select(port => port.State))}");
        foreach (string line in Some(report.Ports.Where(port => port.State != "up" || port.Fault != null), Describe))
        {
            yield return Line("", line);
        }
        (ulong received, ulong sent) = (Sum(report, port => port.ReceivedPackets), Sum(report, port => port.SentPackets));
        yield return Line("traffic", $"{received} packets received ({Quantity.Short(Sum(report, port => port.ReceivedBytes))}B), "
            + $"{sent} sent ({Quantity.Short(Sum(report, port => port.SentBytes))}B)");
        long drops = report.Drops.Values.Sum();
        yield return Line("drops", drops == 0 ? "none" : $"{drops}: {Count(report.Drops)} (softswitch drops tells more)");
        long flows = report.Tables.Where(table => table.Name != "emergency").Sum(table => table.Entries);
        string byTable = string.Join(", ", report.Tables.Select(table => $"{table.Entries} {table.Name}"));
        yield return Line("flows", $"{flows}: {byTable}; {Matched(report)}");
        if (report.State is { } journal)
        {
            yield return Line("state", Describe(journal, report.Time));
        }
        long refused = report.FlowMods.Refused.Values.Sum();
        yield return Line("flow-mods", $"{report.FlowMods.Done.Values.Sum()} done, "
            + $"{refused} refused{(refused == 0 ? "" : $": {Count(report.FlowMods.Refused)}")}");
        PacketInReport packetIns = report.PacketIns;
        yield return Line("packet-ins", $"{packetIns.Delivered} delivered, "
            + $"{packetIns.DroppedByLimit + packetIns.DroppedByQueue + packetIns.DroppedByReaders} dropped");
        yield return Line("workers", $"{report.Workers.Count}: {Load(report)}");
        yield return Line("fail mode", report.FailMode + (report.IsInEmergency ? "; the emergency entries are in force" : ""));
        ControllerReport[] controllers = [.. report.Controllers.Where(one => !one.IsPeer)];
        int peers = report.Controllers.Count - controllers.Length;
        string others = peers == 0 ? "" : $"; {Quantity.Of(peers, "other connection")}";
        int connected = controllers.Count(one => one.State == "connected");
        string state = controllers.Length == 0 ? "none is configured" : $"{connected} of {controllers.Length} connected";
        yield return Line("controllers", state + others);
        foreach (string line in Some(controllers.Length == 0 ? report.Controllers : controllers, Describe))
        {
            yield return Line("", line);
        }
        foreach (CardSummary card in report.Cards)
        {
            string idle = card.IdleReason is { } reason ? $"; forwards nothing: {reason}" : "";
            yield return Line("card", $"{card.Name}: offload {card.Offload}, "
                + $"{Quantity.Of(card.SlotsUsed, "slot")} and {Quantity.Of(card.RowsUsed, "row")} in use{idle}");
        }
    }

    /// <summary>Several switches: the process, a row for each, and why those failed that did.</summary>
    public static IEnumerable<string> Lines(GroupReport report)
    {
        yield return Line("process", $"{report.Name ?? "without a name"}: softswitch {report.Version}, "
            + $"{Quantity.Of(report.Switches.Count, "switch")}{States(report)}, "
            + $"up {Quantity.Duration(report.UptimeSeconds)}, pid {report.Process.Id}");
        yield return Line("memory", $"{Quantity.Short(report.Process.ResidentBytes)}B resident, "
            + $"{report.FreeFrames} of {report.Frames} frames of {report.FrameBytes} bytes free");
        double busy = report.Workers.Sum(worker => worker.BusySeconds);
        string load = Quantity.Percent(busy, report.UptimeSeconds * report.Workers.Count);
        yield return Line("workers", $"{report.Workers.Count}: busy {load} of the time so far");
        if (report.Switches.Count == 0)
        {
            yield break;
        }
        yield return string.Empty;
        List<string[]> table = [["switch", "datapath id", "state", "ports up", "controllers", "flows", "received", "sent", "dropped"]];
        table.AddRange(report.Switches.Select(one => Cells(one.Name, one.DatapathId, one.State, [one])));
        table.Add(Cells("all", "", "", report.Switches));
        foreach (string line in TextTable.Lines(table, textColumns: 3))
        {
            yield return line;
        }
        foreach (SwitchSummary failed in report.Switches.Where(one => one.Reason != null))
        {
            yield return $"{failed.Name}: {failed.Reason}";
        }

        static string[] Cells(string name, string id, string state, IReadOnlyList<SwitchSummary> of) =>
        [
            name, id, state, $"{of.Sum(one => one.PortsUp)} of {of.Sum(one => one.Ports)}",
            of.Sum(one => one.Controllers) == 0 ? "none" : $"{of.Sum(one => one.ControllersConnected)} of {of.Sum(one => one.Controllers)}",
            .. new[]
            {
                of.Sum(one => one.Flows), of.Sum(one => one.ReceivedPackets), of.Sum(one => one.SentPackets), of.Sum(one => one.Drops.Values.Sum()),
            }.Select(count => count.ToString(CultureInfo.InvariantCulture)),
        ];
    }

    /// <summary>A controller, for status and top.</summary>
    public static string Describe(ControllerReport one)
    {
        string since = Quantity.Duration(one.SinceSeconds);
        string role = one.Role == "other" ? "" : $", {one.Role}";
        string latency = one.LatencySeconds is { } seconds ? $", answers in {Quantity.Duration(seconds)}" : "";
        string next = one.NextAttemptSeconds is { } wait ? $"next attempt in {Quantity.Duration(wait)}" : "trying again";
        return $"{one.Name}: " + one.State switch
        {
            "connected" => $"connected for {since}{role}{latency}",
            "waiting" => $"{one.LastError ?? "not connected"}; {next}",
            _ => $"connecting{(one.LastError is { } error ? $"; the last time: {error}" : "")}",
        };
    }

    private static string Describe(StateReport state, DateTimeOffset now)
    {
        string waiting = state.WaitingBytes == 0 ? "" : $", {Quantity.Short((ulong)state.WaitingBytes)}B on their way";
        string synced = state.SyncedAt is not { } at ? "not on the disk yet"
            : state.IsSynced ? "on the disk" : $"on the disk as of {Quantity.Duration(Math.Max(0, (now - at).TotalSeconds))} ago";
        return $"{state.Folder}: {(state.IsBehind ? $"behind: {state.Reason}" : $"in step, {Quantity.Short((ulong)state.Bytes)}B, {synced}{waiting}")}";
    }

    private static string Describe(PortReport port) =>
        $"{port.Label} {port.Name}: " + port.State switch
        {
            "away" => port.Fault ?? "the interface is away",
            "down" => "no link" + Fault(port),
            var state => state + Fault(port),
        };

    private static string Fault(PortReport port) => port.Fault is { } fault ? $"; {fault}" : "";

    private static string Line(string head, string text) => $"{head,-12}{text}".TrimEnd();

    private static ulong Sum(SwitchReport report, Func<TrafficReport, ulong> of) =>
        report.Ports.Aggregate(0UL, (sum, port) => sum + of(port.Traffic));

    private static string Matched(SwitchReport report)
    {
        long lookups = report.Tables[0].Lookups;
        return lookups == 0 ? "no packet looked up yet"
            : $"{Quantity.Percent(report.Tables.Sum(table => table.Matches), lookups)} of {Quantity.Of(lookups, "packet")} matched one";
    }

    private static string Load(SwitchReport report)
    {
        double busy = report.Workers.Sum(worker => worker.BusySeconds);
        long batches = report.Workers.Sum(worker => worker.Batches);
        string perBatch = batches == 0 ? "" : $", {report.Workers.Sum(worker => worker.Packets) / (double)batches:0.0} packets a batch";
        return $"{report.Workers.Count(worker => worker.IsSleeping)} asleep, "
            + $"busy {Quantity.Percent(busy, report.UptimeSeconds * report.Workers.Count)} of the time so far{perBatch}";
    }

    private static string States(GroupReport report) => report.Switches.All(one => one.State == SwitchSummary.Running) ? string.Empty
        : $" ({string.Join(", ", report.Switches.CountBy(one => one.State).Select(state => $"{state.Value} {state.Key}"))})";

    private static string Count(IEnumerable<string> states) =>
        string.Join(", ", states.CountBy(state => state).OrderByDescending(state => state.Key == "up")
            .Select(state => $"{state.Value} {state.Key}"));

    private static string Count(IReadOnlyDictionary<string, long> counts) =>
        string.Join(", ", counts.OrderByDescending(one => one.Value).Take(Most).Select(one => $"{one.Key} {one.Value}"))
        + (counts.Count > Most ? ", ..." : "");

    private static IEnumerable<string> Some<T>(IEnumerable<T> all, Func<T, string> describe)
    {
        T[] items = [.. all];
        int shown = items.Length > Most ? Most - 1 : items.Length;
        return items.Take(shown).Select(describe).Concat(shown < items.Length ? [$"and {items.Length - shown} more"] : []);
    }
}
