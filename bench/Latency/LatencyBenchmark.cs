using System.Globalization;
using System.Text.Json.Nodes;
using Softswitch.Bench.Compare;
using Softswitch.Bench.Io;
using Softswitch.Bench.Vhost;
using Softswitch.Hosting.Configuration;
using Softswitch.Lab;
using Softswitch.Lab.Measures;
using Softswitch.OfAgent.Client;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Processes;

namespace Softswitch.Bench.Latency;

/// <summary>What <c>bench latency</c> measures.</summary>
internal sealed record LatencyOptions : IBenchOptions
{
    public IReadOnlyList<VhostCase> Rows { get; init; } = VhostCase.Select("inport");

    /// <summary>Of each switch under each load, in each round.</summary>
    public double Seconds { get; init; } = 0.5;

    public int Rounds { get; init; } = 5;

    /// <summary>Packets a second that are 100 %; null for the lowest of the switches' lossless rates.</summary>
    public double? FullRate { get; init; }

    /// <summary>The share of loss that counts as none.</summary>
    public double Tolerance { get; init; } = 0.001;

    /// <summary>Whether guests, and Open vSwitch, have their memory in huge pages.</summary>
    public bool HugePages { get; init; } = true;

    /// <summary>Whether guest and switch run ahead of everything else while they are measured.</summary>
    public bool RealTime { get; init; }

    /// <summary>Measured in turns with ours; null for ours alone.</summary>
    public OvsInstallation? OpenVSwitch { get; init; }

    public BenchPlan Plan
    {
        get
        {
            int sides = OpenVSwitch == null ? 2 : 3; // ours sleeps, and spins
            double side = LatencySide.ExpectedSetUp(Seconds, FullRate == null) + (Rounds * LatencyLoad.All.Count * (Seconds + TurnOverheadSeconds));
            return new BenchPlan(
                $"latencies through vhost-user ports{(OpenVSwitch == null ? string.Empty : ", beside Open vSwitch with DPDK")}; "
                    + $"rows: {Rows.Count}, loads: {LatencyLoad.All.Count}, rounds of each: {Rounds}",
                Rows.Count * sides * side, "longer where others take the processors, as trials are repeated")
            {
                TidiesUp = true,
            };
        }
    }

    // Until what waited in a switch that stood still is gone, and the last packet is back.
    private const double TurnOverheadSeconds = 0.15;
}

/// <summary>How long packets take from one card of a guest through a switch to another: this switch, sleeping and spinning, and Open vSwitch with DPDK in turns.</summary>
/// <remarks>
/// <code>
/// processor 0: the guest                      the last processor: the switch
/// stamped > transmit ring of card 1  - port 1 | port 2 >  receive ring of card 2 > seen
/// </code>
/// Each switch has a guest of its own, and both stand still while another is measured. All are offered the same.
/// </remarks>
internal static class LatencyBenchmark
{
    // Fewer packets do not tell what one in ten thousand takes.
    private const int LeastForRarest = 10_000;

    /// <param name="cancellation">Ends it early, with the loads measured until then; all that was started is ended by then.</param>
    /// <exception cref="OptionException">It cannot be measured here, and why.</exception>
    public static BenchResult Run(LatencyOptions options, Action<string> progress, CancellationToken cancellation)
    {
        (int guest, int device) = IoBenchmark.Processors();
        var result = new BenchResult("latency");
        var rows = new JsonArray();
        var table = new TextTable("row", "load", "Mpps", "switch", "p50 µs", "p99", "p99.99", "longest", "lost %");
        using ReservedHugePages? pages = options.HugePages ? VhostBenchmark.Reserve(MemoryMiB(options)) : null;
        foreach (VhostCase row in options.Rows.TakeWhile(_ => !cancellation.IsCancellationRequested))
        {
            List<LatencySide> sides = [];
            void Say(string text) => progress($"{row.Name}: {text}");
            try
            {
                cancellation.Attempt(() =>
                {
                    Start(sides, row, options, Say, guest, device, cancellation);
                    double full = FindFullRate(sides, options, Say, cancellation);
                    Measure(sides, full, options, Say, cancellation);
                });
                foreach (LatencyLoad load in LatencyLoad.All)
                {
                    foreach (LatencySide side in sides.Where(side => side.Figures.ContainsKey(load.Name)))
                    {
                        JsonObject json = ToJson(row, load, side);
                        string sign = result.Mark($"{row.Name}, {load.Name}, {side.Name}", json, side.Figures[load.Name].Disturbance);
                        rows.Add(json);
                        AddTo(table, row.Title + sign, load, side);
                    }
                }
            }
            catch (Exception e) when (e is CompareException or TestbedException or OfClientException)
            {
                result.Fail($"{row.Name}: {e.Message}");
            }
            catch (SystemCallException e) when (e.IsRefusal)
            {
                throw new OptionException($"network namespaces are needed ({e.Message}): run it as root", e);
            }
            finally
            {
                sides.ForEach(side => side.Dispose());
            }
        }
        result.Add("rows", rows, table);
        result.Add("tolerance", options.Tolerance, 6);
        result.Add("realTime", options.RealTime);
        result.Add("memory", options.HugePages ? "huge pages" : "--no-huge");
        IoBenchmark.Describe(result, new IoOptions { Seconds = options.Seconds, Rounds = options.Rounds, OpenVSwitch = options.OpenVSwitch });
        return result;
    }

    private static int MemoryMiB(LatencyOptions options)
    {
        const int guest = 2 * (Lab.Machines.PollingCard.MemoryBytes >> 20);
        const int own = 2 * (guest + VhostBenchmark.OwnMemoryMiB); // one that sleeps, one that spins
        return options.OpenVSwitch == null ? own : own + guest + VhostBenchmark.OvsMemoryMiB;
    }

    private static void Start(
        List<LatencySide> sides, VhostCase row, LatencyOptions options, Action<string> progress, int guestProcessor, int processor, CancellationToken cancellation)
    {
        using NetworkNamespace network = NetworkNamespace.Create();
        Add("softswitch", sockets => Own(sockets));
        Add("softswitch spinning", sockets => Own(sockets, "--idle", "spin"));
        if (options.OpenVSwitch is { } installation)
        {
            Add("openVSwitch", sockets => VhostBenchmark.StartOpenVSwitch(installation, sockets, options.HugePages, network, processor, [], cancellation));
        }

        OwnIoSwitch Own(IReadOnlyList<string> sockets, params string[] more) =>
            new($"vhost-user:{sockets[0]}", $"vhost-user:{sockets[1]}", network, processor, cancellation, more);

        void Add(string name, Func<IReadOnlyList<string>, IoSwitch> start)
        {
            progress($"{name} starts and warms up");
            var guest = new LatencyGuest(row, options.HugePages, guestProcessor);
            try
            {
                sides.Add(new LatencySide(name, guest, start(guest.Sockets)));
            }
            catch
            {
                guest.Dispose();
                throw;
            }
            sides[^1].Prepare(row, Math.Min(1, options.Seconds * 2), cancellation);
        }
    }

    private static double FindFullRate(List<LatencySide> sides, LatencyOptions options, Action<string> progress, CancellationToken cancellation)
    {
        if (options.FullRate is double full)
        {
            return full;
        }
        foreach (LatencySide side in sides)
        {
            side.FindLosslessRate(options.Tolerance, Math.Min(1, options.Seconds * 2), options.RealTime, cancellation);
            progress($"{side.Name}: {Format("0.00", side.LosslessRate / 1e6)} Mpps without loss");
        }
        return sides.Min(side => side.LosslessRate);
    }

    private static void Measure(List<LatencySide> sides, double full, LatencyOptions options, Action<string> progress, CancellationToken cancellation)
    {
        for (int round = 0; round < options.Rounds; round++)
        {
            foreach (LatencyLoad load in LatencyLoad.All)
            {
                foreach (LatencySide side in round % 2 == 0 ? sides : Enumerable.Reverse(sides))
                {
                    progress($"round {round + 1} of {options.Rounds}, {load.Name}, {side.Name}");
                    side.Measure(load, full, TimeSpan.FromSeconds(options.Seconds), options.RealTime, cancellation);
                }
            }
        }
    }

    private static JsonObject ToJson(VhostCase row, LatencyLoad load, LatencySide side)
    {
        LatencyFigures figures = side.Figures[load.Name];
        return new JsonObject
        {
            ["row"] = row.Name,
            ["load"] = load.Name,
            ["switch"] = side.Name,
            ["port"] = side.Switch.Description,
            ["losslessMpps"] = side.LosslessRate > 0 ? Math.Round(side.LosslessRate / 1e6, 3) : null,
            ["offeredMpps"] = Math.Round(figures.Offered / figures.Seconds / 1e6, 6),
            ["packets"] = figures.Latencies.Count,
            ["latencyP50Us"] = Quantile(figures, 0.5),
            ["latencyP99Us"] = Quantile(figures, 0.99),
            ["latencyP9999Us"] = Quantile(figures, 0.9999),
            ["latencyMaxUs"] = Math.Round(figures.Latencies.MaxNanoseconds / 1e3, 1),
            ["lost"] = Math.Max(0, figures.Offered - figures.Received),
            ["unsure"] = figures.Unsure,
            ["waitedMilliseconds"] = Math.Round(figures.SwitchWaited.TotalMilliseconds, 2),
        };
    }

    private static void AddTo(TextTable table, string title, LatencyLoad load, LatencySide side)
    {
        LatencyFigures figures = side.Figures[load.Name];
        table.Add(
            title,
            load.Name,
            Format("0.000", figures.Offered / figures.Seconds / 1e6),
            side.Name,
            Text(Quantile(figures, 0.5)),
            Text(Quantile(figures, 0.99)),
            Text(Quantile(figures, 0.9999)),
            Format("0.0", figures.Latencies.MaxNanoseconds / 1e3),
            Format("0.00", 100.0 * Math.Max(0, figures.Offered - figures.Received) / Math.Max(1, figures.Offered)));
    }

    /// <summary>Microseconds; null if there were too few packets to say.</summary>
    private static double? Quantile(LatencyFigures figures, double quantile) =>
        quantile > 0.99 && figures.Latencies.Count < LeastForRarest ? null : Math.Round(figures.Latencies.QuantileMicroseconds(quantile), 2);

    private static string Text(double? microseconds) => microseconds is double known ? Format("0.0", known) : "–";

    private static string Format(string format, double value) => value.ToString(format, CultureInfo.InvariantCulture);
}
