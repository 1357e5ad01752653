using Softswitch.Bench.Sides;

namespace Softswitch.Bench.Topology;

/// <summary>What joins switches.</summary>
internal enum TopologyLinks
{
    /// <summary>Pairs of the kernel's virtual interfaces.</summary>
    Veth,

    /// <summary>What a switch's own process has for it.</summary>
    Patch,
}

/// <summary>What <c>bench topology</c> measures: of each rate for so many seconds, and twice as long without traffic.</summary>
internal sealed record TopologyOptions() : SideOptions(Seconds: 5, Rounds: 3)
{
    /// <summary>The defaults.</summary>
    public static TopologyOptions Usual { get; } = new() { Shape = TopologyShape.Create(TopologyKind.Linear, 16) };

    public required TopologyShape Shape { get; init; }

    public TopologyLinks Links { get; init; } = TopologyLinks.Veth;

    public override BenchPlan Plan
    {
        get
        {
            double round = StartSeconds + (SwitchSeconds * Shape.Switches) + TopologySide.ExpectedTraffic(Seconds) + (Shape.HasLoop ? TreeSeconds : 0);
            return new BenchPlan(
                $"a network of {Shape.Switches} switches{Beside("Open vSwitch's bridges")}, rounds: {Rounds}",
                SideCount * Rounds * round,
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
