using System.Globalization;
using System.Text.Json.Nodes;
using Softswitch.Bench.Compare;
using Softswitch.Datapath.Ports;
using Softswitch.Lab.Measures;
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

    private readonly List<(double Gigabits, double BytesPerPacket, double CpuShare)> _rounds = [];

    /// <summary>Of <see cref="Cells"/>.</summary>
    public static IReadOnlyList<string> Headings { get; } = ["switch", "Gbit/s", "bytes a packet", "share of a core"];

    public double GigabitsPerSecond => Statistic.Median([.. _rounds.Select(round => round.Gigabits)]);

    /// <summary>Of what arrives at port 1: whether segments are whole.</summary>
    public double BytesPerPacket => Statistic.Median([.. _rounds.Select(round => round.BytesPerPacket)]);

    public double CpuShare => Statistic.Median([.. _rounds.Select(round => round.CpuShare)]);

    public IReadOnlyList<string> Cells => [Name, Format("0.00", GigabitsPerSecond), Format("0", BytesPerPacket), Format("0.00", CpuShare)];

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

    /// <param name="what">What the row is of.</param>
    public JsonObject ToJson((string Key, string Value) what) => new()
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
        PortStatistics before = ReadInput();
        long cpu = ProcessSchedule.Nanoseconds(Switch.ProcessId);
        long began = KernelClock.Nanoseconds;
        double rate = Testbed.Measure(duration, cancellation);
        double elapsed = KernelClock.Nanoseconds - began;
        cpu = ProcessSchedule.Nanoseconds(Switch.ProcessId) - cpu;
        PortStatistics after = ReadInput();
        Switch.Rest();
        double packets = after.ReceivedPackets - before.ReceivedPackets;
        _rounds.Add((rate / 1e9, packets > 0 ? (after.ReceivedBytes - before.ReceivedBytes) / packets : 0, cpu / elapsed));
    }

    private PortStatistics ReadInput() => Switch.Client.TryReadPortStatistics(IoSwitch.Input, out List<PortStatistics> ports) && ports.Count == 1
        ? ports[0]
        : throw new CompareException("no port statistics");

    private static string Format(string format, double value) => value.ToString(format, CultureInfo.InvariantCulture);
}
