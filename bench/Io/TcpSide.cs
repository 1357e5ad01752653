using Softswitch.Bench.Sides;
using Softswitch.Lab.Linux;
using Softswitch.Lab.Measures;
using Softswitch.Ports.Linux;

namespace Softswitch.Bench.Io;

/// <summary>One stream through a switch.</summary>
/// <param name="BytesPerPacket">Of what arrives at port 1: whether segments are whole.</param>
/// <param name="CpuShare">Of a core.</param>
internal sealed record TcpRound(TcpStreamRate Stream, double BytesPerPacket, double CpuShare, Interference Interference) : IBenchRound
{
    public double Gigabits => Stream.BitsPerSecond / 1e9;
}

/// <summary>One switch between its hosts.</summary>
internal sealed class TcpSide(string name, ITcpTestbed testbed, Func<ITcpTestbed, IoSwitch> start)
    : SwitchSide<ITcpTestbed, TcpRound>(name, testbed, start)
{
    // After each stream our compiler, which has the switch's only processor to itself then, compiles what it has seen.
    private const int WarmUps = 3;
    private static readonly TimeSpan WarmUpTime = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    // Of a stream, besides its own time: iperf3's two ends start and end.
    private const double StreamOverheadSeconds = 0.3;

    /// <summary>About how long a side takes to warm up and to be measured.</summary>
    public static double ExpectedSeconds(int rounds, double seconds) =>
        (WarmUps * (WarmUpTime.TotalSeconds + StreamOverheadSeconds + Pause.TotalSeconds)) + (rounds * (Math.Max(1, Math.Ceiling(seconds)) + StreamOverheadSeconds));

    /// <param name="what">What the rows are of, as a key.</param>
    public static BenchRows<(string What, TcpSide Side)> CreateRows(string what) => new(
        new(what, row => row.What, what),
        new("switch", row => row.Side.Name, "switch"),
        new("gigabitsPerSecond", row => Math.Round(row.Side.Median(round => round.Gigabits), 3), "Gbit/s", "0.00"),
        new("pingUs", row => Math.Round(row.Side.Median(round => round.Stream.RoundTrip), 1), "ping µs", "0"),
        new("pingUnderLoadUs", row => Math.Round(row.Side.Median(round => round.Stream.LoadedRoundTrip), 1), "beside the stream", "0"),
        new("bytesPerPacket", row => Math.Round(row.Side.Median(round => round.BytesPerPacket)), "bytes a packet", "0"),
        new("cpuShare", row => Math.Round(row.Side.Median(round => round.CpuShare), 3), "share of a core", "0.00"),
        new("rounds", row => row.Side.Each(round => round.Gigabits, 3)));

    public void Measure(TimeSpan duration, CancellationToken cancellation) => Measure(() =>
    {
        var watch = new MachineWatch(Switch.ProcessId);
        (ulong Packets, ulong Bytes) before = Switch.ReadInput();
        long cpu = ProcessSchedule.Nanoseconds(Switch.ProcessId);
        long began = KernelClock.Nanoseconds;
        TcpStreamRate stream = Testbed.Measure(duration, cancellation);
        double elapsed = KernelClock.Nanoseconds - began;
        cpu = ProcessSchedule.Nanoseconds(Switch.ProcessId) - cpu;
        Interference interference = watch.ReadProcesses();
        (ulong Packets, ulong Bytes) after = Switch.ReadInput();
        double packets = after.Packets - before.Packets;
        return new TcpRound(stream, packets > 0 ? (after.Bytes - before.Bytes) / packets : 0, cpu / elapsed, interference);
    });

    protected override void WarmUp(CancellationToken cancellation)
    {
        Testbed.Begin(Switch, cancellation);
        for (int i = 0; i < WarmUps; i++)
        {
            _ = Testbed.Measure(WarmUpTime, cancellation);
            cancellation.WaitHandle.WaitOne(Pause);
        }
    }
}
