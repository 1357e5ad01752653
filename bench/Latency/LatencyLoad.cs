namespace Softswitch.Bench.Latency;

/// <summary>How much is offered while latencies are measured.</summary>
/// <param name="Name">As results have it.</param>
/// <param name="Share">Of the full rate; null for <see cref="SleepingRate"/>.</param>
internal sealed record LatencyLoad(string Name, double? Share)
{
    // Packets a second: between two of them a worker that may sleep does.
    private const double SleepingRate = 1000;

    public static IReadOnlyList<LatencyLoad> All { get; } = [new("idle", null), new("1 %", 0.01), new("10 %", 0.1), new("50 %", 0.5)];

    /// <param name="full">Packets a second that are 100 %.</param>
    public double RateOf(double full) => Share is double share ? share * full : SleepingRate;
}
