using Softswitch.Bench.Io;
using Softswitch.Datapath.Flows;
using Softswitch.Lab.Measures;

namespace Softswitch.Bench.Vhost;

/// <summary>One turn of a switch.</summary>
/// <param name="Guest">What the guest counted meanwhile.</param>
/// <param name="BusyShare">Of the time, how much the switch was at work on packets.</param>
/// <param name="CyclesPerPacket">That work, in cycles of the clock the processor is said to have, for each packet that came back.</param>
/// <param name="Disturbance">Of guest and switch.</param>
internal readonly record struct VhostRound(TestPmdCounts Guest, double BusyShare, double CyclesPerPacket, Disturbance Disturbance)
{
    public double Mpps => Guest.ReceivedPerSecond / 1e6;

    /// <summary>Of what the guest had to send, how much its rings had no room for: near 0, the guest is the limit.</summary>
    public double RefusedShare => Guest.Refused / Math.Max(1.0, Guest.Refused + Guest.Sent);

    /// <summary>Of what the switch took, how much did not come back.</summary>
    public double LostShare => Math.Max(0, (Guest.Sent - Guest.Received) / Math.Max(1.0, Guest.Sent));
}

/// <summary>One switch and its guest, and the rounds measured of them. Both stand still but while they are measured.</summary>
/// <param name="Name">As a key of results.</param>
internal sealed record VhostSide(string Name, TestPmd Guest, IoSwitch Switch) : IDisposable
{
    // After each run our compiler, which shares the switch's only processor, compiles what it has seen.
    private const int WarmUps = 4;
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(0.7);
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(0.4);

    // What was under way when it was stopped.
    private static readonly TimeSpan Settling = TimeSpan.FromMilliseconds(100);

    public List<VhostRound> Rounds { get; } = [];

    /// <summary>About how long <see cref="Prepare"/> takes, of a benchmark whose rounds have so many seconds.</summary>
    public static double ExpectedWarmUp(double seconds) => WarmUps * (WarmUp + Pause).TotalSeconds * Math.Min(1, seconds);

    public double Median(Func<VhostRound, double> figure) => Statistic.Median([.. Rounds.Select(figure)]);

    /// <summary>Fills the table and lets packets go round until all is warm; it stands still then.</summary>
    /// <param name="share">Of the usual time: a short run, which is to show that it works, warms up for a short while.</param>
    public void Prepare(VhostCase row, double share, CancellationToken cancellation)
    {
        foreach ((FlowMatch match, ushort output) in row.EntriesBetween(IoSwitch.Input, IoSwitch.Output))
        {
            Switch.Client.Send(new FlowMod { Match = match, Priority = 0x8000, Actions = (FlowAction[])[FlowAction.Output(output)] });
        }
        if (Switch.Client.Barrier() > 0)
        {
            throw new CompareException($"{Name} answers a flow-mod with {Switch.Client.Errors[0].Error.Name}");
        }
        Guest.Begin();
        for (int i = 0; i < WarmUps; i++)
        {
            cancellation.Wait(WarmUp * share);
            Guest.Rest();
            cancellation.Wait(Pause * share);
            Guest.Resume();
        }
        Rest();
    }

    /// <param name="realTime">Whether guest and switch run ahead of everything else meanwhile.</param>
    public void Measure(TimeSpan duration, bool realTime, CancellationToken cancellation)
    {
        Switch.Resume();
        Guest.Resume();
        TimeSpan busyBefore, clockBefore, busy, clock;
        TestPmdCounts counts;
        Disturbance disturbance;
        using (RealTimeThreads? ahead = realTime ? new(Environment.ProcessId, Guest.ProcessId, Switch.ProcessId) : null)
        {
            cancellation.Wait(Settling);
            Guest.Read();
            (busyBefore, clockBefore) = Switch.ReadBusyTime();
            var watch = new MachineWatch(Switch.ProcessId, Guest.ProcessId);
            cancellation.Wait(duration);
            disturbance = watch.ReadProcesses();
            (busy, clock) = Switch.ReadBusyTime();
            counts = Guest.Read();
        }
        Rest();
        double share = (busy - busyBefore) / (clock - clockBefore);
        if (counts.Received == 0)
        {
            throw new CompareException($"{Name} delivered nothing");
        }
        Rounds.Add(new VhostRound(counts, share, share * Machine.Gigahertz * 1e9 / counts.ReceivedPerSecond, disturbance));
    }

    public void Dispose()
    {
        Guest.Dispose();
        Switch.Dispose();
    }

    private void Rest()
    {
        Guest.Rest();
        Switch.Rest();
    }
}
