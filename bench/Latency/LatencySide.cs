using System.Diagnostics;
using Softswitch.Bench.Io;
using Softswitch.Bench.Vhost;
using Softswitch.Datapath.Flows;
using Softswitch.Lab.Measures;

namespace Softswitch.Bench.Latency;

/// <summary>What came of a side under one load, all rounds together.</summary>
internal sealed class LatencyFigures
{
    private readonly List<Disturbance> _disturbances = [];

    public Histogram Latencies { get; } = new();

    public long Offered { get; private set; }

    public long Received { get; private set; }

    public long Unsure { get; private set; }

    public double Seconds { get; private set; }

    /// <summary>How long the switch had to wait for its processor.</summary>
    public TimeSpan SwitchWaited { get; private set; }

    /// <summary>Of switch and guest.</summary>
    public Disturbance Disturbance => Disturbance.Median(_disturbances);

    public void Add(LatencyTrial trial, Disturbance disturbance)
    {
        _disturbances.Add(disturbance);
        Latencies.Add(trial.Latencies);
        Offered += trial.Offered;
        Received += trial.Received;
        Unsure += trial.Unsure;
        Seconds += trial.Elapsed.TotalSeconds;
        SwitchWaited += trial.SwitchWaited;
    }
}

/// <summary>One switch and its guest. Both stand still but while they are measured.</summary>
/// <param name="Name">As a key of results.</param>
internal sealed record LatencySide(string Name, LatencyGuest Guest, IoSwitch Switch) : IDisposable
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
    private static readonly (double Rate, TimeSpan Duration)[] WarmUp =
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
        return StartSeconds + (share * WarmUp.Sum(phase => (phase.Duration + Pause).TotalSeconds))
            + (searches ? SearchTrials * ((share * SearchTrial.TotalSeconds) + TrialOverheadSeconds) : 0);
    }

    /// <summary>Packets a second.</summary>
    public double LosslessRate { get; private set; }

    public Dictionary<string, LatencyFigures> Figures { get; } = [];

    /// <summary>Gives the switch its cards, fills the table and lets packets pass until all is warm; it stands still then.</summary>
    /// <param name="share">Of the usual time: a short run, which is to show that it works, warms up for a short while.</param>
    public void Prepare(VhostCase row, double share, CancellationToken cancellation)
    {
        Guest.Meet(cancellation);
        foreach ((FlowMatch match, ushort output) in row.EntriesBetween(IoSwitch.Input, IoSwitch.Output))
        {
            Switch.Client.Send(new FlowMod { Match = match, Priority = 0x8000, Actions = (FlowAction[])[FlowAction.Output(output)] });
        }
        if (Switch.Client.Barrier() > 0)
        {
            throw new CompareException($"{Name} answers a flow-mod with {Switch.Client.Errors[0].Error.Name}");
        }
        WaitForPackets(cancellation);
        foreach ((double rate, TimeSpan duration) in WarmUp)
        {
            _ = Guest.Run(Switch, rate, duration * share, cancellation);
            cancellation.Wait(Pause * share);
        }
        Switch.Rest();
    }

    /// <summary>Finds the highest rate at which no more is lost than is tolerated.</summary>
    public void FindLosslessRate(double tolerance, double share, bool realTime, CancellationToken cancellation)
    {
        Switch.Resume();
        LatencyTrial unlimited = Measure(double.PositiveInfinity, SearchTrial * share, realTime, cancellation);
        // The ring holds back who sends as fast as it goes: what can be offered evenly is less.
        LatencyTrial? best = new RateSearch(tolerance, Resolution, Attempts).Find(Try(unlimited.OfferedPerSecond), Try);
        Switch.Rest();
        LosslessRate = best?.OfferedPerSecond ?? throw new CompareException($"{Name} loses packets at any rate");

        LatencyTrial Try(double rate)
        {
            LatencyTrial trial;
            int repeats = 0;
            do
            {
                trial = Measure(rate, SearchTrial * share, realTime, cancellation);
            }
            while (trial.LossShare > tolerance && trial.StoodStill + trial.SwitchWaited > MostDisturbed && ++repeats <= MostRepeats);
            return trial;
        }
    }

    /// <summary>One turn under a load.</summary>
    public void Measure(LatencyLoad load, double fullRate, TimeSpan duration, bool realTime, CancellationToken cancellation)
    {
        double rate = load.RateOf(fullRate);
        Switch.Resume();
        _ = Guest.Run(Switch, rate, Settling, cancellation); // what waited while it stood still is gone
        var watch = new MachineWatch(Switch.ProcessId);
        LatencyTrial trial = Measure(rate, duration, realTime, cancellation);
        cancellation.ThrowIfCancellationRequested();
        Disturbance disturbance = watch.ReadProcesses();
        double guestShare = trial.Elapsed / (trial.Elapsed + trial.StoodStill);
        Switch.Rest();
        if (!Figures.TryGetValue(load.Name, out LatencyFigures? figures))
        {
            Figures[load.Name] = figures = new LatencyFigures();
        }
        figures.Add(trial, disturbance with { Share = Math.Min(disturbance.Share ?? 1, guestShare) });
    }

    public void Dispose()
    {
        Switch.Dispose();
        Guest.Dispose();
    }

    /// <summary>A switch may still make memory for its ports when it has accepted them.</summary>
    private void WaitForPackets(CancellationToken cancellation)
    {
        long began = Stopwatch.GetTimestamp();
        while (Guest.Run(Switch, 1000, Settling, cancellation).Received == 0)
        {
            if (Stopwatch.GetElapsedTime(began) > Patience)
            {
                throw new CompareException($"{Name} delivers nothing");
            }
            cancellation.Wait(Pause);
        }
    }

    private LatencyTrial Measure(double rate, TimeSpan duration, bool realTime, CancellationToken cancellation)
    {
        using RealTimeThreads? ahead = realTime ? new(Environment.ProcessId, Switch.ProcessId) : null;
        return Guest.Run(Switch, rate, duration, cancellation);
    }
}
