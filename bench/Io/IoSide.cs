using System.Globalization;
using Softswitch.Bench.Sides;
using Softswitch.Lab.Measures;

namespace Softswitch.Bench.Io;

/// <summary>One turn of a switch.</summary>
/// <param name="Unlimited">With as many packets as the generator can make.</param>
/// <param name="Lossless">At the highest rate without loss; null if every rate had some.</param>
/// <param name="Disturbed">Trials that were repeated because the processors were taken away.</param>
/// <param name="Interference">Of the round as it was kept.</param>
internal sealed record IoRound(IoTrial Unlimited, IoTrial? Lossless, int Disturbed, Interference Interference) : IBenchRound
{
    public double LosslessMpps => (Lossless?.OfferedPerSecond ?? 0) / 1e6;
}

/// <summary>One switch in its testbed.</summary>
internal sealed class IoSide(string name, IoTestbed testbed, Func<IoTestbed, IoSwitch> start)
    : SwitchSide<IoTestbed, IoRound>(name, testbed, start)
{
    /// <summary>
    /// Until the compiler of ours is done with what it has seen, and caches of either are filled. On the switch's only processor the compiler comes to
    /// its turn while the worker has little to do; what the worker does in plenty is seen in between.
    /// </summary>
    public static readonly (double Rate, TimeSpan Duration)[] WarmUps =
    [
        (50_000, TimeSpan.FromSeconds(1)),
        (double.PositiveInfinity, TimeSpan.FromSeconds(0.5)),
        (50_000, TimeSpan.FromSeconds(1.5)),
        (double.PositiveInfinity, TimeSpan.FromSeconds(0.2)),
        (50_000, TimeSpan.FromSeconds(0.5)),
    ];

    // RFC 2544 wants to know the rate itself; figures here move by more than this from round to round.
    private const double Resolution = 0.02;

    // See RateSearch.
    private const int Attempts = 2;

    // A trial with loss in which generator or switch were kept from their processors for longer than this says nothing of either: it is repeated.
    private static readonly TimeSpan MostWaited = TimeSpan.FromMilliseconds(1);
    private const int MostRepeats = 3;

    public void Measure(IoOptions options, Action<string> say, CancellationToken cancellation) =>
        Measure(() => MeasureRound(options, say, cancellation));

    protected override void WarmUp(CancellationToken cancellation)
    {
        foreach ((double rate, TimeSpan duration) in WarmUps)
        {
            _ = Testbed.Run(Switch, rate, duration, cancellation);
        }
    }

    private IoRound MeasureRound(IoOptions options, Action<string> say, CancellationToken cancellation)
    {
        TimeSpan duration = TimeSpan.FromSeconds(options.Seconds);
        var watch = new MachineWatch(Switch.ProcessId);
        int disturbed = 0;
        IoTrial Try(double rate)
        {
            List<IoTrial> trials = [];
            do
            {
                IoTrial trial = Testbed.Run(Switch, rate, duration, cancellation);
                say(string.Create(CultureInfo.InvariantCulture, $"{trial.OfferedPerSecond / 1e6:0.000} Mpps offered, {trial.Lost} of {trial.Offered} lost"));
                trials.Add(trial);
            }
            while (trials[^1].Waited > MostWaited && trials[^1].LossShare > options.Tolerance && trials.Count <= MostRepeats);
            disturbed += trials.Count - 1;
            return trials.MinBy(trial => trial.LossShare > options.Tolerance ? trial.Waited : TimeSpan.Zero)!;
        }
        // Packets that waited while the switch stood still are gone after a moment's traffic.
        _ = Testbed.Run(Switch, 10_000, TimeSpan.FromMilliseconds(100), cancellation);
        IoTrial unlimited = Try(double.PositiveInfinity);
        IoTrial? lossless = new RateSearch(options.Tolerance, Resolution, Attempts).Find(unlimited, Try);
        Interference interference = watch.ReadProcesses();
        double generatorShare = 1 - (unlimited.GeneratorWaited / unlimited.Elapsed);
        return new IoRound(unlimited, lossless, disturbed, interference with { Share = Math.Min(interference.Share ?? 1, generatorShare) });
    }
}
