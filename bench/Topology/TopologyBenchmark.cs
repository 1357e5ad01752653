using System.Globalization;
using System.Text.Json.Nodes;
using Softswitch.Hosting.Configuration;
using Softswitch.Lab.Measures;
using Softswitch.Ports.Linux;

namespace Softswitch.Bench.Topology;

/// <summary>A network of switches in one process, and one of Open vSwitch's userspace bridges in turns: how soon it works, how fast, how large.</summary>
internal static class TopologyBenchmark
{
    private const string Ours = "softswitch";
    private const string Theirs = "openVSwitch";

    /// <param name="cancellation">Ends it early, with the rounds measured until then; all that was started is ended by then.</param>
    /// <exception cref="OptionException">It cannot be measured here, and why.</exception>
    public static BenchResult Run(TopologyOptions options, Action<string> progress, CancellationToken cancellation)
    {
        var result = new BenchResult("topology");
        List<TopologySide> sides = [new(Ours, network => new OwnTopology(options, network, cancellation))];
        if (options.OpenVSwitch is { } installation)
        {
            sides.Add(new(Theirs, network => new OvsTopology(installation, options, network, cancellation)));
        }
        try
        {
            cancellation.Attempt(() => Measure(sides, options, progress, cancellation));
        }
        catch (CompareException e)
        {
            result.Fail(e.Message);
        }
        catch (SystemCallException e) when (e.IsRefusal)
        {
            throw new OptionException($"network namespaces and BPF programs are needed ({e.Message}): run it as root", e);
        }
        foreach (string failure in sides.SelectMany(side => side.Failures))
        {
            result.Fail(failure);
        }
        List<TopologySide> measured = sides.FindAll(side => side.Rounds.Count > 0);
        if (measured.Count > 0)
        {
            Add(result, options, measured);
            result.Add(Disturbance.Median([.. measured.SelectMany(side => side.Rounds).Select(round => round.Disturbance)]));
        }
        Describe(result, options);
        return result;
    }

    private static void Measure(List<TopologySide> sides, TopologyOptions options, Action<string> progress, CancellationToken cancellation)
    {
        for (int round = 0; round < options.Rounds; round++)
        {
            string place = $"round {round + 1} of {options.Rounds}";
            foreach (TopologySide side in round % 2 == 0 ? sides : Enumerable.Reverse(sides))
            {
                side.Measure(options, text => progress($"{place}, {side.Name}: {text}"), cancellation);
            }
        }
    }

    private static void Add(BenchResult result, TopologyOptions options, List<TopologySide> sides)
    {
        var rows = new JsonArray();
        bool isCompared = sides.Count > 1;
        var table = new TextTable(["measure", .. sides.Select(side => side.Name), .. isCompared ? (string[])["ours by theirs"] : []]);
        foreach (TopologyMeasure measure in TopologyMeasure.For(options.Shape))
        {
            var row = new JsonObject { ["measure"] = measure.Name };
            List<string> cells = [measure.Title];
            foreach (TopologySide side in sides)
            {
                double median = Math.Round(side.Median(measure), measure.Digits);
                row[side.Name] = median;
                cells.Add(median.ToString(CultureInfo.InvariantCulture));
            }
            if (isCompared)
            {
                double ratio = Ratio(sides[0], sides[1], measure);
                row["ratio"] = ratio;
                cells.Add(ratio.ToString(CultureInfo.InvariantCulture));
            }
            foreach (TopologySide side in sides)
            {
                row[$"{side.Name}Rounds"] = new JsonArray([.. side.Rounds.Select(round => (JsonNode)Math.Round(measure.Of(round), measure.Digits))]);
            }
            rows.Add(row);
            table.Add([.. cells]);
        }
        result.Add("rows", rows, table);
    }

    /// <summary>Ours by theirs; a round's two halves are neighbours in time.</summary>
    private static double Ratio(TopologySide ours, TopologySide theirs, TopologyMeasure measure)
    {
        double[] ratios = [.. ours.Rounds.Zip(theirs.Rounds, (a, b) => measure.Of(b) > 0 ? measure.Of(a) / measure.Of(b) : 0).Where(ratio => ratio > 0)];
        return Math.Round(Statistic.Median(ratios), 2);
    }

    private static void Describe(BenchResult result, TopologyOptions options)
    {
        TopologyShape shape = options.Shape;
        int hosts = shape.Hosts.Count;
        int pairs = TopologyPings.Pairs(hosts).Count;
        result.Add("kind", shape.Kind.ToString().ToLowerInvariant());
        result.Add("links", options.Links.ToString().ToLowerInvariant());
        result.Add("switches", shape.Switches);
        result.Add("hosts", hosts);
        result.Add("longestPath", shape.LongestPath);
        result.Add("pingedPairs", pairs);
        result.Add("allPairs", pairs == hosts * (hosts - 1));
        result.Add("seconds", options.Seconds, 3);
        result.Add("rounds", options.Rounds);
        if (options.OpenVSwitch is { } installation)
        {
            result.Add("openVSwitch", installation.Version);
        }
        Machine.Describe(result);
    }
}
