namespace Softswitch.Hosting.Reports;

/// <summary>What the ports of a <see cref="TopPage"/>, or the switches of a <see cref="GroupTopPage"/>, are sorted by.</summary>
internal enum TopOrder
{
    /// <summary>By their numbers; switches in the order in which they came.</summary>
    Number,

    /// <summary>Packets received in the interval.</summary>
    Received,

    /// <summary>Packets sent in the interval.</summary>
    Sent,

    /// <summary>Packets dropped in the interval.</summary>
    Dropped,
}

/// <summary>A switch between two reports, as lines of a screen: what <c>top</c> shows.</summary>
/// <remarks>Where the height is not enough ports, flows and controllers are cut, not the sections.</remarks>
internal sealed class TopPage : ITopPage
{
    private const int WidthOfAll = 80;
    private const int WidthWithReasons = 100;

    private readonly SwitchReport _before;
    private readonly SwitchReport _now;
    private readonly FlowActivityReport _flows;
    private readonly double _seconds;

    /// <param name="before">Read first.</param>
    /// <param name="now">Read an interval later.</param>
    /// <param name="flows">The busiest flows meanwhile.</param>
    public TopPage(SwitchReport before, SwitchReport now, FlowActivityReport flows)
    {
        (_before, _now, _flows) = (before, now, flows);
        _seconds = Math.Max(now.UptimeSeconds - before.UptimeSeconds, 1e-3);
    }

    public IReadOnlyList<string> Choices(TopOrder order) => [];

    public IReadOnlyList<string> Lines(int width, int height, TopOrder order, string note = "", string? marked = null)
    {
        bool isNarrow = width is > 0 and < WidthOfAll; // bits give way to drops
        List<string> ports = [.. Sort(order).Select(pair => Port(pair, isNarrow, HasReasons(width)))];
        List<string> drops = [.. Reasons()];
        List<string> flows = [.. _flows.Flows.Select(Flow)];
        List<string> controllers = [.. _now.Controllers.Select(one => $"  {StatusText.Describe(one)}")];
        List<string> workers = [.. _now.Workers.Select(Worker)];
        if (height > 0)
        {
            // Five headings, five lines between sections and the summary; flows have what the others leave, and at least a third.
            int room = Math.Max(height - 12, 4);
            Cut(drops, Math.Max(room / 6, 1));
            Cut(workers, Math.Max(room / 6, 1));
            Cut(controllers, Math.Max(room / 6, 1));
            Cut(ports, Math.Max(room - drops.Count - workers.Count - controllers.Count - Math.Min(flows.Count, room / 3), 1));
            Cut(flows, Math.Max(room - drops.Count - workers.Count - controllers.Count - ports.Count, 1));
        }
        IEnumerable<string> lines =
        [
            Summary() + note,
            Totals(),
            "",
            $" PORT                LINK     RX pkt/s{(isNarrow ? "" : "  RX bit/s")}  TX pkt/s{(isNarrow ? "" : "  TX bit/s")}   DROPS/s"
                + (HasReasons(width) ? "  REASON" : ""),
            .. ports,
            "",
            drops.Count == 0 ? "DROPS: none" : "DROPS     pkt/s    in all",
            .. drops,
            "",
            "WORKER   LOAD    PACKETS/s  A BATCH",
            .. workers,
            "",
            controllers.Count == 0 ? "CONTROLLERS: none" : "CONTROLLERS",
            .. controllers,
            "",
            flows.Count == 0 ? "FLOWS: none was used" : "FLOWS     pkt/s     bit/s",
            .. flows,
        ];
        return [.. lines.Select(line => width > 0 && line.Length > width ? line[..width] : line)];
    }

    private IEnumerable<(PortReport Now, PortReport? Before)> Sort(TopOrder order)
    {
        IEnumerable<(PortReport Now, PortReport? Before)> ports =
            _now.Ports.Select(port => (port, _before.Ports.FirstOrDefault(other => other.Number == port.Number)));
        return order switch
        {
            TopOrder.Received => ports.OrderByDescending(pair => Rate(pair, port => port.ReceivedPackets)),
            TopOrder.Sent => ports.OrderByDescending(pair => Rate(pair, port => port.SentPackets)),
            TopOrder.Dropped => ports.OrderByDescending(Drops),
            _ => ports,
        };
    }

    private static bool HasReasons(int width) => width is 0 or >= WidthWithReasons;

    private static void Cut(List<string> lines, int most)
    {
        if (lines.Count > most)
        {
            int hidden = lines.Count - most + 1;
            lines.RemoveRange(most - 1, hidden);
            lines.Add($"  ... {hidden} more");
        }
    }

    private string Summary() =>
        $"{_now.Name}  up {Quantity.Duration(_now.UptimeSeconds)}  "
        + $"{_now.Ports.Count(port => port.State == "up")} of {Quantity.Of(_now.Ports.Count, "port")} up  "
        + $"{Quantity.Of(_now.Tables.Where(table => table.Name != "emergency").Sum(table => table.Entries), "flow")}";

    private string Totals()
    {
        long modsBefore = _before.FlowMods.Done.Values.Sum();
        return $"{PerSecond(_now.Tables[0].Lookups - _before.Tables[0].Lookups)} packets/s looked up  "
            + $"{PerSecond(_now.Drops.Values.Sum() - _before.Drops.Values.Sum())} dropped/s  "
            + $"{PerSecond(_now.PacketIns.Delivered - _before.PacketIns.Delivered)} packet-ins/s  "
            + $"{PerSecond(_now.FlowMods.Done.Values.Sum() - modsBefore)} flow-mods/s";
    }

    private string Port((PortReport Now, PortReport? Before) pair, bool isNarrow, bool hasReason)
    {
        PortReport port = pair.Now;
        string link = port.State == "up" ? port.RateBitsPerSecond == 0 ? "up" : Quantity.Short(port.RateBitsPerSecond) : port.State;
        return $"{port.Label,5} {Fit(port.Name, 14)} {link,-8}{Packets(of => of.ReceivedPackets)}{Bits(of => of.ReceivedBytes)}"
            + $"{Packets(of => of.SentPackets)}{Bits(of => of.SentBytes)}{Quantity.Short(Drops(pair)),9}{Reason()}";

        string Reason() => hasReason && DropRanking.First(pair.Before?.Drops, port.Drops) is { Length: > 0 } reason ? $"  {reason}" : "";

        string Packets(Func<TrafficReport, ulong> of) => $"{Quantity.Short(Rate(pair, of)),9} ";

        string Bits(Func<TrafficReport, ulong> of) => isNarrow ? "" : $"{Quantity.Short(Rate(pair, of) * 8),9} ";
    }

    /// <summary>Why packets end now, most first. Reasons that did not drop any in the interval are a line together.</summary>
    private IEnumerable<string> Reasons()
    {
        IReadOnlyList<(string Reason, long Added, long All)> drops = DropRanking.Of(_before.Drops, _now.Drops);
        foreach ((string reason, long added, long all) in drops.Where(drop => drop.Added > 0))
        {
            yield return $"{Quantity.Short(added / _seconds),15}{Quantity.Short(all),10}  {DropTexts.Of(reason).Words} ({reason})";
        }
        (string Reason, long Added, long All)[] quiet = [.. drops.Where(drop => drop.Added == 0)];
        if (quiet.Length > 0)
        {
            yield return $"{"-",15}{Quantity.Short(quiet.Sum(drop => drop.All)),10}  {Quantity.Of(quiet.Length, "quiet reason")}";
        }
    }

    private string Worker(WorkerReport worker)
    {
        WorkerReport? before = _before.Workers.FirstOrDefault(other => other.Id == worker.Id);
        long packets = worker.Packets - (before?.Packets ?? 0);
        long batches = worker.Batches - (before?.Batches ?? 0);
        string perBatch = batches == 0 ? "-" : $"{packets / (double)batches:0.0}";
        double busy = Math.Min(worker.BusySeconds - (before?.BusySeconds ?? 0), _seconds);
        return $"{worker.Id,6}  {Quantity.Percent(busy, _seconds),7}{PerSecond(packets),11}{perBatch,9}";
    }

    private string Flow(FlowActivity flow) =>
        $"{Quantity.Short(flow.Packets / _flows.Seconds),15}{Quantity.Short(flow.Bytes * 8 / _flows.Seconds),10}  {flow.Flow}";

    private double Rate((PortReport Now, PortReport? Before) pair, Func<TrafficReport, ulong> of)
    {
        ulong now = of(pair.Now.Traffic);
        ulong before = pair.Before is { } port ? of(port.Traffic) : 0;
        return (now >= before ? now - before : now) / _seconds; // one that was away counts from 0
    }

    private double Drops((PortReport Now, PortReport? Before) pair)
    {
        long now = pair.Now.Drops.Values.Sum();
        long before = pair.Before?.Drops.Values.Sum() ?? 0;
        return (now >= before ? now - before : now) / _seconds;
    }

    private string PerSecond(long count) => Quantity.Short(Math.Max(count, 0) / _seconds);

    private static string Fit(string text, int width) => text.Length > width ? text[..(width - 1)] + "~" : text.PadRight(width);
}

/// <summary>Reasons for drops between two reports: what drops now comes first.</summary>
internal static class DropRanking
{
    /// <param name="before">Drops by reason, earlier; null for none.</param>
    /// <param name="now">The same, now.</param>
    /// <returns>Packets that were dropped in between, most first, then those that were not.</returns>
    public static IReadOnlyList<(string Reason, long Added, long All)> Of(
        IReadOnlyDictionary<string, long>? before, IReadOnlyDictionary<string, long> now) =>
    [
        .. now.Where(drop => drop.Value > 0)
            .Select(drop => (drop.Key, Added: drop.Value - EarlierOf(before, drop), All: drop.Value))
            .OrderByDescending(drop => drop.Added).ThenByDescending(drop => drop.All),
    ];

    /// <summary>The reason that dropped most in between; empty if none did.</summary>
    public static string First(IReadOnlyDictionary<string, long>? before, IReadOnlyDictionary<string, long> now) =>
        Of(before, now) is [(string reason, > 0, _), ..] ? reason : string.Empty;

    // What has fallen was counted anew: the port was away.
    private static long EarlierOf(IReadOnlyDictionary<string, long>? before, KeyValuePair<string, long> drop) =>
        before != null && before.TryGetValue(drop.Key, out long count) && count <= drop.Value ? count : 0;
}

/// <summary>What <c>top</c> shows of one interval, as lines of a screen.</summary>
/// <remarks>Lines are cut to the width and never longer.</remarks>
internal interface ITopPage
{
    /// <param name="width">In characters; 0 for no limit.</param>
    /// <param name="height">In lines; 0 for no limit.</param>
    /// <param name="order">Of ports, or of switches.</param>
    /// <param name="note">At the end of the first line, such as that the view is paused.</param>
    /// <param name="marked">Of <see cref="Choices"/>, the one to be marked; it is always shown.</param>
    IReadOnlyList<string> Lines(int width, int height, TopOrder order, string note = "", string? marked = null);

    /// <summary>What can be looked at more closely, from top to bottom.</summary>
    IReadOnlyList<string> Choices(TopOrder order);
}
