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
internal sealed record TopologyOptions
{
    public required TopologyShape Shape { get; init; }

    public TopologyLinks Links { get; init; } = TopologyLinks.Veth;

    /// <summary>How often all of it is built up and measured, each switch in turn.</summary>
    public int Rounds { get; init; } = 3;

    /// <summary>Of each rate; without traffic it is watched for twice as long.</summary>
    public double Seconds { get; init; } = 5;

    /// <summary>Measured in turns with ours; null for ours alone.</summary>
    public OvsInstallation? OpenVSwitch { get; init; }
}
