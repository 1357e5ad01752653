using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Tracing;

namespace Softswitch.Datapath.Control;

/// <content>Following packets; threads as for the rest of the class, with the table.</content>
internal sealed unsafe partial class DatapathControl
{
    /// <summary>Follows packets through the switch as it is now. Of use until the control lock is left.</summary>
    /// <param name="before">Whose packets came before: what stations it has learned is known. The caller's; null for none.</param>
    public PacketTracer CreateTracer(PacketTracer? before = null) => new(_shared, before);

    /// <summary>
    /// Between two packets, where others have waited for long: leaves the control lock and enters again. A tracer from before
    /// follows no packets then.
    /// </summary>
    /// <returns>Whether it was left.</returns>
    public bool LetOthersIn() => _lock.Breathe();

    /// <summary>
    /// The entries that match a packet, best first; an exact one comes before all others. Indices hold until the control lock is
    /// left.
    /// </summary>
    /// <param name="most">How many are wanted.</param>
    /// <param name="count">How many there are.</param>
    public IReadOnlyList<uint> FindMatches(in FlowKey packet, int most, out int count)
    {
        IReadOnlyList<uint> wildcard = _table.Wildcard.FindAll(packet, most, out count);
        uint exact = _table.Exact.Find(_table.Hash.Compute(packet), packet);
        count += exact == 0 ? 0 : 1;
        return exact == 0 ? wildcard : [exact, .. wildcard.Take(most - 1)];
    }

    /// <summary>What reports say of an entry that was found under this hold of the control lock.</summary>
    public void DescribeEntry(uint index, out FlowStatistics statistics) => _flows.Entries.Describe(index, out statistics);

    /// <summary>Whether an entry is in table 0, that of exact entries.</summary>
    public bool IsExact(uint index) => _store.Records[index].State == Tables.FlowRecordState.Exact;
}
