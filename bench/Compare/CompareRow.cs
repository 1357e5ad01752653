using Softswitch.Bench.Flows;
using Softswitch.Hosting.Configuration;

namespace Softswitch.Bench.Compare;

/// <summary>What a row's figure is.</summary>
internal enum CompareKind
{
    /// <summary>Packets a second with a table that nothing changes.</summary>
    Forward,

    /// <summary>Packets a second while other entries are added.</summary>
    Churn,

    /// <summary>Flow-mods a second that a connection gets done, traffic or not.</summary>
    FlowMods,
}

/// <summary>One row of the comparison: a table, traffic, and what is measured.</summary>
/// <param name="Name">As <c>--rows</c> takes it.</param>
/// <param name="Title">For people.</param>
/// <param name="Entries">Of the table, and flows of the traffic.</param>
/// <param name="Rewrite">Whether entries set dl_src and dl_dst before the output.</param>
/// <param name="HasTraffic">Whether packets come while it is measured.</param>
/// <param name="OursOnly">Whether the other switch is left out.</param>
internal sealed record CompareRow(
    string Name, string Title, CompareKind Kind, CompareTable Table, int Entries, bool Rewrite = false, bool HasTraffic = true, bool OursOnly = false)
{
    /// <summary>Entries that are added while it is measured, where some are.</summary>
    public const int OtherEntries = 20_000;

    // Enough flows to make an entry on in_port alone see different packets.
    private const int InPortTraffic = 64;

    /// <summary>Every row, in the order they are shown.</summary>
    public static IReadOnlyList<CompareRow> All { get; } =
    [
        new("inport", "one entry on in_port, output", CompareKind.Forward, CompareTable.InPort, 1),
        Exact(64),
        Exact(1000),
        Exact(8000),
        Exact(32_000),
        Exact(1_000_000) with { OursOnly = true },
        new("routes", "1,000 host routes on nw_dst, set dl_src, set dl_dst, output", CompareKind.Forward, CompareTable.HostRoutes, 1000, Rewrite: true),
        new("churn", $"1,000 exact while {OtherEntries:N0} other flows are added, 100,000 a second or what it takes", CompareKind.Churn, CompareTable.Exact, 1000),
        new("flowmods-busy", "flow-mods over a socket, under traffic", CompareKind.FlowMods, CompareTable.Exact, 1000),
        new("flowmods-idle", "flow-mods over a socket, idle", CompareKind.FlowMods, CompareTable.Exact, 1000, HasTraffic: false),
    ];

    /// <summary>Of the figure, for people.</summary>
    public string Format => Kind == CompareKind.FlowMods ? "N0" : "0.00";

    /// <summary>What the figure counts.</summary>
    public string Unit => Kind == CompareKind.FlowMods ? "flow-mods/s" : "Mpps";

    /// <summary>Rows by name, in the order they are shown.</summary>
    /// <param name="names">Separated by commas; null for all.</param>
    /// <exception cref="OptionException">There is no row of such a name.</exception>
    public static IReadOnlyList<CompareRow> Select(string? names) => RowNames.Select(All, row => row.Name, names);

    public FlowSet MakeFlows() => Table switch
    {
        CompareTable.InPort => new InPortFlows(InPortTraffic, inputs: 1),
        CompareTable.HostRoutes => new HostRoutes(Entries, Entries),
        _ => new ExactFlows(Entries, inputs: 1),
    };

    private static CompareRow Exact(int entries) =>
        new($"exact-{entries}", $"{entries:N0} exact, output", CompareKind.Forward, CompareTable.Exact, entries);
}

/// <summary>What the entries of a row match.</summary>
internal enum CompareTable
{
    InPort,
    Exact,
    HostRoutes,
}
