namespace Softswitch.Datapath.Tables;

/// <summary>What a look-up in table 1 goes through: subtables by falling priority, then bit vectors, if there are any.</summary>
/// <remarks>
/// A look-up takes one plan and keeps it to its end. Each entry is in at least one structure of the plan, and may be in two. An entry never leaves a
/// structure for another one: it is copied, and a structure whose entries are all elsewhere goes as a whole, by the store of the next plan. So the old plan
/// and the new one both lead to every entry, and a look-up by the old one has its structures until its pass ends. What changes in place is the one entry
/// of a flow-mod, of which the <see cref="ChangeJournal"/> tells. The granules of a <see cref="BitVectorTable"/> keep to the same rule.
/// </remarks>
internal sealed record SearchPlan(RankedSubtable[] Subtables, BitVectorSet? Vectors);

/// <summary>A subtable and the bound it had when the plan was published: the order must hold as long as the plan is read.</summary>
/// <remarks>With what a probe needs at hand rather than behind references.</remarks>
internal readonly struct RankedSubtable(Subtable subtable, uint filterBit)
{
    public readonly Subtable Subtable = subtable;
    public readonly FlowIndex Index = subtable.Index;
    public readonly int PriorityBound = subtable.PriorityBound;
    public readonly uint FilterBit = filterBit;
    public readonly Flows.FlowKey Mask = subtable.Mask;
}
