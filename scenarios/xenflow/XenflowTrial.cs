using System.Text.Json.Nodes;
using Softswitch.Lab.Measures;

namespace Softswitch.Scenarios.Xenflow;

/// <summary>So many packets offered for so long, with or without a move meanwhile, and what became of them.</summary>
/// <param name="Asked">Packets a second the generator was to send; on a machine that does other things too it may be let run for part of the time only.</param>
/// <param name="PacketIns">Packets that had no entry and came to the controller.</param>
/// <param name="Decided">Packets that a switch dropped because of what its table and ports are, by switch and reason.</param>
/// <param name="Overloaded">Packets dropped where more came than could be taken, by place.</param>
/// <param name="Move">Null if nothing moved.</param>
internal sealed record XenflowTrial(
    double Asked, TimeSpan Elapsed, long Offered, SinkCounts Arrived, long PacketIns, IReadOnlyDictionary<string, long> Decided, IReadOnlyDictionary<string, long> Overloaded, FlowMove? Move)
    : FrameTrial(Elapsed, Offered, Arrived)
{
    /// <summary>Packets that had arrived when the move began.</summary>
    public long ByOldPath { get; init; }

    /// <summary>Packets that the destination's entries have sent on.</summary>
    public long ByNewPath { get; init; }

    /// <summary>For how long nothing was forwarded, by the packets that were lost (RFC 6201 §3.2.2).</summary>
    public double BlockedMilliseconds => Offered == 0 ? 0 : 1e3 * Lost / OfferedPerSecond;

    /// <summary>Whether every packet met an entry that sends it on: what is lost nevertheless is lost to overload, with or without a move.</summary>
    public bool WasAlwaysRouted => PacketIns == 0 && Decided.Count == 0;

    public JsonObject ToJson() => new()
    {
        ["askedPerSecond"] = Math.Round(Asked),
        ["offeredPerSecond"] = Math.Round(OfferedPerSecond),
        ["offered"] = Offered,
        ["lost"] = Lost,
        ["duplicates"] = Arrived.Duplicates,
        ["reordered"] = Arrived.Reordered,
        ["blockedMs"] = Math.Round(BlockedMilliseconds, 3),
        ["longestSilenceMs"] = Math.Round(Arrived.LongestSilenceNanoseconds / 1e6, 3),
        ["longestDelayMs"] = Math.Round(Arrived.LongestNanoseconds / 1e6, 3),
        ["packetIns"] = PacketIns,
        ["decided"] = ToJson(Decided),
        ["overloaded"] = ToJson(Overloaded),
        ["flows"] = Move?.Flows.Count,
        ["byOldPath"] = Move == null ? null : ByOldPath,
        ["byNewPath"] = Move == null ? null : ByNewPath,
        ["totalMs"] = Move is { } move ? Math.Round(move.Total.TotalMilliseconds, 3) : null,
    };

    /// <summary>Where packets were lost, for people.</summary>
    public string DescribeLoss() => string.Join(", ", Decided.Concat(Overloaded).Select(place => $"{place.Value} {place.Key}")
        .Concat(PacketIns > 0 ? [$"{PacketIns} to the controller"] : [])
        .Append($"{Math.Max(0, Lost - Decided.Values.Sum() - Overloaded.Values.Sum() - PacketIns)} uncounted"));

    private static JsonObject ToJson(IReadOnlyDictionary<string, long> places) =>
        new(places.Select(place => KeyValuePair.Create(place.Key, (JsonNode?)place.Value)));
}
