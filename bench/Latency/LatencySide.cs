using System.Diagnostics;
using Softswitch.Bench.Sides;
using Softswitch.Lab.Measures;

namespace Softswitch.Bench.Latency;

/// <summary>One turn of a side under a load.</summary>
/// <param name="Interference">Of switch and guest.</param>
internal sealed record LatencyRound(LatencyLoad Load, LatencyTrial Trial, Interference Interference) : IBenchRound;

/// <summary>What came of a side under one load, all rounds together.</summary>
/// <param name="Seconds">Without the time the guest stood still.</param>
/// <param name="SwitchWaited">How long the switch had to wait for its processor.</param>
internal sealed record LatencyFigures(
    Histogram Latencies, long Offered, long Received, long Unsure, double Seconds, TimeSpan SwitchWaited, Interference Interference)
{
    public long Lost => Math.Max(0, Offered - Received);

    public static LatencyFigures Of(IEnumerable<LatencyRound> rounds)
    {
        LatencyTrial[] trials = [.. rounds.Select(round => round.Trial)];
        var latencies = new Histogram();
        Array.ForEach(trials, trial => latencies.Add(trial.Latencies));
        return new LatencyFigures(
            latencies, trials.Sum(trial => trial.Offered), trials.Sum(trial => trial.Received), trials.Sum(trial => trial.Unsure),
            trials.Sum(trial => trial.Elapsed.TotalSeconds), TimeSpan.FromTicks(trials.Sum(trial => trial.SwitchWaited.Ticks)),
            Interference.Median([.. rounds.Select(round => round.Interference)]));
    }
}

/// <summary>One switch and its guest.</summary>
internal sealed class LatencySide(string name, LatencyGuest guest, Func<LatencyGuest, IoSwitch> start, LatencyOptions options)
    : SwitchSide<LatencyGuest, LatencyRound>(name, guest, start)
{
    // RFC 2544 wants to know the rate itself; here it says no more than what the loads are shares of.
    private const double Resolution = 0.05;
    private const int Attempts = 2;
    private const int MostRepeats = 3;

    // A trial with loss in which the guest stood still, or the switch was kept from its processor, for longer than this says nothing of either.
    private static readonly TimeSpan MostDisturbed = TimeSpan.FromMicroseconds(50);

    private static readonly TimeSpan SearchTrial = TimeSpan.FromSeconds(0.2);
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(0.05);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(0.4);

    // What the switch does in plenty, and in between time for its compiler, which has the same processor.
    private static readonly (double Rate, TimeSpan Duration)[] WarmUps =
    [
        (50_000, TimeSpan.FromSeconds(0.5)),
        (double.PositiveInfinity, TimeSpan.FromSeconds(0.7)),
        (1000, TimeSpan.FromSeconds(0.7)),
        (double.PositiveInfinity, TimeSpan.FromSeconds(0.5)),
        (1000, TimeSpan.FromSeconds(0.4)),
    ];

    // A switch and its guest; trials until a rate is found, each with what it takes until all is back.
    private const double StartSeconds = 1.5;
    private const double SearchTrials = 10;
    private const double TrialOverheadSeconds = 0.15;

    /// <summary>About how long it takes until the first turn, of a benchmark whose turns have so many seconds.</summary>
    /// <param name="searches">Whether the rate without loss is searched for.</param>
    public static double ExpectedSetUp(double seconds, bool searches)
    {
        double share = Math.Min(1, 2 * seconds);
        return StartSeconds + (share * WarmUps.Sum(phase => (phase.Duration + Pause).TotalSeconds))
            + (searches ? SearchTrials * ((share * SearchTrial.TotalSeconds) + TrialOverheadSeconds) : 0);
    }

    /// <summary>Packets a second.</summary>
    public double LosslessRate { get; private set; }

    // A short run, which is to show that it works, warms up and searches for a short while.
    private double Share => Math.Min(1, options.Seconds * 2);

    /// <summary>Finds the highest rate at which no more is lost than is tolerated.</summary>
    public void FindLosslessRate(CancellationToken cancellation)
    {
        Resume();
        LatencyTrial unlimited = Run(double.PositiveInfinity, SearchTrial * Share, cancellation);
        // A sender without a rate is held back by the full ring. The highest even rate is lower.
        LatencyTrial? best = new RateSearch(options.Tolerance, Resolution, Attempts).Find(Try(unlimited.OfferedPerSecond), Try);
        Rest();
        LosslessRate = best?.OfferedPerSecond ?? throw new CompareException($"{Name} loses packets at any rate");

        LatencyTrial Try(double rate)
        {
            LatencyTrial trial;
            int repeats = 0;
            do
            {
                trial = Run(rate, SearchTrial * Share, cancellation);
            }
            while (trial.LossShare > options.Tolerance && trial.StoodStill + trial.SwitchWaited > MostDisturbed && ++repeats <= MostRepeats);
            return trial;
        }
    }

    /// <summary>One turn under a load.</summary>
    public void Measure(LatencyLoad load, double fullRate, CancellationToken cancellation) => Measure(() =>
    {
        double rate = load.RateOf(fullRate);
        _ = Testbed.Run(Switch, rate, Settling, cancellation); // what waited while it stood still is gone
        var watch = new MachineWatch(Switch.ProcessId);
        LatencyTrial trial = Run(rate, TimeSpan.FromSeconds(options.Seconds), cancellation);
        cancellation.ThrowIfCancellationRequested();
        Interference interference = watch.ReadProcesses();
        double guestShare = trial.Elapsed / (trial.Elapsed + trial.StoodStill);
        return new LatencyRound(load, trial, interference with { Share = Math.Min(interference.Share ?? 1, guestShare) });
    });

    protected override void WarmUp(CancellationToken cancellation)
    {
        Testbed.Meet(cancellation);
        WaitForPackets(cancellation);
        foreach ((double rate, TimeSpan duration) in WarmUps)
        {
            _ = Testbed.Run(Switch, rate, duration * Share, cancellation);
            cancellation.Wait(Pause * Share);
        }
    }

    /// <summary>A switch may still make memory for its ports when it has accepted them.</summary>
    private void WaitForPackets(CancellationToken cancellation)
    {
        long began = Stopwatch.GetTimestamp();
        while (Testbed.Run(Switch, 1000, Settling, cancellation).Received == 0)
        {
            if (Stopwatch.GetElapsedTime(began) > Patience)
            {
                throw new CompareException($"{Name} delivers nothing");
            }
            cancellation.Wait(Pause);
        }
    }

    private LatencyTrial Run(double rate, TimeSpan duration, CancellationToken cancellation)
    {
        using RealTimeThreads? ahead = options.RealTime ? new(Environment.ProcessId, Switch.ProcessId) : null;
        return Testbed.Run(Switch, rate, duration, cancellation);
    }
}
