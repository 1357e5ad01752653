using System.Globalization;
using System.Text.Json.Nodes;

namespace Softswitch.Lab.Measures;

/// <summary>The load of other programs during a measurement, and whether it was too high to believe the figures.</summary>
/// <param name="LoadAverage">Of the last minute: threads that ran or waited for a processor, those measured among them.</param>
/// <param name="StolenShare">Of one processor's time: what a hypervisor gave to other guests, of all processors together.</param>
/// <param name="Share">Of the time that the measured thread wanted its processor, how much it had it; null if no one thread is measured.</param>
/// <param name="Others">Processors that programs not measured kept busy; null where it is not looked at.</param>
/// <param name="Ours">Processors that what is measured kept busy; null where it is not looked at.</param>
internal readonly record struct Interference(double LoadAverage, double StolenShare, double? Share = null, double? Others = null, double? Ours = null)
{
    /// <summary>The mark behind a disturbed row's name in a table.</summary>
    public const string Sign = "*";

    private const double LeastShare = 0.95;
    private const double MostStolen = 0.01;

    // Of all processors there are.
    private const double MostOthers = 0.1;

    /// <summary>The worst kind of load, as a share of what is allowed; above 1 there is a <see cref="Reason"/>.</summary>
    public double Severity => Math.Max(
        StolenShare / MostStolen, Math.Max((1 - (Share ?? 1)) / (1 - LeastShare), (Others ?? 0) / (MostOthers * Environment.ProcessorCount)));

    /// <summary>Why the figures are those of what others left, in a line; null if they are the machine's.</summary>
    public string? Reason
    {
        get
        {
            List<string> reasons = [];
            if (Share < LeastShare)
            {
                reasons.Add(Format($"what is measured had {Share:0.00} of its processor"));
            }
            if (Others > MostOthers * Environment.ProcessorCount)
            {
                reasons.Add(Format($"others kept {Others:0.00} processors busy"));
            }
            if (StolenShare > MostStolen)
            {
                reasons.Add(Format($"the hypervisor took {100 * StolenShare:0.0} % of a processor"));
            }
            return reasons.Count == 0 ? null : $"{string.Join(", ", reasons)}; {Load(LoadAverage)}";
        }
    }

    /// <summary>Of a row whose figures are the medians of rounds: half of these have to be disturbed.</summary>
    public static Interference Median(IReadOnlyCollection<Interference> rounds) => new(
        Statistic.Median([.. rounds.Select(round => round.LoadAverage)]),
        Statistic.Median([.. rounds.Select(round => round.StolenShare)]),
        MedianOf(rounds.Select(round => round.Share)),
        MedianOf(rounds.Select(round => round.Others)),
        MedianOf(rounds.Select(round => round.Ours)));

    /// <summary>As <see cref="Reason"/> ends.</summary>
    public static string Load(double average) => Format($"load average {average:0.0} on {Environment.ProcessorCount} processors");

    /// <summary>Keys of a result, or of a row of it: <c>disturbed</c>, and if so <c>disturbedBy</c>.</summary>
    public void AddTo(JsonObject values)
    {
        values["disturbed"] = Reason != null;
        if (Reason is { } reason)
        {
            values["disturbedBy"] = reason;
        }
    }

    private static double? MedianOf(IEnumerable<double?> figures)
    {
        double[] known = [.. figures.Where(figure => figure != null).Select(figure => figure!.Value)];
        return known.Length == 0 ? null : Statistic.Median(known);
    }

    private static string Format(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
