using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Offload.Planning;

/// <summary>The flows in software above a candidate that match some of its frames: each needs a punt row before the candidate may have rows.</summary>
/// <remarks>Each added or removed flow updates it. So a flow-mod costs one test for each of the few candidates, not a walk through the table.</remarks>
internal sealed class BlockerList
{
    /// <summary>The greatest number of blockers. With more the candidate can have no rows, as every blocker needs at least one.</summary>
    private const int Capacity = CardRegisters.FirstReservedRow - 1;

    private readonly List<CardFlow> _flows = new(Capacity);

    private BlockerList()
    {
    }

    public IReadOnlyList<CardFlow> Flows => _flows;

    /// <summary>There are more than <see cref="Flows"/> holds.</summary>
    public bool IsOverfull { get; private set; }

    /// <param name="software">All flows in software, by rank.</param>
    public static BlockerList Find(CardFlow candidate, SortedSet<CardFlow> software)
    {
        BlockerList list = new();
        foreach (CardFlow flow in software)
        {
            if (list.IsOverfull || !flow.RanksAbove(candidate))
            {
                break;
            }
            list.TryAdd(candidate, flow);
        }
        return list;
    }

    /// <returns>Whether this changed what the candidate needs.</returns>
    public bool TryAdd(CardFlow candidate, CardFlow flow)
    {
        if (IsOverfull || !flow.RanksAbove(candidate) || !flow.Overlaps(candidate))
        {
            return false;
        }
        IsOverfull = _flows.Count == Capacity;
        if (!IsOverfull)
        {
            _flows.Add(flow);
        }
        return true;
    }

    /// <returns>False if the list has to be made anew.</returns>
    public bool TryRemove(CardFlow candidate, CardFlow flow, out bool changed)
    {
        changed = IsOverfull ? flow.RanksAbove(candidate) && flow.Overlaps(candidate) : _flows.Remove(flow);
        return !IsOverfull || !changed;
    }
}
