using System.Text.Json.Nodes;

namespace Softswitch.Scenarios.Xenflow;

/// <summary>What was measured of a move at a rate.</summary>
/// <param name="Still">The trial in which nothing moved.</param>
/// <param name="Made">Make before break; null if it was not asked for.</param>
/// <param name="Broken">Break before make; null if it was not asked for.</param>
/// <param name="IsComplete">Whether after make before break the one switch had all the flows and the other none.</param>
/// <param name="Again">Trials of the move that had to be done again.</param>
internal sealed record MovePoint(
    PacketSize Size, double Rate, XenflowTrial Still, XenflowTrial? Made, XenflowTrial? Broken, bool IsComplete, int Again)
{
    /// <summary>What the run is about: make before break, unless only the other was asked for.</summary>
    public XenflowTrial Trial => (Made ?? Broken)!;

    /// <summary>A figure of whatever was made, for people.</summary>
    public string Describe(Func<XenflowTrial, string> figure)
    {
        string? made = Made == null ? null : figure(Made);
        string? broken = Broken == null ? null : $"break before make {figure(Broken)}";
        return string.Join("; ", ((string?[])[made, broken]).OfType<string>());
    }

    public JsonObject ToJson() => new()
    {
        ["rate"] = Math.Round(Rate),
        ["still"] = Still.ToJson(),
        ["makeBeforeBreak"] = Made?.ToJson(),
        ["breakBeforeMake"] = Broken?.ToJson(),
        ["repeated"] = Again,
    };
}
