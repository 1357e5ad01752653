using System.Text.Json.Nodes;
using Softswitch.Lab;

namespace Softswitch.Scenarios;

/// <summary>A guest's live migration: QEMU's figures, and what the network did about it.</summary>
/// <param name="What">Which host went where, for people.</param>
internal sealed record ScenarioMigration(string What, MigrationFigures Guest)
{
    /// <summary>Headings of <see cref="Cells"/>.</summary>
    public static IReadOnlyList<string> Columns { get; } =
    [
        "live migration", "QEMU: total", "downtime", "set-up", "sent", "tables updated in", "flow-mods", "packets lost", "longest gap of pings", "TCP's longest stall",
    ];

    /// <summary>From when the controller knew where the guest is to the last barrier's reply; null where flows come with packets.</summary>
    public required TimeSpan? Update { get; init; }

    /// <summary>That the switches carried out for it; null as of <see cref="Update"/>.</summary>
    public required long? FlowMods { get; init; }

    /// <summary>Packets of the numbered stream that were sent from the order to migrate on, and never arrived.</summary>
    public required int Lost { get; init; }

    /// <summary>Null where no host pinged.</summary>
    public TimeSpan? PingGap { get; init; }

    /// <summary>Null without a TCP connection.</summary>
    public TimeSpan? TcpStall { get; init; }

    /// <summary>For people.</summary>
    public IReadOnlyList<string> Cells =>
    [
        What, Text(Guest.Total), Text(Guest.Downtime), Text(Guest.Setup), $"{Guest.Bytes / 1e6:0.0} MB",
        Update is { } update ? $"{update.TotalMilliseconds:0.0} ms" : "none", FlowMods is { } mods ? $"{mods}" : "none", $"{Lost}",
        Text(PingGap), Text(TcpStall),
    ];

    public JsonObject ToJson() => new()
    {
        ["what"] = What,
        ["totalMs"] = Guest.Total.TotalMilliseconds,
        ["downtimeMs"] = Guest.Downtime.TotalMilliseconds,
        ["setupMs"] = Guest.Setup.TotalMilliseconds,
        ["bytes"] = Guest.Bytes,
        ["updateMs"] = Round(Update),
        ["flowMods"] = FlowMods,
        ["lost"] = Lost,
        ["pingGapMs"] = Round(PingGap),
        ["tcpStallMs"] = Round(TcpStall),
    };

    private static string Text(TimeSpan? time) => time is { } known ? $"{known.TotalMilliseconds:0} ms" : "none";

    private static double? Round(TimeSpan? time) => time is { } known ? Math.Round(known.TotalMilliseconds, 3) : null;
}
