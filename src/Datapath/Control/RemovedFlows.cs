using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Offload;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Tables;

namespace Softswitch.Datapath.Control;

/// <summary>Entries that left the table, until their end is reported and their memory is free.</summary>
/// <remarks>
/// A removed entry's end is reported, and its memory reused, when no worker can count for it any more, so the final counters are exact,
/// and when there is room for the report: removed entries queue for it in their own memory, so what waits is bounded by the table.
/// Threads: under the control lock.
/// </remarks>
internal sealed class RemovedFlows(FlowStore store, FlowEntries entries, ActionListMemory lists, FlowOffloads offloads, ControlClock clock, ControlLock controlLock)
    : IReclaimer
{
    /// <summary>Entries whose memory is taken back, or whose end is reported, before it is looked whether others wait for the control lock.</summary>
    public const int SliceLength = 64;

    // Indices that must be left for an ADD to be taken while flow-removed wait for a controller to read.
    private const int SpareIndices = 1024;

    // For how many milliseconds they are waited for, in all, until none waits any more.
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
    /// Whether ends wait for controllers to read and hold nearly all memory of entries; time to wait before more flow-mods, for some seconds.
    /// </summary>
    public bool IsShortOfEntries => HasReports && store.FreeCount < SpareIndices;

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
            _firstReport = store.Record(index).Next;
            ReportedCount++;
            Free(index);
        }
        return HasReports && (_reads != reads || ReportedCount < taken);
    }

    /// <summary>Others' flow-mods wait for those that read slowly, but not for ever.</summary>
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

    /// <summary>For a receiver in <see cref="IControlEvents.OnFlowsRemoved"/>: the next end of an entry.</summary>
    /// <returns>False if there is none.</returns>
    public bool TryRead(ref FlowRemovedCursor cursor, out FlowRemoved removed)
    {
        removed = default;
        if (cursor.Count >= ReportCount)
        {
            return false;
        }
        // What all have taken is free: then the next is the first that is left.
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

    /// <summary>The cursor of a receiver that has taken all, or wants none.</summary>
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
