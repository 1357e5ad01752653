using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.OfAgent.Text;

namespace Softswitch.Scenarios.Twaren;

/// <summary>What a controller knows of one of its switches: hosts and their places, and the flows that wait for a packet.</summary>
/// <remarks>Under the lock of the controller's handlers.</remarks>
/// <param name="ports">The ports of the layer-2 domain.</param>
/// <param name="meshed">
/// Of these the ones that lead to all others of a mesh: what comes by one of them is not flooded to another, as it would go around.
/// </param>
internal sealed class TwarenBridge(IReadOnlyList<ushort> ports, IReadOnlyList<ushort> meshed)
{
    private readonly List<(StaticFlow Flow, FlowKey Key, FlowKey Mask)> _offered = [];

    public Dictionary<MacAddress, ushort> Stations { get; } = [];

    public Dictionary<uint, MacAddress> Neighbours { get; } = [];

    /// <summary>Hosts whose ARP has brought an entry.</summary>
    public HashSet<MacAddress> ArpEntries { get; } = [];

    /// <summary>Flows on demand so far.</summary>
    public int Demands { get; set; }

    public void Offer(StaticFlow flow)
    {
        MatchNormalizer.Normalize(flow.Flow.Match, out FlowKey key, out FlowKey mask);
        _offered.Add((flow, key, mask));
    }

    public void Withdraw(StaticFlow flow) =>
        _offered.RemoveAll(offered => offered.Flow.Flow.Match == flow.Flow.Match && offered.Flow.Flow.Priority == flow.Flow.Priority);

    public void WithdrawAll() => _offered.Clear();

    /// <summary>The offered flow of the highest priority that a packet matches, of equals the first; null if there is none.</summary>
    public StaticFlow? FindOffered(in FlowMatch packet)
    {
        MatchNormalizer.Normalize(packet, out FlowKey key, out _);
        StaticFlow? best = null;
        foreach ((StaticFlow flow, FlowKey offered, FlowKey mask) in _offered)
        {
            if (FlowKey.Matches(key, offered, mask) && (best == null || flow.Flow.Priority > best.Flow.Priority))
            {
                best = flow;
            }
        }
        return best;
    }

    public void Learn(in FlowMatch packet)
    {
        if (packet.DlSrc.IsMulticast)
        {
            return;
        }
        Stations[packet.DlSrc] = packet.InPort;
        if (packet.DlType == EtherType.Arp && packet.NwSrc != 0)
        {
            Neighbours[packet.NwSrc] = packet.DlSrc;
        }
    }

    /// <summary>Where a learning bridge sends it.</summary>
    public FlowAction[] Outputs(in FlowMatch packet)
    {
        ushort came = packet.InPort;
        bool isFromMesh = meshed.Contains(came);
        return Stations.TryGetValue(packet.DlDst, out ushort port)
            ? port == came ? [] : [FlowAction.Output(port)]
            : [.. ports.Where(other => other != came && !(isFromMesh && meshed.Contains(other))).Select(other => FlowAction.Output(other))];
    }
}
