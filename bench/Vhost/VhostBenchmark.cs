using Softswitch.Bench.Io;
using Softswitch.Bench.Sides;
using Softswitch.Lab.Measures;

namespace Softswitch.Bench.Vhost;

/// <summary>What <c>bench vhost</c> measures.</summary>
internal sealed record VhostOptions() : SideOptions(Seconds: 1, Rounds: 5)
{
    public IReadOnlyList<VhostCase> Rows { get; init; } = VhostCase.All;

    /// <summary>Whether guests, and Open vSwitch, have their memory in huge pages.</summary>
    public bool HugePages { get; init; } = true;

    /// <summary>Whether guest and switch run ahead of everything else while they are measured.</summary>
    public bool RealTime { get; init; }

    /// <summary>Whether a TCP stream between two virtual machines is measured in place of testpmd's packets.</summary>
    public bool Tcp { get; init; }

    public override BenchPlan Plan
    {
        get
        {
            string beside = Beside("Open vSwitch with DPDK");
            return Tcp
                ? new BenchPlan(
                    $"a TCP stream between two virtual machines{beside}, rounds: {Rounds}",
                    SideCount * ((2 * BootSeconds) + TcpSide.ExpectedSeconds(Rounds, Seconds)), "by a minute or two where guests are emulated (no KVM)")
                {
                    TidiesUp = true,
                }
                : new BenchPlan(
                    $"packets of testpmd{beside}; rows: {Rows.Count}, rounds of each: {Rounds}",
                    SideCount * Rows.Count * (StartSeconds + VhostSide.ExpectedWarmUp(Seconds) + (Rounds * (Seconds + RoundOverheadSeconds))))
                {
                    TidiesUp = true,
                };
        }
    }

    public override ReservedHugePages? Reserve() => HugePages && !(Tcp && OpenVSwitch == null)
        ? VhostSwitches.Reserve((SideCount * TestPmd.MemoryMiB) + VhostSwitches.OwnMemoryMiB + (OpenVSwitch == null ? 0 : VhostSwitches.OvsMemoryMiB))
        : null;

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
internal sealed class VhostBenchmark(VhostOptions options, Action<string> progress, CancellationToken cancellation)
    : SideBenchmark<VhostOptions, VhostCase, VhostSide>("vhost", options, progress, cancellation)
{
    private readonly (int Guest, int Switch) _processors = TakeProcessors();

    private readonly BenchRows<(VhostCase Case, VhostSide Side)> _rows = new(
        new("row", row => row.Case.Name),
        new(null, row => row.Case.Title, "row"),
        new("switch", row => row.Side.Name, "switch"),
        new("port", row => row.Side.Switch.Description),
        new("frame", row => row.Case.FrameLength),
        new("flows", row => row.Case.Flows),
        new("entries", row => row.Case.EntriesBetween(1, 2).Count()),
        Median("mpps", round => round.Mpps, 3, "Mpps", "0.00"),
        Median("lostShare", round => round.LostShare, 6, "lost %", "0.0", scale: 100),
        Median("refusedShare", round => round.RefusedShare, 4, "refused %", scale: 100),
        Median("busyShare", round => round.BusyShare, 4, "busy %", scale: 100),
        Median("cyclesPerPacket", round => round.CyclesPerPacket, 0, "cycles/packet"),
        new("rounds", row => row.Side.Each(round => round.Mpps, 3)));

    private readonly BenchRows<(VhostCase Case, VhostSide Ours, VhostSide Theirs)> _ratios = new(
        new("row", row => row.Case.Name, "ours by theirs"),
        new("mpps", row => row.Ours.RatioTo(row.Theirs, round => round.Mpps), "Mpps"),
        new("cyclesPerPacket", row => row.Ours.RatioTo(row.Theirs, round => round.CyclesPerPacket), "cycles/packet"));

    protected override string NameOf(VhostCase row) => row.Name;

    protected override IEnumerable<VhostSide> Start(VhostCase row, Action<string> say)
    {
        using var switches = new VhostSwitches(Options.OpenVSwitch, Options.HugePages, _processors.Switch, Cancellation);
        yield return Add("softswitch", sockets => switches.StartOwn(sockets));
        if (Options.OpenVSwitch != null)
        {
            yield return Add("openVSwitch", sockets => switches.StartOpenVSwitch(sockets));
        }

        VhostSide Add(string name, Func<IReadOnlyList<string>, IoSwitch> start)
        {
            say($"{name} starts and warms up");
            var guest = new TestPmd(row.FrameLength, row.Flows, Options.HugePages, switches.Network, _processors.Guest, Cancellation);
            return new VhostSide(name, guest, own => start(own.Sockets), Options);
        }
    }

    protected override void Prepare(VhostCase row, VhostSide side) => side.Prepare(row.EntriesBetween(IoSwitch.Input, IoSwitch.Output), Cancellation);

    protected override void Measure(VhostCase row, VhostSide side, Action<string> say)
    {
        side.Measure(Cancellation);
        say($"{side.Rounds[^1].Mpps:0.00} Mpps");
    }

    protected override void Add(VhostCase row, IReadOnlyList<VhostSide> sides)
    {
        foreach (VhostSide side in sides)
        {
            _rows.Add(Result, $"{row.Name}, {side.Name}", (row, side), side.Interference);
        }
        if (sides.Count > 1)
        {
            _ratios.Add((row, sides[0], sides[1]));
        }
    }

    protected override void Report()
    {
        _rows.AddTo(Result, "rows");
        _ratios.AddTo(Result, "ratios", unlessEmpty: true);
        Result.Add("realTime", Options.RealTime);
        Result.Add("memory", Options.HugePages ? "huge pages" : "--no-huge");
        Result.Add("gigahertz", Machine.Gigahertz, 3);
    }

    private static BenchColumn<(VhostCase Case, VhostSide Side)> Median(
        string key, Func<VhostRound, double> figure, int digits, string heading, string format = "0", double scale = 1) =>
        new(key, row => Math.Round(row.Side.Median(figure), digits), heading, format, scale);
}
