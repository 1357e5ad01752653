namespace Softswitch.Scenarios.Mat;

/// <summary>A move of the mobile node. Times are Stopwatch.GetTimestamp's.</summary>
/// <param name="Left">When it was about to leave.</param>
/// <param name="Announced">When it sent its RARP.</param>
internal sealed record MatMove(long Left, long Announced, MatUpdate Update);
