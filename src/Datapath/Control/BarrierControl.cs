using Softswitch.Datapath.Pipeline;

namespace Softswitch.Datapath.Control;

/// <summary>Barriers (OpenFlow 1.0.0 §5.3.7).</summary>
/// <remarks>Threads: under the control lock.</remarks>
internal sealed class BarrierControl(WorkerShared shared, Worker[] workers, PacketOutSender packetOuts, RemovedFlows removed, ControlLock controlLock)
{
    /// <summary>Goes on with a barrier: microseconds, unless there is much to wait for.</summary>
    /// <returns>
    /// Whether every packet-out from before it is sent, no worker still treats a packet by an earlier table, all outputs of those that it began to are
    /// sent, and the end of entries removed before it is reported. If not, it is called again after the control lock was left.
    /// </returns>
    /// <param name="progress">How far it has come.</param>
    /// <param name="reader">How far whoever sent it is with the ends of entries: others that read slowly are not waited for.</param>
    /// <exception cref="InvalidOperationException">A worker is stuck: there is nothing true to reply.</exception>
    public bool TryFinish(ref BarrierProgress progress, in FlowRemovedCursor reader)
    {
        progress.IsHeldUp = false;
        if (progress.Stage <= BarrierStage.PacketOuts)
        {
            if (!packetOuts.TryFinish(ref progress))
            {
                return false;
            }
            if (!shared.Grace.Wait())
            {
                shared.Grace.ThrowIfStuck();
            }
            packetOuts.Reclaim();
            progress.Stage = BarrierStage.Costly;
            progress.Target = -1;
        }
        if (progress.Stage == BarrierStage.Costly)
        {
            if (!TryFinishCostly(ref progress))
            {
                return false;
            }
            progress.Target = shared.Grace.RetiredCount;
            progress.Stage = BarrierStage.Reclaim;
        }
        if (progress.Stage == BarrierStage.Reclaim)
        {
            while (shared.Grace.ReclaimedCount < progress.Target)
            {
                shared.Grace.Poll(RemovedFlows.SliceLength); // first: whoever cannot leave the control lock goes on all the same
                if (controlLock.IsOverdue)
                {
                    return false;
                }
            }
            progress.Target = removed.ReportCount;
            progress.Stage = BarrierStage.Report;
        }
        while (Math.Max(reader.Count, removed.ReportedCount) < progress.Target && !progress.IsHeldUp)
        {
            if (controlLock.IsOverdue)
            {
                return false;
            }
            bool goesOn = removed.Report(RemovedFlows.SliceLength);
            progress.IsHeldUp = !goesOn && Math.Max(reader.Count, removed.ReportedCount) < progress.Target;
        }
        return !progress.IsHeldUp;
    }

    /// <summary>A whole barrier without leaving the control lock: it waits for no controller to read.</summary>
    public void Finish()
    {
        BarrierProgress progress = default;
        while (!TryFinish(ref progress, default))
        {
            removed.Report(RemovedFlows.SliceLength, force: true);
        }
    }

    /// <summary>Whether what takes workers more than a pass, and began before, has ended: first what is under way, which may send more through the table.</summary>
    private bool TryFinishCostly(ref BarrierProgress progress)
    {
        for (; progress.Step < 2 * workers.Length; progress.Step++, progress.Target = -1)
        {
            CostlyPackets costly = workers[progress.Step / 2].Costly;
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
}
