using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Offload;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Tables;

namespace Softswitch.Datapath.Control;

/// <summary>Entries that left the table, until their end is reported and their memory is free.</summary>
/// <remarks>
/// A removed entry is reported once no worker can count for it, so that the final counters are exact, and once connections have room for the report.
/// Then its memory is reused. Waiting entries are queued in their own memory, so the size of the store bounds the queue.
/// Threads: under the control lock.
/// </remarks>
internal sealed class RemovedFlows(FlowStore store, FlowEntries entries, ActionListMemory lists, FlowOffloads offloads, ControlClock clock, ControlLock controlLock)
    : IReclaimer
{
    /// <summary>Entries that are reclaimed or reported between two checks whether another thread waits for the control lock.</summary>
    public const int SliceLength = 64;

    // Free indices that an ADD needs while flow-removed messages wait for a controller to read.
    private const int SpareIndices = 1024;

    // Milliseconds that flow-mods wait for such controllers in all, until no message waits any more.
    private const int ShortagePatience = 3000;

    private long? _shortSince;
    private uint _firstReport;
    private uint _lastReport;
    private long _reads;

    /// <summary>Receives the end of entries that asked for it.</summary>
    public IControlEvents? Events { get; set; }

    /// <summary>Whether the end of entries is still to be reported.</summary>
    public bool HasReports => _firstReport != 0;

    /// <summary>
    /// Whether entries that wait to be reported hold nearly all memory of entries. Then flow-mods wait for the controllers to read, up to some seconds.
    /// </summary>
    public bool IsShortOfEntries => HasReports && store.FreeCount < SpareIndices;

    /// <summary>Removed entries that were ever queued for a report.</summary>
    public long ReportCount { get; private set; }

    /// <summary>How many of these, in their order, were reported to every receiver.</summary>
    public long ReportedCount { get; private set; }

    /// <summary>Makes each receiver take up to <paramref name="limit"/> reports, and frees entries that all receivers have taken.</summary>
    /// <param name="force">Whether a receiver must take them even if it has no room.</param>
    /// <returns>Whether more can be done at once.</returns>
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
            _firstReport = store.Record(index).Next;
            ReportedCount++;
            Free(index);
        }
        return HasReports && (_reads != reads || ReportedCount < taken);
    }

    /// <summary>Ends the wait for controllers that read slowly: after some seconds they must take their reports, so that flow-mods go on.</summary>
    public void EndShortage()
    {
        if (!HasReports)
        {
            _shortSince = null;
            return;
        }
        long now = clock.Milliseconds;
        if (IsShortOfEntries)
        {
            _shortSince ??= now;
        }
        bool goesOn = now - _shortSince > ShortagePatience;
        for (; goesOn && IsShortOfEntries; goesOn = !controlLock.IsOverdue)
        {
            Report(SliceLength, force: true);
        }
    }

    /// <summary>For a receiver in <see cref="IControlEvents.OnFlowsRemoved"/>: reads the report of the next removed entry.</summary>
    /// <returns>False if there is none.</returns>
    public bool TryRead(ref FlowRemovedCursor cursor, out FlowRemoved removed)
    {
        removed = default;
        if (cursor.Count >= ReportCount)
        {
            return false;
        }
        // Entries that all receivers have taken are free: then the next is the first of the queue.
        uint index = cursor.Count > ReportedCount ? store.Record(cursor.Last).Next : _firstReport;
        cursor = new FlowRemovedCursor(index, Math.Max(cursor.Count, ReportedCount) + 1);
        _reads++;
        ref FlowRecord record = ref store.Record(index);
        FlowCounters counters = entries.ReadCounters(index);
        removed = new FlowRemoved(
            MatchNormalizer.Report(record.Match), record.Cookie, record.Priority, record.RemovedReason,
            TimeSpan.FromTicks(record.RemovedAt - record.InstalledAt), record.IdleTimeoutSeconds, counters.Packets, counters.Bytes);
        return true;
    }

    /// <summary>The cursor of a receiver that has taken all reports, or wants none.</summary>
    public FlowRemovedCursor EndOfReports => new(_lastReport, ReportCount);

    /// <summary>Workers have let go of a removed entry: frees it, at once or after its end is reported.</summary>
    void IReclaimer.Reclaim(nint item)
    {
        uint index = (uint)item;
        lists.Return(store.Entry(index).Actions);
        if (!store.Record(index).ReportRemoval || Events == null)
        {
            Free(index);
            return;
        }
        if (HasReports)
        {
            store.Record(_lastReport).Next = index;
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
