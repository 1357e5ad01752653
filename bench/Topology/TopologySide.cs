using System.Diagnostics;
using Softswitch.Bench.Io;
using Softswitch.Bench.Sides;
using Softswitch.Hosting.Configuration;
using Softswitch.Lab;
using Softswitch.Lab.Measures;

namespace Softswitch.Bench.Topology;

/// <summary>One kind of switch. Each round builds everything up and takes it down again.</summary>
/// <param name="prepare">Makes the switches' configuration.</param>
internal sealed class TopologySide(string name, Func<TopologyNetwork, TopologySwitches> prepare) : BenchSide<TopologyRound>(name)
{
    // Hosts' traffic, and a spanning tree's two forward delays.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);
    private static readonly TimeSpan RecoveryPatience = TimeSpan.FromSeconds(180);
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan Settle = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan FirstPacketPatience = TimeSpan.FromSeconds(20);
    private const double WarmUpPacketsPerSecond = 1000;
    private const double MostPacketsPerSecond = 4e6;

    public override void Dispose()
    {
        // What a round builds up goes with it.
    }

    /// <summary>About how long the part of a round takes that is rest and traffic.</summary>
    public static double ExpectedTraffic(double seconds) => (2 * seconds) + WarmUp.TotalSeconds + Math.Ceiling(seconds) + seconds + 2;

    /// <param name="fail">Takes what could not be measured, with 0 in its place.</param>
    /// <exception cref="CompareException">It cannot be measured, and why.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public void Measure(TopologyOptions options, Action<string> progress, Action<string> fail, CancellationToken cancellation)
    {
        var round = new TopologyRound();
        using var network = new TopologyNetwork(options.Shape, options.Links, cancellation);
        using var pings = new TopologyPings(network.Hosts);
        using TopologySwitches switches = prepare(network);
        progress("starts");
        long began = Stopwatch.GetTimestamp();
        switches.Start();
        while (network.ConnectedSwitches < options.Shape.Switches)
        {
            Check($"{network.ConnectedSwitches} of {options.Shape.Switches} have connected", began, Patience);
            cancellation.WaitHandle.WaitOne(Poll);
        }
        round.ConnectedSeconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        round.ConnectedMiB = switches.ReadResidentMiB();

        progress("pings");
        Answered(TopologyPings.Pairs(network.Hosts.Count), Patience);
        round.PingAllSeconds = Stopwatch.GetElapsedTime(began).TotalSeconds;

        progress("rests");
        TimeSpan cpu = switches.ReadCpuTime();
        long resting = Stopwatch.GetTimestamp();
        MachineWatch watch = switches.Watch();
        cancellation.Wait(TimeSpan.FromSeconds(2 * options.Seconds));
        round.Interference = watch.ReadMachine(); // the rest of the round leaves no processor idle by itself
        round.IdleCpuPercent = 100 * (switches.ReadCpuTime() - cpu) / Stopwatch.GetElapsedTime(resting);

        progress("TCP");
        TimeSpan duration = TimeSpan.FromSeconds(options.Seconds);
        try
        {
            _ = TcpRate.Measure(network.Hosts[0], network.Hosts[1], WarmUp, cancellation);
            round.GigabitsPerSecond = TcpRate.Measure(network.Hosts[0], network.Hosts[1], duration, cancellation) / 1e9;
        }
        catch (CompareException e) when (!cancellation.Explains(e))
        {
            fail($"{Name}: {e.Message}");
        }
        progress("packets");
        network.AcceptGenerator();
        round.KiloPacketsPerSecond = MeasurePackets(network.Hosts[0], network.Hosts[1], duration, cancellation) / 1e3;
        round.ResidentMiB = switches.ReadResidentMiB();
        if (options.Shape.HasLoop)
        {
            progress("recovers");
            Answered([(0, 1)], Patience);
            long cut = Stopwatch.GetTimestamp();
            network.Cut(0);
            Answered([(0, 1), (1, 0)], RecoveryPatience);
            round.RecoverySeconds = Stopwatch.GetElapsedTime(cut).TotalSeconds;
        }
        Check("all is done", Stopwatch.GetTimestamp(), Patience); // whether they still run
        Rounds.Add(round);

        void Answered(IReadOnlyList<(int From, int To)> pairs, TimeSpan patience)
        {
            long since = Stopwatch.GetTimestamp();
            int missing = pings.Run(pairs, () => cancellation.IsCancellationRequested || switches.FindFailure() != null || Stopwatch.GetElapsedTime(since) > patience);
            if (missing > 0)
            {
                Check($"{missing} of {pairs.Count} pings are not answered", since, patience);
            }
        }

        void Check(string how, long since, TimeSpan patience)
        {
            cancellation.ThrowIfCancellationRequested();
            if (switches.FindFailure() is { } failure)
            {
                throw new OptionException($"{Name}: {failure}");
            }
            if (Stopwatch.GetElapsedTime(since) > patience)
            {
                throw new CompareException($"{Name}: {how} after {patience.TotalSeconds} s");
            }
        }
    }

    /// <summary>Packets a second that arrive, of frames of the least length as fast as one processor makes them.</summary>
    private static double MeasurePackets(LabHost from, LabHost to, TimeSpan duration, CancellationToken cancellation)
    {
        using var traffic = new FrameTraffic(
            new(from.Network, from.CurrentInterface), new(to.Network, to.CurrentInterface), MeasuredFrame.MinLength, flows: 1,
            (long)(MostPacketsPerSecond * duration.TotalSeconds));
        // The first ask for the controller's advice, at each switch.
        traffic.Begin();
        long began = Stopwatch.GetTimestamp();
        do
        {
            traffic.Send(WarmUpPacketsPerSecond, Settle, cancellation);
        }
        while (traffic.Counts.Delivered == 0 && Stopwatch.GetElapsedTime(began) < FirstPacketPatience && !cancellation.IsCancellationRequested);
        traffic.Begin();
        GeneratorRun sent = traffic.Send(double.PositiveInfinity, duration, cancellation).Sent;
        double rate = traffic.Counts.Delivered / sent.Elapsed.TotalSeconds;
        cancellation.WaitHandle.WaitOne(Settle); // until rings are empty again
        return rate;
    }
}
