using Softswitch.Datapath.Captures;
using Softswitch.Datapath.Fragments;

namespace Softswitch.Datapath.Pipeline;

/// <summary>
/// What is set for all packets. Never changed: the control side replaces it whole, and a worker takes one reference for each pass.
/// </summary>
internal sealed record PipelineSettings
{
    public PortSet Ports { get; init; } = PortSet.Empty;

    public MissBehaviour Miss { get; init; }

    public FragmentHandling Fragments { get; init; }

    /// <summary>What is forwarded past the flow table; null without in-band control.</summary>
    public InBandTraffic? InBand { get; init; }

    public bool HasSpanningTree { get; init; }

    /// <summary>The captures that get copies of packets.</summary>
    public Capture[] Captures { get; init; } = [];

    /// <summary>What packets of any port have to meet before the flow table, which hardware knows nothing of; null for nothing.</summary>
    public string? OffloadObstacle =>
        HasSpanningTree ? "802.1D frames are the switch's own"
        : Fragments != FragmentHandling.Normal ? "IPv4 fragments are treated apart"
        : InBand != null ? "control connections pass in-band"
        : Captures.Length > 0 ? "packets are captured"
        : null;
}

/// <summary>What becomes of a packet that matches no flow entry.</summary>
internal enum MissBehaviour
{
    /// <summary>Sent to the controller as a packet-in.</summary>
    Controller,

    /// <summary>Dropped and counted: fail mode secure without a controller.</summary>
    Drop,

    /// <summary>Forwarded as by a learning bridge: fail mode standalone without a controller.</summary>
    Normal,
}
