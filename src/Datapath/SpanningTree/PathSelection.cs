namespace Softswitch.Datapath.SpanningTree;

/// <summary>Which bridge a bridge takes for the root, its way there, and the segments that it serves: the calculations of IEEE 802.1D-1998 §8.6.</summary>
/// <remarks>It neither sends nor waits. Threads: those of <see cref="SpanningTreeBridge"/>.</remarks>
/// <param name="id">Bridge identifier: 16 bits of priority, then its address.</param>
/// <param name="ports">The bridge's ports.</param>
internal sealed class PathSelection(ulong id, List<BridgePort> ports)
{
    public ulong Id { get; } = id;

    /// <summary>The bridge taken for the root.</summary>
    public ulong Root { get; private set; } = id;

    public uint RootPathCost { get; private set; }

    /// <summary>The port towards the root; null on the root itself.</summary>
    public BridgePort? RootPort { get; private set; }

    public bool IsRoot => RootPort == null;

    /// <summary>Whether the bridge serves the segment behind this port.</summary>
    public bool IsDesignated(BridgePort port) => port.Designated.Bridge == Id && port.Designated.Port == port.Id;

    /// <summary>§8.6.2.2: whether the claim is better than what this port knows, or the same speaker's again.</summary>
    public bool Supersedes(in BridgePriority claim, BridgePort port)
    {
        BridgePriority known = port.Designated;
        int order = claim.Root.CompareTo(known.Root);
        order = order != 0 ? order : claim.Cost.CompareTo(known.Cost);
        order = order != 0 ? order : claim.Bridge.CompareTo(known.Bridge);
        return order < 0 || (order == 0 && (claim.Bridge != Id || claim.Port <= known.Port));
    }

    /// <summary>§8.6.10.</summary>
    public void BecomeDesignated(BridgePort port) => port.Designated = new BridgePriority(Root, RootPathCost, Id, port.Id);

    /// <summary>§8.6.7.</summary>
    public void Update()
    {
        SelectRoot();
        SelectDesignatedPorts();
    }

    /// <summary>§8.6.8: selects the best root that any port has heard of, and the best path to it.</summary>
    private void SelectRoot()
    {
        BridgePort? best = null;
        foreach (BridgePort port in ports)
        {
            bool isCandidate = port.IsEnabled && !IsDesignated(port) && port.Designated.Root < Id;
            if (isCandidate && (best == null || port.RootPath.CompareTo(best.RootPath) < 0))
            {
                best = port;
            }
        }
        RootPort = best;
        Root = best?.Designated.Root ?? Id;
        RootPathCost = best?.RootPath.Claim.Cost ?? 0;
    }

    /// <summary>§8.6.9: the bridge becomes designated on each segment where its claim is better than all claims heard.</summary>
    private void SelectDesignatedPorts()
    {
        foreach (BridgePort port in ports)
        {
            BridgePriority own = new(Root, RootPathCost, Id, port.Id);
            if (IsDesignated(port) || port.Designated.Root != Root || own <= port.Designated)
            {
                BecomeDesignated(port);
            }
        }
    }
}
