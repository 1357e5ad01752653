using System.Globalization;
using System.Text.Json.Nodes;
using Softswitch.Bench.Flows;
using Softswitch.Hosting.Configuration;
using Softswitch.Lab;
using Softswitch.Lab.Measures;
using Softswitch.OfAgent.Client;

namespace Softswitch.Bench.Compare;

/// <summary>What <c>bench compare</c> measures.</summary>
internal sealed record CompareOptions : IBenchOptions
{
    public required OvsInstallation OpenVSwitch { get; init; }

    public IReadOnlyList<CompareRow> Rows { get; init; } = CompareRow.All;

    /// <summary>Measured of each switch for each row, in all rounds together.</summary>
    public double Seconds { get; init; } = UsualSeconds;

    /// <summary>How often the switches take turns.</summary>
    public int Rounds { get; init; } = UsualRounds;

    /// <summary>Settings of Open vSwitch beside its defaults, as KEY=VALUE of <c>other_config</c>.</summary>
    public IReadOnlyList<string> Settings { get; init; } = [];

    public BenchPlan Plan => PlanOf(Rows, Seconds, Rounds);

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

/// <summary>This switch and Open vSwitch with DPDK, on the same processor, in turns.</summary>
/// <remarks>
/// In each round each switch is measured for a slice while the other stands still; who goes first changes from round to round. So what the machine's
/// neighbours do hits both alike, and the median of the rounds' ratios is what counts.
/// </remarks>
internal static class CompareBenchmark
{
    private const int Seed = 20_100_103;

    /// <param name="cancellation">Ends it early, with the rows and rounds measured until then; all that was started is ended by then.</param>
    public static BenchResult Run(CompareOptions options, Action<string> progress, CancellationToken cancellation)
    {
        WorkerPlacement.KeepOff(workers: 1);
        var result = new BenchResult("compare");
        var rows = new JsonArray();
        var table = new TextTable("row", "unit", "Softswitch", "OVS-DPDK", "ratio");
        int started = 0;
        foreach (CompareRow row in options.Rows.TakeWhile(_ => !cancellation.IsCancellationRequested))
        {
            string place = $"row {++started} of {options.Rows.Count}, ";
            var figures = new RowFigures();
            try
            {
                cancellation.Attempt(() => MeasureRow(row, figures, options, text => progress(place + text), cancellation));
            }
            // Whatever ails the other switch in this row, the rows before it are not lost.
            catch (Exception e) when (e is CompareException or OfClientException || (e is OptionException && started > 1))
            {
                result.Fail(e is CompareException ? e.Message : $"{row.Name}: {e.Message}");
                continue;
            }
            if (figures.OurSamples.Count > 0)
            {
                JsonObject json = ToJson(row, figures);
                string sign = result.Mark(row.Name, json, figures.Disturbance);
                rows.Add(json);
                AddTo(table, row, row.Title + sign, figures);
            }
        }
        result.Add("rows", rows, table);
        result.Add("seconds", options.Seconds, 3);
        result.Add("rounds", options.Rounds);
        result.Add("frame", PacketFields.MinFrame);
        result.Add("openVSwitch", options.OpenVSwitch.Version);
        result.Add("openVSwitchMemory", ComparedOpenVSwitch.HasHugePages ? "huge pages" : "--no-huge");
        result.Add("openVSwitchSettings", options.Settings.Count == 0 ? "defaults (emc-insert-inv-prob 100, smc-enable false)" : string.Join(' ', options.Settings));
        Machine.Describe(result);
        return result;
    }

    private static void MeasureRow(CompareRow row, RowFigures figures, CompareOptions options, Action<string> progress, CancellationToken cancellation)
    {
        FlowSet flows = row.MakeFlows();
        IEnumerable<ReadOnlyMemory<byte>>? frames = row.HasTraffic
            ? flows.FramesOf(TrafficOrder.Uniform(flows.TrafficFlows, new Random(Seed)), PacketFields.MinFrame).Until(cancellation)
            : null;
        var measurement = new CompareMeasurement(row, cancellation);
        progress($"{row.Name}: starting the switches");
        using var own = new OwnSwitch(frames, row.Entries + CompareRow.OtherEntries);
        Prepare(own);
        using ComparedOpenVSwitch? other = row.OursOnly ? null : new ComparedOpenVSwitch(options.OpenVSwitch, frames, options.Settings, cancellation);
        if (other != null)
        {
            Prepare(other);
        }
        TimeSpan slice = TimeSpan.FromSeconds(options.Seconds / options.Rounds);
        figures.Lookups = other?.Lookups.Describe();
        for (int round = 0; round < options.Rounds; round++)
        {
            CompareSample? theirs = other != null && round % 2 == 1 ? measurement.Measure(other, slice) : null;
            CompareSample ours = measurement.Measure(own, slice);
            theirs ??= other != null ? measurement.Measure(other, slice) : null;
            figures.Add(ours, theirs);
            string versus = theirs is { } sample ? $", Open vSwitch {Format(row, sample.Value)}" : string.Empty;
            progress($"{row.Name}: round {round + 1} of {options.Rounds}: {Format(row, ours.Value)}{versus} {row.Unit}");
        }

        void Prepare(ComparedSwitch side)
        {
            side.Resume();
            measurement.Install(side, flows);
            progress($"{row.Name}: warming up");
            side.WarmUp(options.Seconds, cancellation);
            side.Rest();
        }
    }

    private static JsonObject ToJson(CompareRow row, RowFigures figures)
    {
        var json = new JsonObject
        {
            ["row"] = row.Name,
            ["title"] = row.Title,
            ["unit"] = row.Unit,
            ["entries"] = row.Entries,
            ["softswitch"] = Rounded(row, figures.Ours),
            ["openVSwitch"] = Rounded(row, figures.Theirs),
            ["ratio"] = figures.Ratio is { } ratio ? Math.Round(ratio, 2) : null,
            ["softswitchRounds"] = new JsonArray([.. figures.OurSamples.Select(sample => Rounded(row, sample.Value))]),
            ["openVSwitchRounds"] = new JsonArray([.. figures.TheirSamples.Select(sample => Rounded(row, sample.Value))]),
        };
        if (row.Kind == CompareKind.Churn)
        {
            json["softswitchKept"] = KeptOf(figures.OurSamples);
            json["openVSwitchKept"] = KeptOf(figures.TheirSamples);
        }
        if (figures.Lookups is { } lookups && row.HasTraffic)
        {
            json["openVSwitchLookups"] = lookups;
        }
        return json;
    }

    private static void AddTo(TextTable table, CompareRow row, string title, RowFigures figures) => table.Add(
        title,
        row.Unit,
        Format(row, figures.Ours) + KeptText(row, figures.OurSamples),
        figures.Theirs is { } theirs ? Format(row, theirs) + KeptText(row, figures.TheirSamples) : "–",
        figures.Ratio is { } ratio ? ratio.ToString("0.00", CultureInfo.InvariantCulture) : "–");

    private static string KeptText(CompareRow row, List<CompareSample> samples) =>
        row.Kind == CompareKind.Churn && KeptOf(samples) is { } kept ? $" ({(100 * kept).ToString("0", CultureInfo.InvariantCulture)} % of its own)" : string.Empty;

    private static double? KeptOf(List<CompareSample> samples) =>
        samples.Count == 0 ? null : Math.Round(Statistic.Median([.. samples.Select(sample => sample.Kept ?? 0)]), 3);

    private static double? Rounded(CompareRow row, double? value) => value is { } number ? Math.Round(number, row.Kind == CompareKind.FlowMods ? 0 : 3) : null;

    private static string Format(CompareRow row, double value) =>
        value.ToString(row.Kind == CompareKind.FlowMods ? "N0" : "0.00", CultureInfo.InvariantCulture);

    /// <summary>The rounds of a row.</summary>
    private sealed record RowFigures
    {
        /// <summary>Where Open vSwitch found the packets.</summary>
        public string? Lookups { get; set; }

        public List<CompareSample> OurSamples { get; } = [];

        public List<CompareSample> TheirSamples { get; } = [];

        public Disturbance Disturbance => Disturbance.Median([.. OurSamples.Concat(TheirSamples).Select(sample => sample.Disturbance)]);

        public double Ours => Statistic.Median([.. OurSamples.Select(sample => sample.Value)]);

        public double? Theirs => TheirSamples.Count == 0 ? null : Statistic.Median([.. TheirSamples.Select(sample => sample.Value)]);

        /// <summary>Median of the rounds' ratios, not the medians' ratio: a round's two slices are neighbours in time.</summary>
        public double? Ratio => TheirSamples.Count == 0 ? null
            : Statistic.Median([.. OurSamples.Zip(TheirSamples, (ours, theirs) => theirs.Value > 0 ? ours.Value / theirs.Value : 0)]);

        public void Add(CompareSample ours, CompareSample? theirs)
        {
            OurSamples.Add(ours);
            if (theirs is { } sample)
            {
                TheirSamples.Add(sample);
            }
        }
    }
}
