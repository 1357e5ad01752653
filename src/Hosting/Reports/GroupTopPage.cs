namespace Softswitch.Hosting.Reports;

/// <summary>Several switches between two reports: the overview of <c>top</c>.</summary>
/// <param name="before">Read first.</param>
/// <param name="now">Read an interval later.</param>
internal sealed class GroupTopPage(GroupReport before, GroupReport now) : ITopPage
{
    // The summary, two lines of totals and workers, a blank one and the heading.
    private const int LinesAbove = 5;

    private const int WidthOfAll = 104;
    private const int WidthWithReasons = 124;

    private readonly Dictionary<string, SwitchSummary> _before = before.Switches.ToDictionary(one => one.Name);
    private readonly double _seconds = Math.Max(now.UptimeSeconds - before.UptimeSeconds, 1e-3);

    public IReadOnlyList<string> Choices(TopOrder order) => [.. Sort(order).Select(one => one.Name)];

    public IReadOnlyList<string> Lines(int width, int height, TopOrder order, string note = "", string? marked = null)
    {
        SwitchSummary[] all = [.. Sort(order)];
        int shown = height == 0 ? all.Length : Math.Min(all.Length, Math.Max(height - LinesAbove, 1));
        int mark = Array.FindIndex(all, one => one.Name == marked);
        int first = Math.Clamp(mark - shown + 1, 0, all.Length - shown);
        bool isNarrow = width is > 0 and < WidthOfAll; // bits give way to drops
        bool hasReason = width is 0 or >= WidthWithReasons;
        List<string[]> table =
        [
            isNarrow ? ["  SWITCH", "STATE", "PORTS", "CONTR.", "FLOWS", "LOAD", "RX pkt/s", "TX pkt/s", "DROPS/s"]
                :
                [
                    "  SWITCH", "STATE", "PORTS UP", "CONTROLLERS", "FLOWS", "LOAD", "RX pkt/s", "RX bit/s", "TX pkt/s", "TX bit/s",
                    "DROPS/s", .. hasReason ? ["REASON"] : Array.Empty<string>(),
                ],
        ];
        table.AddRange(all.Skip(first).Take(shown)
            .Select(one => Cells($"{(one.Name == marked ? '>' : ' ')} {one.Name}", one, isNarrow, hasReason)));
        string more = shown < all.Length ? $"  {first + 1} to {first + shown} of {all.Length}" : string.Empty;
        IEnumerable<string> lines =
        [
            Summary() + more + note,
            $"{PerSecond(one => one.ReceivedPackets)} packets/s in  {PerSecond(one => one.SentPackets)} out  "
                + $"{PerSecond(Drops)} dropped/s{FirstReason()}",
            Workers(),
            "",
            .. TextTable.Lines(table, textColumns: 2),
        ];
        return [.. lines.Select(line => width > 0 && line.Length > width ? line[..width] : line)];
    }

    private IEnumerable<SwitchSummary> Sort(TopOrder order) => order switch
    {
        TopOrder.Received => now.Switches.OrderByDescending(one => Rate(one, of => of.ReceivedPackets)),
        TopOrder.Sent => now.Switches.OrderByDescending(one => Rate(one, of => of.SentPackets)),
        TopOrder.Dropped => now.Switches.OrderByDescending(one => Rate(one, Drops)),
        _ => now.Switches,
    };

    private string Summary() =>
        $"{now.Name}  up {Quantity.Duration(now.UptimeSeconds)}  {Quantity.Of(now.Switches.Count, "switch")}  "
        + $"{now.Switches.Sum(one => one.PortsUp)} of {Quantity.Of(now.Switches.Sum(one => one.Ports), "port")} up  "
        + $"{Quantity.Of(now.Switches.Sum(one => one.Flows), "flow")}";

    /// <summary>That of most drops of all switches, with the switch that has most of them.</summary>
    private string FirstReason()
    {
        (string Switch, string Reason, long Added)[] drops =
        [
            .. now.Switches.SelectMany(
                one => DropRanking.Of(Before(one)?.Drops, one.Drops), static (one, drop) => (one.Name, drop.Reason, drop.Added)),
        ];
        return drops.Where(drop => drop.Added > 0).GroupBy(drop => drop.Reason).MaxBy(reason => reason.Sum(drop => drop.Added)) is { } first
            ? $" ({first.Key}, most in {first.MaxBy(drop => drop.Added).Switch})" : string.Empty;
    }

    private string Workers() => string.Join("  ", now.Workers.Select(worker =>
    {
        double busy = worker.BusySeconds - (before.Workers.FirstOrDefault(other => other.Id == worker.Id)?.BusySeconds ?? 0);
        return $"worker {worker.Id} {Quantity.Percent(Math.Clamp(busy, 0, _seconds), _seconds)}";
    }));

    private string[] Cells(string name, SwitchSummary one, bool isNarrow, bool hasReason) =>
    [
        name, one.State, $"{one.PortsUp} of {one.Ports}",
        one.Controllers == 0 ? "none" : $"{one.ControllersConnected} of {one.Controllers}",
        $"{one.Flows}", Quantity.Percent(Math.Clamp(BusySeconds(one), 0, _seconds), _seconds),
        .. Rates(one, of => of.ReceivedPackets, of => of.ReceivedBytes, isNarrow),
        .. Rates(one, of => of.SentPackets, of => of.SentBytes, isNarrow),
        Quantity.Short(Rate(one, Drops)), .. hasReason ? [DropRanking.First(Before(one)?.Drops, one.Drops)] : Array.Empty<string>(),
    ];

    private string[] Rates(SwitchSummary one, Func<SwitchSummary, long> packets, Func<SwitchSummary, long> bytes, bool isNarrow)
    {
        string perSecond = Quantity.Short(Rate(one, packets));
        return isNarrow ? [perSecond] : [perSecond, Quantity.Short(Rate(one, bytes) * 8)];
    }

    private double BusySeconds(SwitchSummary one) => one.BusySeconds - (Before(one)?.BusySeconds ?? 0);

    private string PerSecond(Func<SwitchSummary, long> of) => Quantity.Short(now.Switches.Sum(one => Rate(one, of)));

    private static long Drops(SwitchSummary one) => one.Drops.Values.Sum();

    private double Rate(SwitchSummary one, Func<SwitchSummary, long> of) =>
        Math.Max(0, of(one) - (Before(one) is { } earlier ? of(earlier) : 0)) / _seconds;

    /// <summary>Null if it was another one, or none, of that name.</summary>
    private SwitchSummary? Before(SwitchSummary one) =>
        _before.TryGetValue(one.Name, out SwitchSummary? earlier) && earlier.UptimeSeconds <= one.UptimeSeconds ? earlier : null;
}
