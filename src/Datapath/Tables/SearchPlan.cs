namespace Softswitch.Datapath.Tables;

/// <summary>The structures that a look-up searches in table 1: subtables by falling priority, then bit vectors, if there are any.</summary>
/// <remarks>
/// A look-up takes one plan and keeps it to its end. Each entry is in at least one structure of the plan, and may be in two. The writer never
/// moves an entry: it copies it to another structure. Once all entries of a structure are copied, the next plan leaves the structure out. So the old plan
/// and the new plan both lead to every entry, and the structures of the old plan stay until the passes that use it end. Only a flow-mod changes an entry
/// in place; the <see cref="ChangeJournal"/> records it. The granules of a <see cref="BitVectorTable"/> keep to the same rule.
/// </remarks>
internal sealed record SearchPlan(RankedSubtable[] Subtables, BitVectorSet? Vectors);

/// <summary>A subtable and the bound it had when the plan was published: the order must hold as long as the plan is read.</summary>
/// <remarks>The fields are copies: a probe reads them without following references.</remarks>
internal readonly struct RankedSubtable(Subtable subtable, uint filterBit)
{
    public readonly Subtable Subtable = subtable;
    public readonly FlowIndex Index = subtable.Index;
    public readonly int PriorityBound = subtable.PriorityBound;
    public readonly uint FilterBit = filterBit;
    public readonly Flows.FlowKey Mask = subtable.Mask;
}
