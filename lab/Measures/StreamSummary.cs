using System.Text.Json.Nodes;

namespace Softswitch.Lab.Measures;

/// <summary>A stream in figures.</summary>
internal sealed record StreamSummary
{
    public required int Sent { get; init; }

    /// <summary>Different packets that arrived.</summary>
    public required int Received { get; init; }

    public int Lost => Sent - Received;

    /// <summary>Arrivals of packets that had arrived before.</summary>
    public required int Duplicates { get; init; }

    /// <summary>Packets that arrived after one with a higher number.</summary>
    public required int Reordered { get; init; }

    /// <summary>The most packets lost one after the other.</summary>
    public required int LongestLoss { get; init; }

    /// <summary>The longest time in which nothing arrived.</summary>
    public required TimeSpan LongestGap { get; init; }

    public required TimeSpan MedianDelay { get; init; }

    /// <summary>The 99th percentile.</summary>
    public required TimeSpan HighDelay { get; init; }

    public required TimeSpan LongestDelay { get; init; }

    public JsonObject ToJson() => new()
    {
        ["sent"] = Sent,
        ["received"] = Received,
        ["lost"] = Lost,
        ["duplicates"] = Duplicates,
        ["reordered"] = Reordered,
        ["longestLoss"] = LongestLoss,
        ["longestGapMs"] = Math.Round(LongestGap.TotalMilliseconds, 3),
        ["medianDelayMs"] = Math.Round(MedianDelay.TotalMilliseconds, 3),
        ["delay99Ms"] = Math.Round(HighDelay.TotalMilliseconds, 3),
        ["longestDelayMs"] = Math.Round(LongestDelay.TotalMilliseconds, 3),
    };

    public override string ToString() =>
        $"{Sent} sent, {Lost} lost, {Duplicates} twice, {Reordered} out of order, longest gap {LongestGap.TotalMilliseconds:0.0} ms, "
        + $"delay {MedianDelay.TotalMilliseconds:0.00} ms (median), {LongestDelay.TotalMilliseconds:0.00} ms (longest)";
}
