using Softswitch.Lab;

namespace Softswitch.Scenarios;

/// <summary>A host's move to another place. Times are Stopwatch.GetTimestamp's.</summary>
/// <param name="Leaving">When it was about to leave.</param>
/// <param name="Arrived">When it was there.</param>
/// <param name="FlowMods">Flow-mods that the switches carried out for the move.</param>
/// <param name="Figures">The hypervisor's; null of a namespace.</param>
internal sealed record HostMove(int Place, long Leaving, long Arrived, long FlowMods, MigrationFigures? Figures)
{
    /// <summary>When it stood still.</summary>
    public long Left => Figures?.Stopped ?? Leaving;
}
