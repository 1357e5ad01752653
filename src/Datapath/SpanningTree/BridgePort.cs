using Softswitch.Datapath.Ports;

namespace Softswitch.Datapath.SpanningTree;

/// <summary>One port of a <see cref="SpanningTreeBridge"/>: the port parameters and timers of 802.1D-1998 §8.5.5 and §8.5.6.</summary>
internal sealed class BridgePort
{
    /// <param name="number">The switch's number for it.</param>
    /// <param name="id">Port identifier: priority, then a number that is unique within the bridge.</param>
    public BridgePort(ushort number, ushort id, uint pathCost)
    {
        Number = number;
        Id = id;
        PathCost = pathCost;
    }

    public ushort Number { get; }

    public ushort Id { get; }

    public uint PathCost { get; set; }

    public BridgePortState State { get; set; }

    /// <summary>The best that was heard, or is said, on this segment.</summary>
    public BridgePriority Designated { get; set; }

    public bool AcknowledgesChange { get; set; }

    public bool IsConfigurationPending { get; set; }

    public BridgeTimer MessageAge;
    public BridgeTimer ForwardDelay;
    public BridgeTimer Hold;

    public bool IsEnabled => State != BridgePortState.Disabled;

    /// <summary>What the root path through this port is worth to the bridge; smaller is better (§8.6.8.3.1).</summary>
    public (BridgePriority Claim, ushort Id) RootPath =>
        // Costs are whatever a neighbour claims: the sum must not wrap to a good one.
        (Designated with { Cost = (uint)Math.Min((ulong)Designated.Cost + PathCost, uint.MaxValue) }, Id);
}

/// <summary>A port's part in the tree (802.1D-1998 §8.4).</summary>
internal enum BridgePortState
{
    /// <summary>Neither sends nor receives: down, or without a link.</summary>
    Disabled,

    /// <summary>Another bridge serves this segment.</summary>
    Blocking,

    /// <summary>About to forward, once older information has died out.</summary>
    Listening,

    /// <summary>As listening, and learns where stations are.</summary>
    Learning,

    Forwarding,
}

/// <summary>What it costs to go through a port: IEEE 802.1D-1998 table 8-5.</summary>
internal static class PathCost
{
    // Where the speed is unknown (TAP, tunnels) the slowest that can be; Linux bridges do the same.
    private const uint Unknown = 100;

    public static uint Of(PortFeatures current) => current switch
    {
        _ when (current & PortFeatures.Speed10GbFull) != 0 => 2,
        _ when (current & (PortFeatures.Speed1GbFull | PortFeatures.Speed1GbHalf)) != 0 => 4,
        _ when (current & (PortFeatures.Speed100MbFull | PortFeatures.Speed100MbHalf)) != 0 => 19,
        _ => Unknown,
    };
}
