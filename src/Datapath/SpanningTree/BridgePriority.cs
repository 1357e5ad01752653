namespace Softswitch.Datapath.SpanningTree;

/// <summary>What a configuration BPDU claims, in the order of its weight: smaller is better (802.1D-1998 §8.6.2.2).</summary>
/// <param name="Root">Identifier of the bridge taken for the root: 16 bits of priority, then its address.</param>
/// <param name="Cost">Cost of the path to it.</param>
/// <param name="Bridge">Identifier of the bridge that speaks.</param>
/// <param name="Port">Identifier of the port it speaks on.</param>
internal readonly record struct BridgePriority(ulong Root, uint Cost, ulong Bridge, ushort Port) : IComparable<BridgePriority>
{
    public int CompareTo(BridgePriority other)
    {
        int order = Root.CompareTo(other.Root);
        order = order != 0 ? order : Cost.CompareTo(other.Cost);
        order = order != 0 ? order : Bridge.CompareTo(other.Bridge);
        return order != 0 ? order : Port.CompareTo(other.Port);
    }

    public static bool operator <(BridgePriority left, BridgePriority right) => left.CompareTo(right) < 0;

    public static bool operator >(BridgePriority left, BridgePriority right) => left.CompareTo(right) > 0;

    public static bool operator <=(BridgePriority left, BridgePriority right) => left.CompareTo(right) <= 0;

    public static bool operator >=(BridgePriority left, BridgePriority right) => left.CompareTo(right) >= 0;
}
