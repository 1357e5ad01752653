using Softswitch.Datapath.Pipeline;

namespace Softswitch.Datapath.Control;

/// <content>Barriers, and the ends of entries that controllers have to read first.</content>
internal sealed unsafe partial class DatapathControl
{
    // Entries whose memory is taken back, or whose end is reported, before it is looked whether others wait for the control lock.
    private const int ReclaimSlice = 64;

    // Wildcard entries that move before that: each takes some microseconds.
    private const int MovedBetweenLooks = 4;

    // Indices that must be left for an ADD to be taken while flow-removed wait for a controller to read.
    private const int SpareIndices = 1024;

    // For how many milliseconds they are waited for, in all, until none waits any more.
    private const int ShortagePatience = 3000;

    private long? _shortSince;

    /// <summary>
    /// Whether flow-removed wait for controllers to read and hold nearly all memory of entries; time to wait before more flow-mods, for
    /// some seconds.
    /// </summary>
    public bool IsShortOfEntries => _flows.Removed.HasReports && _store.FreeCount < SpareIndices;

    /// <summary>Goes on with a barrier (§5.3.7): microseconds, unless there is much to wait for.</summary>
    /// <returns>
    /// Whether every packet-out from before it is sent, no worker still treats a packet by an earlier table, all outputs of those that it began to are
    /// sent, and the end of entries removed before it is reported. If not, it is called again after the control lock was left.
    /// </returns>
    /// <param name="progress">How far it has come.</param>
    /// <param name="reader">How far whoever sent it is with the ends of entries: others that read slowly are not waited for.</param>
    /// <exception cref="InvalidOperationException">A worker is stuck: there is nothing true to reply.</exception>
    public bool TryBarrier(ref BarrierProgress progress, in FlowRemovedCursor reader)
    {
        progress.IsHeldUp = false;
        if (progress.Stage <= BarrierStage.PacketOuts)
        {
            if (!_packetOuts.TryFinish(ref progress))
            {
                return false;
            }
            if (!_shared.Grace.Wait())
            {
                _shared.Grace.ThrowIfStuck();
            }
            _packetOuts.Reclaim();
            progress.Stage = BarrierStage.Costly;
            progress.Target = -1;
        }
        if (progress.Stage == BarrierStage.Costly)
        {
            if (!TryFinishCostly(ref progress))
            {
                return false;
            }
            progress.Target = _shared.Grace.RetiredCount;
            progress.Stage = BarrierStage.Reclaim;
        }
        if (progress.Stage == BarrierStage.Reclaim)
        {
            while (_shared.Grace.ReclaimedCount < progress.Target)
            {
                _shared.Grace.Poll(ReclaimSlice); // first: whoever cannot leave the control lock goes on all the same
                if (_lock.IsOverdue)
                {
                    return false;
                }
            }
            progress.Target = _flows.Removed.ReportCount;
            progress.Stage = BarrierStage.Report;
        }
        while (Math.Max(reader.Count, _flows.Removed.ReportedCount) < progress.Target && !progress.IsHeldUp)
        {
            if (_lock.IsOverdue)
            {
                return false;
            }
            bool goesOn = _flows.Removed.Report(ReclaimSlice);
            progress.IsHeldUp = !goesOn && Math.Max(reader.Count, _flows.Removed.ReportedCount) < progress.Target;
        }
        return !progress.IsHeldUp;
    }

    /// <summary>A whole barrier without leaving the control lock: it waits for no controller to read.</summary>
    public void Barrier()
    {
        BarrierProgress progress = default;
        while (!TryBarrier(ref progress, default))
        {
            _flows.Removed.Report(ReclaimSlice, force: true);
        }
    }

    /// <summary>For a receiver in <see cref="IControlEvents.OnFlowsRemoved"/>: the next end of an entry.</summary>
    /// <returns>False if there is none.</returns>
    public bool TryReadFlowRemoved(ref FlowRemovedCursor cursor, out FlowRemoved removed) => _flows.Removed.TryRead(ref cursor, out removed);

    /// <summary>The cursor of a receiver that has taken all, or wants none.</summary>
    public FlowRemovedCursor EndOfFlowRemoved => _flows.Removed.EndOfReports;

    /// <summary>Whether what takes workers more than a pass, and began before, has ended: first what is under way, which may send more through the table.</summary>
    private bool TryFinishCostly(ref BarrierProgress progress)
    {
        for (; progress.Step < 2 * _workers.Length; progress.Step++, progress.Target = -1)
        {
            CostlyPackets costly = _workers[progress.Step / 2].Costly;
            bool throughTable = progress.Step % 2 != 0;
            if (progress.Target < 0)
            {
                progress.Target = costly.Begun(throughTable);
                progress.Done = -1;
            }
            if (costly.Ended(throughTable) < progress.Target && progress.IsWaiting(costly.Ended(throughTable: false) + costly.Ended(throughTable: true)))
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>Others' flow-mods wait for those that read slowly, but not for ever.</summary>
    private void EndShortage()
    {
        if (!_flows.Removed.HasReports)
        {
            _shortSince = null;
            return;
        }
        long now = _shared.Clock.Milliseconds;
        if (IsShortOfEntries)
        {
            _shortSince ??= now;
        }
        bool goesOn = now - _shortSince > ShortagePatience;
        for (; goesOn && IsShortOfEntries; goesOn = !_lock.IsOverdue)
        {
            _flows.Removed.Report(ReclaimSlice, force: true);
        }
    }

    /// <returns>Whether there is more that can be done at once.</returns>
    private bool ReclaimUntilOthersTurn()
    {
        bool hasMore;
        do
        {
            hasMore = _shared.Grace.Poll(ReclaimSlice);
            hasMore |= _flows.Removed.Report(ReclaimSlice);
        }
        while (hasMore && !_lock.IsOverdue);
        return hasMore;
    }

    /// <summary>Moves some wildcard entries to where they are found sooner.</summary>
    /// <returns>Whether there are more.</returns>
    private bool MoveUntilOthersTurn()
    {
        bool hasMore = true;
        for (int moved = 0; hasMore && moved < ReclaimSlice && !_lock.IsOverdue; moved += MovedBetweenLooks)
        {
            hasMore = _table.Wildcard.Drain(MovedBetweenLooks) | _table.Wildcard.Settle(MovedBetweenLooks);
        }
        return hasMore;
    }
}
