using System.Diagnostics;

namespace Softswitch.Scenarios.Mat;

/// <summary>A move of the mobile node, and the update that followed it.</summary>
/// <param name="Announced">When it sent its RARP; of a guest, when the controller had it.</param>
internal sealed record MatMove(HostMove Move, long Announced, MatUpdate Update)
{
    public double UpdateMilliseconds => Stopwatch.GetElapsedTime(Update.HeardAt, Update.LastDoneAt).TotalMilliseconds;

    /// <summary>Around the move, where packets that are missing were lost by it.</summary>
    public (long From, long To) Window => (
        Move.Leaving - (Stopwatch.Frequency / 20),
        Math.Max(Move.Leaving + (Stopwatch.Frequency / 3), Update.LastDoneAt + (Stopwatch.Frequency / 20)));
}
