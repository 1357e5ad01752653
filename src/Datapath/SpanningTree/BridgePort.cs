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
