using Softswitch.Bench.Compare;

namespace Softswitch.Bench.Topology;

/// <summary>What joins switches.</summary>
internal enum TopologyLinks
{
    /// <summary>Pairs of the kernel's virtual interfaces.</summary>
    Veth,

    /// <summary>What a switch's own process has for it.</summary>
    Patch,
}

/// <summary>What <c>bench topology</c> measures.</summary>
internal sealed record TopologyOptions : IBenchOptions
{
    /// <summary>The defaults.</summary>
    public static TopologyOptions Usual { get; } = new() { Shape = TopologyShape.Create(TopologyKind.Linear, 16) };

    public required TopologyShape Shape { get; init; }

    public TopologyLinks Links { get; init; } = TopologyLinks.Veth;

    /// <summary>How often all of it is built up and measured, each switch in turn.</summary>
    public int Rounds { get; init; } = 3;

    /// <summary>Of each rate; without traffic it is watched for twice as long.</summary>
    public double Seconds { get; init; } = 5;

    /// <summary>Measured in turns with ours; null for ours alone.</summary>
    public OvsInstallation? OpenVSwitch { get; init; }

    public BenchPlan Plan
    {
        get
        {
            int sides = OpenVSwitch == null ? 1 : 2;
            double round = StartSeconds + (SwitchSeconds * Shape.Switches) + TopologySide.ExpectedTraffic(Seconds) + (Shape.HasLoop ? TreeSeconds : 0);
            return new BenchPlan(
                $"a network of {Shape.Switches} switches{(OpenVSwitch == null ? string.Empty : ", beside Open vSwitch's bridges")}, rounds: {Rounds}",
                sides * Rounds * round,
                "longer where switches do not connect or pings are not answered at once")
            {
                TidiesUp = true,
            };
        }
    }

    // Of a round: programs and namespaces, each switch with its hosts and cables, and a spanning tree that forms, and forms anew.
    private const double StartSeconds = 2;
    private const double SwitchSeconds = 0.15;
    private const double TreeSeconds = 80;
}
