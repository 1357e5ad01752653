using Softswitch.Bench.Attacks;
using Softswitch.Bench.Sides;
using Softswitch.Lab.Measures;

namespace Softswitch.Bench;

internal enum PipelineMatch
{
    Exact,
    InPort,
    L3,
    Acl,
    Fw,
    Ipc,

    /// <summary>All fields of what a tunnel of that kind carries, taken out of it.</summary>
    Vxlan,
    Gre,
    Ipip,
}

/// <summary>Changes to packets before they are sent.</summary>
internal enum PipelineRewrite
{
    None,

    /// <summary>Other Ethernet addresses.</summary>
    Rewrite,

    /// <summary>Another nw_dst, which changes two checksums.</summary>
    Readdress,

    /// <summary>Other Ethernet addresses, IPv4 addresses and ports: six fields, as a gateway that translates does.</summary>
    Translate,
}

/// <summary>What <c>bench pipeline</c> measures.</summary>
internal sealed record PipelineOptions : IBenchOptions
{
    public PipelineMatch Match { get; init; }

    /// <summary>Entries of the table; with <see cref="PipelineMatch.InPort"/> flows of the traffic.</summary>
    public int Flows { get; init; } = 1000;

    /// <summary>Flows of the traffic; null: what fits the match.</summary>
    public int? Traffic { get; init; }

    public PipelineRewrite Rewrite { get; init; }

    /// <summary>The kind of tunnel the packets are sent into; null for none.</summary>
    public string? Tunnel { get; init; }

    /// <summary>Whether the packets come out of a tunnel.</summary>
    public bool ComesByTunnel => Match >= PipelineMatch.Vxlan;

    public int FrameLength { get; init; } = FlowHeaders.MinFrame;

    public int Workers { get; init; } = 1;

    /// <summary>Whether each worker has an output port of its own, and half of the entries send to another worker's.</summary>
    public bool Handover { get; init; }

    /// <summary>Frames in the pool; null: what caches and ports can hold, with much to spare.</summary>
    public int? PoolFrames { get; init; }

    public double Seconds { get; init; } = 3;

    /// <summary>Exponent of Zipf's law for the packets' flows; 0 for all alike.</summary>
    public double Skew { get; init; }

    /// <summary>Whether every packet is a flow never seen before.</summary>
    public bool Fresh { get; init; }

    /// <summary>Which packets are captured meanwhile, in ovs-ofctl's words; null for none.</summary>
    public string? Capture { get; init; }

    /// <summary>Entries of a mask each that are there besides and that next to none of the traffic matches.</summary>
    public int AttackMasks { get; init; }

    /// <summary>An <see cref="AttackSpec"/> in place of <see cref="Match"/>; null for none.</summary>
    public string? Attack { get; init; }

    public BenchPlan Plan
    {
        get
        {
            string work = Attack != null ? $"attack {Attack}" : $"match {PipelineBenchmark.WordOf(Match)}";
            double once = (FlowSeconds * (Flows + (Traffic ?? 0))) + MeasuredWorkers.ExpectedWarmUp(Seconds) + (Seconds * (Capture == null ? 1 : 2));
            return new BenchPlan(
                $"{Flows:N0} {(Match == PipelineMatch.InPort && Attack == null ? "flows" : "entries")}, {work}, {FrameLength}-byte frames, workers: {Workers}",
                BenchPlan.StartSeconds + Attack switch
                {
                    null => once,
                    AttackRows.Worst => AttackSpec.Kinds.Count * AttackRows.ExpectedSeconds(this),
                    _ => AttackRows.ExpectedSeconds(this),
                });
        }
    }

    // To make an entry, to put it into the table, and to make its frames.
    private const double FlowSeconds = 3e-6;
}
