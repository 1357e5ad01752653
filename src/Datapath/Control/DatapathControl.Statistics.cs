using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Offload;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;

namespace Softswitch.Datapath.Control;

/// <content>Flow entries, tables and drops as statistics tell them (OpenFlow 1.0.0 §5.3.5).</content>
internal sealed unsafe partial class DatapathControl
{
    /// <summary>Iterates over flow entries. Start with a <paramref name="cursor"/> of 0. The control lock may be left between two calls: entries
    /// that stay all the while are reported exactly once.</summary>
    public bool NextFlow(ref uint cursor, in FlowFilter filter, out FlowStatistics statistics) =>
        filter.TableId == FlowFilter.EmergencyTable
            ? _flows.Emergency.Next(ref cursor, filter, out statistics)
            : _flows.Entries.Next(ref cursor, filter, out statistics);

    /// <summary>Watches which entries are busy. Without the control lock.</summary>
    /// <param name="enter">As <see cref="Enter"/>.</param>
    public BusiestFlows WatchFlows(Func<ControlScope> enter) => new(_flows.Entries, _store, enter);

    /// <summary>Totals over these entries. As a walk with <see cref="NextFlow"/>, it leaves the control lock in between.</summary>
    public AggregateStatistics Aggregate(in FlowFilter filter)
    {
        AggregateStatistics total = default;
        for (uint cursor = 0; NextFlow(ref cursor, filter, out FlowStatistics flow);)
        {
            total.PacketCount += flow.PacketCount;
            total.ByteCount += flow.ByteCount;
            total.FlowCount++;
        }
        return total;
    }

    /// <summary>The flow table as controllers see it. Look-ups include those that ended in hardware; there is room for <see
    /// cref="DatapathOptions.MaxExactEntries"/> entries without wildcards and <see cref="DatapathOptions.MaxWildcardEntries"/> with them.</summary>
    public TableStatistics ReadTable()
    {
        ReadLookups(out ulong lookups, out ulong exact, out ulong wildcard);
        return new TableStatistics(
            FlowFilter.FlowTable, "flows", FlowWildcards.All, (uint)(_options.MaxExactEntries + _options.MaxWildcardEntries),
            (uint)(_table.Exact.Count + _table.Wildcard.Count), lookups, exact + wildcard);
    }

    /// <summary>One of the two structures that the flow table consists of.</summary>
    /// <param name="part">0 for exact, 1 for wildcard entries.</param>
    public TableStatistics ReadTable(int part)
    {
        ReadLookups(out ulong lookups, out ulong exact, out ulong wildcard);
        return part == 0
            ? new TableStatistics(0, "exact", FlowWildcards.None, (uint)_options.MaxExactEntries, (uint)_table.Exact.Count, lookups, exact)
            : new TableStatistics(1, "wildcard", FlowWildcards.All, (uint)_options.MaxWildcardEntries, (uint)_table.Wildcard.Count, lookups - exact, wildcard);
    }

    /// <summary>Packets that ended inside the switch for this reason, over all workers and ports, those that went included.</summary>
    public long ReadDrops(DropReason reason) => _accounts.ReadDrops(reason);

    /// <summary>Where all packets are that the switch has met, every row of the same moment. Workers are woken, and go on at once.</summary>
    public AccountReading ReadAccounts() => _accounts.Read();

    /// <summary>Totals of all packets, without waking a worker: those of ports, then those of the controller and the switch itself.</summary>
    public (AccountRow Ports, AccountRow Others) ReadTotals() => _accounts.ReadTotals();

    private void ReadLookups(out ulong lookups, out ulong exact, out ulong wildcard)
    {
        OffloadTotals offloaded = _flows.Offloads.ReadTotals();
        lookups = offloaded.ExactMatches + offloaded.WildcardMatches;
        exact = offloaded.ExactMatches;
        wildcard = offloaded.WildcardMatches;
        foreach (Worker worker in _workers)
        {
            // Matches first: a worker counts the lookups before them, so there are never more matches than lookups.
            wildcard += (ulong)Volatile.Read(ref worker.Counters.WildcardMatches);
            exact += (ulong)Volatile.Read(ref worker.Counters.ExactMatches);
            lookups += (ulong)Volatile.Read(ref worker.Counters.Lookups);
        }
    }
}
