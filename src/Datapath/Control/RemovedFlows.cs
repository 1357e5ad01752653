using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Offload;
using Softswitch.Datapath.Tables;

namespace Softswitch.Datapath.Control;

/// <summary>Entries that left the table, until their end is reported and their memory is free.</summary>
/// <remarks>
/// A removed entry's end is reported, and its memory reused, when no worker can count for it any more, so the final counters are exact,
/// and when there is room for the report: removed entries queue for it in their own memory, so what waits is bounded by the table.
/// Threads: under the control lock.
/// </remarks>
internal sealed unsafe class RemovedFlows(FlowStore store, FlowEntries entries, ActionListMemory lists, FlowOffloads offloads) : IReclaimer
{
    private uint _firstReport;
    private uint _lastReport;
    private long _reads;

    /// <summary>Receives the end of entries that asked for it.</summary>
    public IControlEvents? Events { get; set; }

    /// <summary>Whether the end of entries is still to be reported.</summary>
    public bool HasReports => _firstReport != 0;

    /// <summary>Ends of entries that ever were to be reported.</summary>
    public long ReportCount { get; private set; }

    /// <summary>How many of them, from the first on, are: to every receiver.</summary>
    public long ReportedCount { get; private set; }

    /// <summary>Has each receiver take the end of up to so many entries, and frees so many that all of them have.</summary>
    /// <param name="force">Whether they are to take them even if they have no room.</param>
    /// <returns>Whether there is more that can be done at once.</returns>
    public bool Report(int limit, bool force = false)
    {
        if (!HasReports)
        {
            return false;
        }
        long reads = _reads;
        long taken = Math.Min(Events!.OnFlowsRemoved(limit, force), ReportCount);
        for (; limit > 0 && ReportedCount < taken; limit--)
        {
            uint index = _firstReport;
            _firstReport = store.Records[index].Next;
            ReportedCount++;
            Free(index);
        }
        return HasReports && (_reads != reads || ReportedCount < taken);
    }

    /// <summary>The end of the next entry for one of the receivers; false if there is none.</summary>
    public bool TryRead(ref FlowRemovedCursor cursor, out FlowRemoved removed)
    {
        removed = default;
        if (cursor.Count >= ReportCount)
        {
            return false;
        }
        // What all have taken is free: then the next is the first that is left.
        uint index = cursor.Count > ReportedCount ? store.Records[cursor.Last].Next : _firstReport;
        cursor = new FlowRemovedCursor(index, Math.Max(cursor.Count, ReportedCount) + 1);
        _reads++;
        ref FlowRecord record = ref store.Records[index];
        FlowCounters counters = entries.ReadCounters(index);
        removed = new FlowRemoved(
            MatchNormalizer.Report(record.Match), record.Cookie, record.Priority, record.RemovedReason,
            TimeSpan.FromTicks(record.RemovedAt - record.InstalledAt), record.IdleTimeoutSeconds, counters.Packets, counters.Bytes);
        return true;
    }

    /// <summary>Behind the last entry whose end is to be reported.</summary>
    public FlowRemovedCursor EndOfReports => new(_lastReport, ReportCount);

    /// <summary>Workers have let go of a removed entry: frees it, at once or after its end is reported.</summary>
    void IReclaimer.Reclaim(nint item)
    {
        uint index = (uint)item;
        lists.Return(store.Entries[index].Actions);
        if (!store.Records[index].ReportRemoval || Events == null)
        {
            Free(index);
            return;
        }
        if (HasReports)
        {
            store.Records[_lastReport].Next = index;
        }
        else
        {
            _firstReport = index;
        }
        _lastReport = index;
        ReportCount++;
    }

    private void Free(uint index)
    {
        offloads.Forget(index);
        store.Free(index);
    }
}
