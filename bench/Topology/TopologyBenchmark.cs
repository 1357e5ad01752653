using Softswitch.Bench.Sides;
using Softswitch.Lab.Measures;

namespace Softswitch.Bench.Topology;

/// <summary>A network of switches in one process, and one of Open vSwitch's userspace bridges in turns: how soon it works, how fast, how large.</summary>
internal sealed class TopologyBenchmark(TopologyOptions options, Action<string> progress, CancellationToken cancellation)
    : SideBenchmark<TopologyOptions, TopologyShape, TopologySide>("topology", options, progress, cancellation)
{
    protected override string Needs => "network namespaces and BPF programs";

    protected override string NameOf(TopologyShape row) => string.Empty;

    protected override IEnumerable<TopologySide> Start(TopologyShape row, Action<string> say)
    {
        yield return new TopologySide("softswitch", network => new OwnTopology(Options, network, Cancellation));
        if (Options.OpenVSwitch is { } installation)
        {
            yield return new TopologySide("openVSwitch", network => new OvsTopology(installation, Options, network, Cancellation));
        }
    }

    protected override void Prepare(TopologyShape row, TopologySide side)
    {
        // Each round builds all of it up.
    }

    protected override void Measure(TopologyShape row, TopologySide side, Action<string> say) =>
        side.Measure(Options, say, Result.Fail, Cancellation);

    protected override void Add(TopologyShape row, IReadOnlyList<TopologySide> sides)
    {
        var rows = new BenchRows<TopologyMeasure>(
        [
            new("measure", measure => measure.Name),
            new(null, measure => measure.Title, "measure"),
            .. sides.Select(side => new BenchColumn<TopologyMeasure>(
                side.Name, measure => Math.Round(side.Median(measure.Of), measure.Digits), side.Name, "0.###")),
            .. sides.Skip(1).Select(other => new BenchColumn<TopologyMeasure>(
                "ratio", measure => sides[0].RatioTo(other, measure.Of), "ours by theirs")),
            .. sides.Select(side => new BenchColumn<TopologyMeasure>($"{side.Name}Rounds", measure => side.Each(measure.Of, measure.Digits))),
        ]);
        foreach (TopologyMeasure measure in TopologyMeasure.For(row))
        {
            rows.Add(measure);
        }
        rows.AddTo(Result, "rows");
        Result.Add(Interference.Median([.. sides.SelectMany(side => side.Rounds).Select(round => round.Interference)]));
    }

    protected override void Report()
    {
        TopologyShape shape = Options.Shape;
        int hosts = shape.Hosts.Count;
        int pairs = TopologyPings.Pairs(hosts).Count;
        Result.Add("kind", shape.Kind.ToString().ToLowerInvariant());
        Result.Add("links", Options.Links.ToString().ToLowerInvariant());
        Result.Add("switches", shape.Switches);
        Result.Add("hosts", hosts);
        Result.Add("longestPath", shape.LongestPath);
        Result.Add("pingedPairs", pairs);
        Result.Add("allPairs", pairs == hosts * (hosts - 1));
    }
}
