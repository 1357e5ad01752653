using System.Globalization;
using System.Text.Json.Nodes;
using Softswitch.Bench.Compare;
using Softswitch.Bench.Io;
using Softswitch.Hosting.Configuration;
using Softswitch.Lab.Measures;
using Softswitch.OfAgent.Client;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Processes;

namespace Softswitch.Bench.Vhost;

/// <summary>What <c>bench vhost</c> measures.</summary>
internal sealed record VhostOptions : IBenchOptions
{
    public IReadOnlyList<VhostCase> Rows { get; init; } = VhostCase.All;

    /// <summary>Of each switch, in each round.</summary>
    public double Seconds { get; init; } = 1;

    public int Rounds { get; init; } = 5;

    /// <summary>Whether guests, and Open vSwitch, have their memory in huge pages.</summary>
    public bool HugePages { get; init; } = true;

    /// <summary>Whether guest and switch run ahead of everything else while they are measured.</summary>
    public bool RealTime { get; init; }

    /// <summary>Whether a TCP stream between two virtual machines is measured in place of testpmd's packets.</summary>
    public bool Tcp { get; init; }

    /// <summary>Measured in turns with ours; null for ours alone.</summary>
    public OvsInstallation? OpenVSwitch { get; init; }

    public BenchPlan Plan
    {
        get
        {
            int sides = OpenVSwitch == null ? 1 : 2;
            string beside = OpenVSwitch == null ? string.Empty : ", beside Open vSwitch with DPDK";
            return Tcp
                ? new BenchPlan(
                    $"a TCP stream between two virtual machines{beside}, rounds: {Rounds}",
                    sides * ((2 * BootSeconds) + TcpSide.ExpectedSeconds(Rounds, Seconds)), "by a minute or two where guests are emulated (no KVM)")
                {
                    TidiesUp = true,
                }
                : new BenchPlan(
                    $"packets of testpmd{beside}; rows: {Rows.Count}, rounds of each: {Rounds}",
                    sides * Rows.Count * (StartSeconds + VhostSide.ExpectedWarmUp(Seconds) + (Rounds * (Seconds + RoundOverheadSeconds))))
                {
                    TidiesUp = true,
                };
        }
    }

    // A guest's kernel and what stands in for its user space; testpmd and a switch; readings before and after a round.
    private const double BootSeconds = 5;
    private const double StartSeconds = 2.5;
    private const double RoundOverheadSeconds = 0.2;
}

/// <summary>Packets between two vhost-user ports whose guest is testpmd: this switch, and Open vSwitch with DPDK in turns.</summary>
/// <remarks>
/// <code>
/// processor 0: testpmd                        the last processor: the switch
/// flowgen > transmit ring of card 1  - port 1 | port 2 >  receive ring of card 2 > counted
/// flowgen > transmit ring of card 2  - port 2 | port 1 >  receive ring of card 1 > counted
/// </code>
/// Each switch has a guest of its own, and both stand still while another is measured.
/// </remarks>
internal static class VhostBenchmark
{
    /// <summary>MiB that DPDK reserves for Open vSwitch: it makes as many mbufs as fit.</summary>
    public const int OvsMemoryMiB = 512;

    /// <summary>Of this switch's frames and what the kernel needs to round up.</summary>
    public const int OwnMemoryMiB = 64;

    /// <param name="cancellation">Ends it early, with the rounds measured until then; all that was started is ended by then.</param>
    /// <exception cref="OptionException">It cannot be measured here, and why.</exception>
    public static BenchResult Run(VhostOptions options, Action<string> progress, CancellationToken cancellation)
    {
        (int guest, int device) = IoBenchmark.Processors();
        var result = new BenchResult("vhost");
        var rows = new JsonArray();
        var table = new TextTable("row", "switch", "Mpps", "lost %", "refused %", "busy %", "cycles/packet");
        var ratios = new JsonArray();
        var ratioTable = new TextTable("ours by theirs", "Mpps", "cycles/packet");
        using ReservedHugePages? pages = Reserve(options);
        foreach (VhostCase row in options.Rows.TakeWhile(_ => !cancellation.IsCancellationRequested))
        {
            List<VhostSide> sides = [];
            try
            {
                cancellation.Attempt(() =>
                {
                    Start(sides, row, options, text => progress($"{row.Name}: {text}"), guest, device, cancellation);
                    Measure(sides, options, text => progress($"{row.Name}: {text}"), cancellation);
                });
                foreach (VhostSide side in sides.Where(side => side.Rounds.Count > 0))
                {
                    JsonObject json = ToJson(row, side);
                    string sign = result.Mark($"{row.Name}, {side.Name}", json, Disturbance.Median([.. side.Rounds.Select(round => round.Disturbance)]));
                    rows.Add(json);
                    AddTo(table, row.Title + sign, side);
                }
                if (sides.Count > 1 && sides.TrueForAll(side => side.Rounds.Count > 0))
                {
                    JsonObject ratio = Compare(row, sides[0], sides[1]);
                    ratioTable.Add([.. ratio.Select(part => $"{part.Value}")]);
                    ratios.Add(ratio);
                }
            }
            catch (Exception e) when (e is CompareException or OfClientException)
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
        if (ratios.Count > 0)
        {
            result.Add("ratios", ratios, ratioTable);
        }
        result.Add("realTime", options.RealTime);
        result.Add("memory", options.HugePages ? "huge pages" : "--no-huge");
        Describe(result, options);
        return result;
    }

    /// <summary>How it was measured, and where.</summary>
    public static void Describe(BenchResult result, VhostOptions options) =>
        IoBenchmark.Describe(result, new IoOptions { Seconds = options.Seconds, Rounds = options.Rounds, OpenVSwitch = options.OpenVSwitch });

    /// <summary>Open vSwitch with two vhost-user ports.</summary>
    /// <param name="sockets">Where the guests' cards listen.</param>
    /// <param name="processor">The only one its threads may use.</param>
    /// <param name="settings"><c>other_config</c> beside what DPDK needs, as KEY=VALUE.</param>
    public static IoSwitch StartOpenVSwitch(
        OvsInstallation installation, IReadOnlyList<string> sockets, bool hugePages, NetworkNamespace network, int processor, IEnumerable<string> settings,
        CancellationToken cancellation)
    {
        // Without huge pages each mbuf takes a page, and DPDK finds no place for the 262,144 that ports share by default ("No buffer space available").
        string[] memory = [.. OvsDaemons.DpdkSettings(OvsMemoryMiB, hugePages, [processor]), .. hugePages ? (string[])[] : ["per-port-memory=true"]];
        return new OvsIoSwitch(
            installation, "dpdkvhostuserclient", Port(0), Port(1), network, processor,
            [$"pmd-cpu-mask={OvsDaemons.Mask([processor])}", .. memory, .. settings], cancellation);

        string[] Port(int index) => [$"vhost{index.ToString(CultureInfo.InvariantCulture)}", $"options:vhost-server-path={sockets[index]}"];
    }

    /// <summary>Huge pages for everything that uses them; null if nothing does.</summary>
    /// <exception cref="OptionException">There are too few.</exception>
    public static ReservedHugePages? Reserve(VhostOptions options)
    {
        int sides = options.OpenVSwitch == null ? 1 : 2;
        return options.HugePages ? Reserve((sides * TestPmd.MemoryMiB) + OwnMemoryMiB + (sides > 1 ? OvsMemoryMiB : 0)) : null;
    }

    /// <summary>So much of huge pages.</summary>
    /// <exception cref="OptionException">There are too few.</exception>
    public static ReservedHugePages Reserve(int mebibytes)
    {
        return ReservedHugePages.TryReserve(mebibytes)
            ?? throw new OptionException($"{mebibytes} MiB of huge pages cannot be reserved: run it as root, free some memory, or say --no-huge");
    }

    private static void Start(
        List<VhostSide> sides, VhostCase row, VhostOptions options, Action<string> progress, int guestProcessor, int processor, CancellationToken cancellation)
    {
        using NetworkNamespace network = NetworkNamespace.Create();
        Add("softswitch", sockets => new OwnIoSwitch($"vhost-user:{sockets[0]}", $"vhost-user:{sockets[1]}", network, processor, cancellation));
        if (options.OpenVSwitch is { } installation)
        {
            Add("openVSwitch", sockets => StartOpenVSwitch(installation, sockets, options.HugePages, network, processor, [], cancellation));
        }

        void Add(string name, Func<IReadOnlyList<string>, IoSwitch> start)
        {
            progress($"{name} starts and warms up");
            var guest = new TestPmd(row.FrameLength, row.Flows, options.HugePages, network, guestProcessor, cancellation);
            try
            {
                sides.Add(new VhostSide(name, guest, start(guest.Sockets)));
            }
            catch
            {
                guest.Dispose();
                throw;
            }
            sides[^1].Prepare(row, Math.Min(1, options.Seconds), cancellation);
        }
    }

    private static void Measure(List<VhostSide> sides, VhostOptions options, Action<string> progress, CancellationToken cancellation)
    {
        for (int round = 0; round < options.Rounds; round++)
        {
            foreach (VhostSide side in round % 2 == 0 ? sides : Enumerable.Reverse(sides))
            {
                side.Measure(TimeSpan.FromSeconds(options.Seconds), options.RealTime, cancellation);
                progress($"round {round + 1} of {options.Rounds}, {side.Name}: {Format("0.00", side.Rounds[^1].Mpps)} Mpps");
            }
        }
    }

    private static JsonObject ToJson(VhostCase row, VhostSide side) => new()
    {
        ["row"] = row.Name,
        ["switch"] = side.Name,
        ["port"] = side.Switch.Description,
        ["frame"] = row.FrameLength,
        ["flows"] = row.Flows,
        ["entries"] = row.EntriesBetween(IoSwitch.Input, IoSwitch.Output).Count(),
        ["mpps"] = Math.Round(side.Median(round => round.Mpps), 3),
        ["lostShare"] = Math.Round(side.Median(round => round.LostShare), 6),
        ["refusedShare"] = Math.Round(side.Median(round => round.RefusedShare), 4),
        ["busyShare"] = Math.Round(side.Median(round => round.BusyShare), 4),
        ["cyclesPerPacket"] = Math.Round(side.Median(round => round.CyclesPerPacket)),
        ["rounds"] = new JsonArray([.. side.Rounds.Select(round => (JsonNode)Math.Round(round.Mpps, 3))]),
    };

    private static void AddTo(TextTable table, string title, VhostSide side) => table.Add(
        title,
        side.Name,
        Format("0.00", side.Median(round => round.Mpps)),
        Format("0.0", 100 * side.Median(round => round.LostShare)),
        Format("0", 100 * side.Median(round => round.RefusedShare)),
        Format("0", 100 * side.Median(round => round.BusyShare)),
        Format("0", side.Median(round => round.CyclesPerPacket)));

    /// <summary>Ours by theirs; a round's two halves are neighbours in time.</summary>
    private static JsonObject Compare(VhostCase row, VhostSide ours, VhostSide theirs)
    {
        double Ratio(Func<VhostRound, double> figure) =>
            Math.Round(Statistic.Median([.. ours.Rounds.Zip(theirs.Rounds, (a, b) => figure(b) > 0 ? figure(a) / figure(b) : 0)]), 2);
        return new JsonObject
        {
            ["row"] = row.Name,
            ["mpps"] = Ratio(round => round.Mpps),
            ["cyclesPerPacket"] = Ratio(round => round.CyclesPerPacket),
        };
    }

    private static string Format(string format, double value) => value.ToString(format, CultureInfo.InvariantCulture);
}
