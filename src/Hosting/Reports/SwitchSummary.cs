using System.Globalization;
using System.Text.Json.Serialization;

namespace Softswitch.Hosting.Reports;

/// <summary>One of the switches of a process in few figures: a row of what shows several.</summary>
/// <remarks>
/// Read without waking a worker or walking over anything that grows with flows. Each counter is of its own moment, and none falls while the
/// switch runs. As JSON in camelCase; fields that exist stay.
/// </remarks>
/// <param name="Name">What tools call the switch by.</param>
/// <param name="State">
/// <c>running</c>; <c>busy</c> if its control side did not answer in time, and the figures are those of the last time it did; <c>starting</c>,
/// <c>ending</c>, or <c>failed</c>.
/// </param>
/// <param name="Failure">Why it failed; null unless it did.</param>
/// <param name="DatapathId">16 hexadecimal digits; null unless it runs, as with all that follows.</param>
/// <param name="Ports">How many there are to be.</param>
/// <param name="PortsUp">Those whose link is up.</param>
/// <param name="Controllers">How many it is to connect to.</param>
/// <param name="Connected">Those it is connected to.</param>
/// <param name="Flows">Entries of both tables.</param>
internal sealed record SwitchSummary(
    string Name, string State, string? Failure, string? DatapathId, int Ports, int PortsUp, int Controllers, int Connected, long Flows)
{
    public const string Running = "running";
    public const string Busy = "busy";
    public const string Failed = "failed";

    private static readonly Dictionary<string, long> None = [];

    /// <summary>Since its start, by a clock that is never set.</summary>
    public double UptimeSeconds { get; init; }

    /// <summary>By all ports, those that went included.</summary>
    public long ReceivedPackets { get; init; }

    /// <summary>From the Ethernet header on.</summary>
    public long ReceivedBytes { get; init; }

    public long SentPackets { get; init; }

    public long SentBytes { get; init; }

    /// <summary>What passes took that moved packets, over all workers: a difference over time is the load it makes.</summary>
    public double BusySeconds { get; init; }

    /// <summary>Packets that ended in it, by the reason's name; those that had none left out.</summary>
    public IReadOnlyDictionary<string, long> Drops { get; init; } = None;

    [JsonIgnore]
    public long Dropped => Drops.Values.Sum();

    /// <summary>A table for people: a row for each.</summary>
    public static IReadOnlyList<string> Table(IReadOnlyList<SwitchSummary> switches) =>
    [
        .. TextTable.Lines(
            [
                ["switch", "datapath id", "ports", "controllers", "flows", "state"],
                .. switches.Select(one => one.DatapathId == null
                    ? (string[])[one.Name, "-", "-", "-", "-", one.Failure == null ? one.State : $"{one.State}: {one.Failure}"]
                    : [one.Name, one.DatapathId, $"{one.Ports}, {one.PortsUp} up", $"{one.Connected} of {one.Controllers}", one.Flows.ToString(CultureInfo.InvariantCulture), one.State]),
            ],
            textColumns: 6),
    ];
}

/// <summary>The switches of a process as JSON on one line, with code made at compile time.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(IReadOnlyList<SwitchSummary>))]
internal sealed partial class SummaryJson : JsonSerializerContext;
