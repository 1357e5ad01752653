using System.Globalization;

namespace Softswitch.Bench.Compare;

/// <summary>What the threads that forward say of themselves: <c>ovs-appctl dpif-netdev/pmd-stats-show</c>, summed over those threads.</summary>
/// <param name="SimpleMatchHits">Found by in_port, type and VLAN alone.</param>
/// <param name="EmcHits">Found in the exact-match cache, 8192 entries a thread.</param>
/// <param name="SmcHits">Found in the signature-match cache, which is off by default.</param>
/// <param name="MegaflowHits">Found in the datapath's classifier.</param>
/// <param name="Upcalls">Taken to the OpenFlow tables, with success or without.</param>
/// <param name="ProcessingCycles">Of the time stamp counter, in rounds with packets.</param>
/// <param name="IdleCycles">In rounds without.</param>
internal readonly record struct OvsPmdStatistics(
    long Received, long SimpleMatchHits, long EmcHits, long SmcHits, long MegaflowHits, long Upcalls, long ProcessingCycles, long IdleCycles)
{
    private const string PmdHeading = "pmd thread ";

    /// <summary>Reads what the command printed; what is not there counts 0. The main thread's section is left out.</summary>
    public static OvsPmdStatistics Parse(string text)
    {
        var sums = new Dictionary<string, long>();
        bool isPmd = false;
        foreach (string line in text.Split('\n'))
        {
            if (!line.StartsWith(' '))
            {
                isPmd = line.StartsWith(PmdHeading, StringComparison.Ordinal);
                continue;
            }
            int colon = line.IndexOf(':', StringComparison.Ordinal);
            // Cycles have their share in brackets behind them.
            if (isPmd && colon > 0 && long.TryParse(line[(colon + 1)..].Trim().Split(' ')[0], NumberStyles.None, CultureInfo.InvariantCulture, out long value))
            {
                string name = line[..colon].Trim();
                sums[name] = sums.GetValueOrDefault(name) + value;
            }
        }
        return new OvsPmdStatistics(
            sums.GetValueOrDefault("packets received"),
            sums.GetValueOrDefault("simple match hits"),
            sums.GetValueOrDefault("emc hits"),
            sums.GetValueOrDefault("smc hits"),
            sums.GetValueOrDefault("megaflow hits"),
            sums.GetValueOrDefault("miss with success upcall") + sums.GetValueOrDefault("miss with failed upcall"),
            sums.GetValueOrDefault("processing cycles"), sums.GetValueOrDefault("idle cycles"));
    }

    public static OvsPmdStatistics operator -(OvsPmdStatistics a, OvsPmdStatistics b) => new(
        a.Received - b.Received, a.SimpleMatchHits - b.SimpleMatchHits, a.EmcHits - b.EmcHits,
        a.SmcHits - b.SmcHits, a.MegaflowHits - b.MegaflowHits, a.Upcalls - b.Upcalls,
        a.ProcessingCycles - b.ProcessingCycles, a.IdleCycles - b.IdleCycles);

    /// <summary>Where packets were found, in percent: <c>EMC 99.9 %, megaflow 0.1 %</c>.</summary>
    public string Describe()
    {
        long received = Received;
        return received == 0 ? "no packets" : string.Join(", ", new[]
        {
            ("simple match", SimpleMatchHits), ("EMC", EmcHits), ("SMC", SmcHits), ("megaflow", MegaflowHits), ("upcall", Upcalls),
        }.Where(part => part.Item2 > 0).Select(part => $"{part.Item1} {(100.0 * part.Item2 / received).ToString("0.0", CultureInfo.InvariantCulture)} %"));
    }
}
