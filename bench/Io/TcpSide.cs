using System.Globalization;
using System.Text.Json.Nodes;
using Softswitch.Datapath.Ports;
using Softswitch.Lab.Linux;
using Softswitch.Lab.Measures;
using Softswitch.OfAgent.Client;
using Softswitch.Ports.Linux;

namespace Softswitch.Bench.Io;

/// <summary>One switch between its hosts, and what was measured of it. It stands still while it is not measured.</summary>
/// <param name="Name">As a key of results.</param>
internal sealed record TcpSide(string Name, ITcpTestbed Testbed, IoSwitch Switch) : IDisposable
{
    // After each stream our compiler, which has the switch's only processor to itself then, compiles what it has seen.
    private const int WarmUps = 3;
    private static readonly TimeSpan WarmUpTime = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    // Of a stream, besides its own time: iperf3's two ends start and end.
    private const double StreamOverheadSeconds = 0.3;

    private readonly List<TcpRound> _rounds = [];

    /// <summary>Of <see cref="Cells"/>.</summary>
    public static IReadOnlyList<string> Headings { get; } = ["switch", "Gbit/s", "bytes a packet", "share of a core"];

    public double GigabitsPerSecond => Statistic.Median([.. _rounds.Select(round => round.Gigabits)]);

    /// <summary>Of what arrives at port 1: whether segments are whole.</summary>
    public double BytesPerPacket => Statistic.Median([.. _rounds.Select(round => round.BytesPerPacket)]);

    public double CpuShare => Statistic.Median([.. _rounds.Select(round => round.CpuShare)]);

    /// <summary>Whether a round came to its end.</summary>
    public bool IsMeasured => _rounds.Count > 0;

    private IReadOnlyList<string> Cells => [Name, Format("0.00", GigabitsPerSecond), Format("0", BytesPerPacket), Format("0.00", CpuShare)];

    /// <summary>About how long a side takes to warm up and to be measured.</summary>
    public static double ExpectedSeconds(int rounds, double seconds) =>
        (WarmUps * (WarmUpTime.TotalSeconds + StreamOverheadSeconds + Pause.TotalSeconds)) + (rounds * (Math.Max(1, Math.Ceiling(seconds)) + StreamOverheadSeconds));

    /// <summary>Adds a row for each side that was measured.</summary>
    /// <param name="what">What the rows are of.</param>
    public static void Report(BenchResult result, IReadOnlyList<TcpSide> sides, (string Key, string Value) what, JsonArray rows, TextTable table)
    {
        foreach (TcpSide side in sides.Where(side => side.IsMeasured))
        {
            JsonObject row = side.ToJson(what);
            string sign = result.Mark($"{what.Value}, {side.Name}", row, Disturbance.Median([.. side._rounds.Select(round => round.Disturbance)]));
            rows.Add(row);
            table.Add([what.Value + sign, .. side.Cells]);
        }
    }

    /// <summary>Measures sides in turns.</summary>
    public static void Measure(IReadOnlyList<TcpSide> sides, int rounds, TimeSpan duration, Action<string> progress, CancellationToken cancellation)
    {
        for (int round = 0; round < rounds; round++)
        {
            foreach (TcpSide side in round % 2 == 0 ? sides : sides.Reverse())
            {
                progress($"round {round + 1} of {rounds}, {side.Name}");
                side.Measure(duration, cancellation);
            }
        }
    }

    /// <summary>Ours by theirs; a round's two halves are neighbours in time.</summary>
    public static double Ratio(TcpSide ours, TcpSide theirs) =>
        Math.Round(Statistic.Median([.. ours._rounds.Zip(theirs._rounds, (a, b) => b.Gigabits > 0 ? a.Gigabits / b.Gigabits : 0)]), 2);

    public void WarmUp(CancellationToken cancellation)
    {
        for (int i = 0; i < WarmUps; i++)
        {
            _ = Testbed.Measure(WarmUpTime, cancellation);
            cancellation.WaitHandle.WaitOne(Pause);
        }
        Switch.Rest();
    }

    private JsonObject ToJson((string Key, string Value) what) => new()
    {
        [what.Key] = what.Value,
        ["switch"] = Name,
        ["gigabitsPerSecond"] = Math.Round(GigabitsPerSecond, 3),
        ["bytesPerPacket"] = Math.Round(BytesPerPacket),
        ["cpuShare"] = Math.Round(CpuShare, 3),
        ["rounds"] = new JsonArray([.. _rounds.Select(round => (JsonNode)Math.Round(round.Gigabits, 3))]),
    };

    public void Dispose()
    {
        Switch.Dispose();
        Testbed.Dispose();
    }

    private void Measure(TimeSpan duration, CancellationToken cancellation)
    {
        Switch.Resume();
        var watch = new MachineWatch(Switch.ProcessId);
        PortStatistics before = ReadInput();
        long cpu = ProcessSchedule.Nanoseconds(Switch.ProcessId);
        long began = KernelClock.Nanoseconds;
        double rate = Testbed.Measure(duration, cancellation);
        double elapsed = KernelClock.Nanoseconds - began;
        cpu = ProcessSchedule.Nanoseconds(Switch.ProcessId) - cpu;
        Disturbance disturbance = watch.ReadProcesses();
        PortStatistics after = ReadInput();
        Switch.Rest();
        double packets = after.ReceivedPackets - before.ReceivedPackets;
        _rounds.Add(new(rate / 1e9, packets > 0 ? (after.ReceivedBytes - before.ReceivedBytes) / packets : 0, cpu / elapsed, disturbance));
    }

    private PortStatistics ReadInput()
    {
        Switch.Return();
        return Switch.Client.TryReadPortStatistics(IoSwitch.Input, out List<PortStatistics> ports) && ports.Count == 1
            ? ports[0]
            : throw new CompareException("no port statistics");
    }

    private static string Format(string format, double value) => value.ToString(format, CultureInfo.InvariantCulture);

    private readonly record struct TcpRound(double Gigabits, double BytesPerPacket, double CpuShare, Disturbance Disturbance);
}
