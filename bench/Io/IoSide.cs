using Softswitch.Lab.Measures;

namespace Softswitch.Bench.Io;

/// <summary>One switch in its testbed, and the rounds measured of it.</summary>
/// <param name="Name">As a key of results.</param>
internal sealed record IoSide(string Name, IoTestbed Testbed, IoSwitch Switch) : IDisposable
{
    public List<IoRound> Rounds { get; } = [];

    public double Median(Func<IoRound, double> figure) => Statistic.Median([.. Rounds.Select(figure)]);

    public void Dispose()
    {
        Switch.Dispose();
        Testbed.Dispose();
    }
}

/// <summary>One turn of a switch.</summary>
/// <param name="Unlimited">With as many packets as the generator can make.</param>
/// <param name="Lossless">At the highest rate without loss; null if every rate had some.</param>
/// <param name="Disturbed">Trials that were repeated because the processors were taken away.</param>
/// <param name="Disturbance">Of the round as it was kept.</param>
internal sealed record IoRound(IoTrial Unlimited, IoTrial? Lossless, int Disturbed, Disturbance Disturbance)
{
    public double LosslessMpps => (Lossless?.OfferedPerSecond ?? 0) / 1e6;
}
