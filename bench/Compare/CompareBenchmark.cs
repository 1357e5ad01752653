using Softswitch.Bench.Flows;
using Softswitch.Bench.Sides;
using Softswitch.Hosting.Configuration;
using Softswitch.Lab;
using Softswitch.Lab.Measures;

namespace Softswitch.Bench.Compare;

/// <summary>What <c>bench compare</c> measures: of each switch for each row so many seconds, in all rounds together.</summary>
internal sealed record CompareOptions() : SideOptions(UsualSeconds, UsualRounds)
{
    public IReadOnlyList<CompareRow> Rows { get; init; } = CompareRow.All;

    /// <summary>Settings of Open vSwitch beside its defaults, as KEY=VALUE of <c>other_config</c>.</summary>
    public IReadOnlyList<string> Settings { get; init; } = [];

    public override BenchPlan Plan => PlanOf(Rows, Seconds, Rounds);

    // Of a row: both switches start, fill their tables and warm up; of a round: from one to the other.
    private const double RowSeconds = 6;
    public const int UsualRounds = 5;
    public const double UsualSeconds = 10;
    private const double RoundSeconds = 0.3;

    public static BenchPlan PlanOf(IReadOnlyList<CompareRow> rows, double seconds, int rounds) => new(
        $"this switch and Open vSwitch with DPDK in turns; rows: {rows.Count}, rounds of each: {rounds}",
        rows.Sum(row => RowSeconds + (rounds * RoundSeconds) + (seconds * (row.OursOnly ? 1 : 2) * (row.Kind == CompareKind.Churn ? 2 : 1))),
        "where Open vSwitch hangs up to two minutes more for each row")
    {
        TidiesUp = true,
    };
}

/// <summary>This switch and Open vSwitch with DPDK, on the same processor, in turns. The median of the rounds' ratios is what counts.</summary>
internal sealed class CompareBenchmark(CompareOptions options, Action<string> progress, CancellationToken cancellation)
    : SideBenchmark<CompareOptions, CompareRow, ComparedSwitch>("compare", options, progress, cancellation)
{
    private const int Seed = 20_100_103;

    private readonly BenchRows<Row> _rows = new(
        new("row", row => row.Case.Name),
        new("title", row => row.Case.Title, "row"),
        new("unit", row => row.Case.Unit, "unit"),
        new("entries", row => row.Case.Entries),
        new(null, row => row.Text(row.Ours), "Softswitch"),
        new(null, row => row.Text(row.Theirs), "OVS-DPDK"),
        new("softswitch", row => row.Median(row.Ours)),
        new("openVSwitch", row => row.Median(row.Theirs)),
        new("ratio", row => row.Theirs is { } theirs ? row.Ours.RatioTo(theirs, sample => sample.Value) : null, "ratio", "0.00"),
        new("softswitchRounds", row => row.Ours.Each(sample => sample.Value, row.Digits)),
        new("openVSwitchRounds", row => row.Theirs?.Each(sample => sample.Value, row.Digits) ?? []),
        new("softswitchKept", row => row.Kept(row.Ours)),
        new("openVSwitchKept", row => row.Kept(row.Theirs)),
        new("openVSwitchLookups", row => row.Case.HasTraffic ? (row.Theirs as ComparedOpenVSwitch)?.Lookups.Describe() : null));

    private int _started;
    private FlowSet? _flows;

    protected override string NameOf(CompareRow row) => row.Name;

    protected override IEnumerable<ComparedSwitch> Start(CompareRow row, Action<string> say)
    {
        WorkerPlacement.KeepOff(workers: 1);
        say($"row {++_started} of {Options.Rows.Count}, starting the switches");
        _flows = row.MakeFlows();
        IEnumerable<ReadOnlyMemory<byte>>? frames = row.HasTraffic
            ? _flows.FramesOf(TrafficOrder.Uniform(_flows.TrafficFlows, new Random(Seed)), FlowHeaders.MinFrame).Until(Cancellation)
            : null;
        yield return new OwnSwitch(frames, row.Entries + CompareRow.OtherEntries);
        if (!row.OursOnly)
        {
            yield return new ComparedOpenVSwitch(Options.OpenVSwitch!, frames, Options.Settings, Cancellation);
        }
    }

    protected override void Prepare(CompareRow row, ComparedSwitch side)
    {
        side.Resume();
        new CompareMeasurement(row, Cancellation).Install(side, _flows!);
        side.WarmUp(Options.Seconds, Cancellation);
        side.Rest();
    }

    protected override void Measure(CompareRow row, ComparedSwitch side, Action<string> say)
    {
        side.Rounds.Add(new CompareMeasurement(row, Cancellation).Measure(side, TimeSpan.FromSeconds(Options.Seconds / Options.Rounds)));
        say($"{side.Rounds[^1].Value.ToString(row.Format)} {row.Unit}");
    }

    protected override void Add(CompareRow row, IReadOnlyList<ComparedSwitch> sides) => _rows.Add(
        Result, row.Name, new Row(row, sides[0], sides.Skip(1).FirstOrDefault()),
        Interference.Median([.. sides.SelectMany(side => side.Rounds).Select(sample => sample.Interference)]));

    protected override void Report()
    {
        _rows.AddTo(Result, "rows");
        Result.Add("frame", FlowHeaders.MinFrame);
        Result.Add("openVSwitchMemory", ComparedOpenVSwitch.HasHugePages ? "huge pages" : "--no-huge");
        Result.Add("openVSwitchSettings", Options.Settings.Count == 0 ? "defaults (emc-insert-inv-prob 100, smc-enable false)" : string.Join(' ', Options.Settings));
    }

    /// <summary>Whatever ails the other switch in this row, the rows before it are not lost.</summary>
    protected override bool IsOfOneRow(Exception e) => base.IsOfOneRow(e) || (e is OptionException && _started > 1);

    private sealed record Row(CompareRow Case, ComparedSwitch Ours, ComparedSwitch? Theirs)
    {
        public int Digits => Case.Kind == CompareKind.FlowMods ? 0 : 3;

        public double? Median(ComparedSwitch? side) => side == null ? null : Math.Round(side.Median(sample => sample.Value), Digits);

        public double? Kept(ComparedSwitch? side) =>
            side == null || Case.Kind != CompareKind.Churn ? null : Math.Round(side.Median(sample => sample.Kept ?? 0), 3);

        public string? Text(ComparedSwitch? side) =>
            side == null ? null
            : side.Median(sample => sample.Value).ToString(Case.Format) + (Kept(side) is { } kept ? $" ({100 * kept:0} % of its own)" : string.Empty);
    }
}
