using Softswitch.Bench.Sides;
using Softswitch.Lab.Measures;

namespace Softswitch.Bench.Vhost;

/// <summary>One turn of a switch.</summary>
/// <param name="Guest">What the guest counted meanwhile.</param>
/// <param name="BusyShare">Of the time, how much the switch was at work on packets.</param>
/// <param name="CyclesPerPacket">That work, in cycles of the clock the processor is said to have, for each packet that came back.</param>
/// <param name="Interference">Of guest and switch.</param>
internal readonly record struct VhostRound(TestPmdCounts Guest, double BusyShare, double CyclesPerPacket, Interference Interference) : IBenchRound
{
    public double Mpps => Guest.ReceivedPerSecond / 1e6;

    /// <summary>Of what the guest had to send, how much its rings had no room for: near 0, the guest is the limit.</summary>
    public double RefusedShare => Guest.Refused / Math.Max(1.0, Guest.Refused + Guest.Sent);

    /// <summary>Of what the switch took, how much did not come back.</summary>
    public double LostShare => Math.Max(0, (Guest.Sent - Guest.Received) / Math.Max(1.0, Guest.Sent));
}

/// <summary>One switch and its guest.</summary>
internal sealed class VhostSide(string name, TestPmd guest, Func<TestPmd, IoSwitch> start, VhostOptions options)
    : SwitchSide<TestPmd, VhostRound>(name, guest, start)
{
    // After each run our compiler, which shares the switch's only processor, compiles what it has seen.
    private const int WarmUps = 4;
    private static readonly TimeSpan WarmUpTime = TimeSpan.FromSeconds(0.7);
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(0.4);

    // Packets that were under way when it was stopped.
    private static readonly TimeSpan Settling = TimeSpan.FromMilliseconds(100);

    /// <summary>About how long it takes to warm up, of a benchmark whose rounds have so many seconds.</summary>
    public static double ExpectedWarmUp(double seconds) => WarmUps * (WarmUpTime + Pause).TotalSeconds * Math.Min(1, seconds);

    public void Measure(CancellationToken cancellation) => Measure(() =>
    {
        using RealTimeThreads? ahead = options.RealTime ? new(Environment.ProcessId, Testbed.ProcessId, Switch.ProcessId) : null;
        cancellation.Wait(Settling);
        Testbed.Read();
        (TimeSpan busyBefore, TimeSpan clockBefore) = Switch.ReadBusyTime();
        var watch = new MachineWatch(Switch.ProcessId, Testbed.ProcessId);
        cancellation.Wait(TimeSpan.FromSeconds(options.Seconds));
        Interference interference = watch.ReadProcesses();
        (TimeSpan busy, TimeSpan clock) = Switch.ReadBusyTime();
        TestPmdCounts counts = Testbed.Read();
        double share = (busy - busyBefore) / (clock - clockBefore);
        return counts.Received == 0
            ? throw new CompareException($"{Name} delivered nothing")
            : new VhostRound(counts, share, share * Machine.Gigahertz * 1e9 / counts.ReceivedPerSecond, interference);
    });

    protected override void WarmUp(CancellationToken cancellation)
    {
        double share = Math.Min(1, options.Seconds); // a short run, which is to show that it works, warms up for a short while
        Testbed.Begin();
        for (int i = 0; i < WarmUps; i++)
        {
            cancellation.Wait(WarmUpTime * share);
            Testbed.Rest();
            cancellation.Wait(Pause * share);
            Testbed.Resume();
        }
    }

    protected override void Rest()
    {
        Testbed.Rest();
        base.Rest();
    }

    protected override void Resume()
    {
        base.Resume();
        Testbed.Resume();
    }
}
