using System.Diagnostics;
using Softswitch.Lab;

namespace Softswitch.Scenarios.Mat;

/// <summary>A move of the mobile node. Times are Stopwatch.GetTimestamp's.</summary>
/// <param name="Left">When it was about to leave.</param>
/// <param name="Announced">When it sent its RARP; of a guest, when the controller had it.</param>
/// <param name="FlowMods">That the switches have carried out since it was about to leave.</param>
/// <param name="Guest">What the hypervisor says; null of a namespace.</param>
internal sealed record MatMove(long Left, long Announced, MatUpdate Update, long FlowMods, MigrationFigures? Guest)
{
    public double UpdateMilliseconds => Stopwatch.GetElapsedTime(Update.HeardAt, Update.LastDoneAt).TotalMilliseconds;

    /// <summary>Around the move, where packets that are missing were lost by it.</summary>
    public (long From, long To) Window =>
        (Left - (Stopwatch.Frequency / 20), Math.Max(Left + (Stopwatch.Frequency / 3), Update.LastDoneAt + (Stopwatch.Frequency / 20)));
}
