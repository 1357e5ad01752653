using System.Diagnostics;
using System.Text.Json.Nodes;
using Softswitch.Datapath.Flows;
using Softswitch.Lab.Measures;

namespace Softswitch.Scenarios.L3Mig;

/// <summary>How fast the memory copy is, in turns with one that takes the same way without a rewrite: by addresses that the network outside knows.</summary>
internal sealed class L3MigRates(ScenarioRun run, L3MigLab lab)
{
    /// <summary>Bits a second: 95 % of 1 Gbit/s.</summary>
    public const double Wanted = 0.95e9;

    private const ushort PlainPort = 49_151;

    private readonly (LocalController Owner, IReadOnlyList<PathFlow> Path)[] _plain =
    [
        (lab.Near, SessionPath.MakePlain(L3MigLab.NearSite, L3MigLab.FarSite, L3MigLab.ServerAt, CentralController.HypervisorVlan)),
        (lab.Far, SessionPath.MakePlain(L3MigLab.FarSite, L3MigLab.NearSite, L3MigLab.ServerAt, CentralController.HypervisorVlan)),
    ];

    /// <param name="copy">The one by six rewrites at each gateway.</param>
    public void Judge(TcpStream copy)
    {
        ChangePlain(FlowModCommand.Add);
        var rewritten = new List<double>();
        var plain = new List<double>();
        using (TcpStream other = TcpStream.StartCopy(lab.NearServer, lab.FarServer, L3MigLab.PlainAddress, PlainPort, L3MigMove.MigrationPort))
        {
            other.Limit(0);
            for (int i = 0; i < run.Scale(5, 1); i++)
            {
                rewritten.Add(MeasureAlone(copy, other));
                plain.Add(MeasureAlone(other, copy));
            }
            other.Stop();
        }
        ChangePlain(FlowModCommand.DeleteStrict);
        Judge(Statistic.Median([.. rewritten]), Statistic.Median([.. plain]), rewritten, plain);
    }

    private void Judge(double rate, double plain, List<double> rates, List<double> plainRates)
    {
        run.Say($"the copy runs at {rate / 1e9:0.00} Gbit/s, without rewrites at {plain / 1e9:0.00} (medians of {rates.Count})");
        run.Record(L3MigMeasures.RewrittenRate, rate / 1e6);
        run.Record(L3MigMeasures.PlainRate, plain / 1e6);
        run.Result.Add("copyBitsPerSecond", new JsonArray([.. rates.Select(one => (JsonNode)one)]));
        run.Result.Add("copyWithoutRewritesBitsPerSecond", new JsonArray([.. plainRates.Select(one => (JsonNode)one)]));
        run.Figure(
            "memory copy with six rewrites at each gateway", "none given",
            $"{rate / 1e9:0.00} Gbit/s ({rates.Min() / 1e9:0.00} to {rates.Max() / 1e9:0.00}), {rate / plain:0%} of the {plain / 1e9:0.00} Gbit/s without ({plainRates.Min() / 1e9:0.00} to {plainRates.Max() / 1e9:0.00})");
        run.CheckTime("the copy runs at 95 % of 1 Gbit/s or more with six rewrites", $"{Wanted / 1e9:0.00} Gbit/s", $"{rate / 1e9:0.00} Gbit/s", rate >= Wanted);
    }

    private double MeasureAlone(TcpStream one, TcpStream other)
    {
        other.Limit(0);
        one.Unlimit();
        run.Wait(TimeSpan.FromMilliseconds(200)); // what the other had under way has arrived
        return Measure(run, one, TimeSpan.FromSeconds(run.Options.Small ? 0.3 : 1));
    }

    /// <summary>Lets a copy run for a time.</summary>
    /// <returns>Bits a second that arrived.</returns>
    public static double Measure(ScenarioRun run, TcpStream copy, TimeSpan time)
    {
        long began = Stopwatch.GetTimestamp();
        long before = copy.Arrived;
        run.Wait(time);
        return (copy.Arrived - before) * 8 / Stopwatch.GetElapsedTime(began).TotalSeconds;
    }

    private void ChangePlain(FlowModCommand command)
    {
        int done = 0;
        foreach ((LocalController owner, IReadOnlyList<PathFlow> path) in _plain)
        {
            owner.Change([.. path.Select(flow => (flow, command))], _ => Interlocked.Increment(ref done));
        }
        run.WaitUntil(() => Volatile.Read(ref done) == _plain.Length, "the path without rewrites is confirmed");
    }
}
