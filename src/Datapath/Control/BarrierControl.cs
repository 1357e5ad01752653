using Softswitch.Datapath.Pipeline;

namespace Softswitch.Datapath.Control;

/// <summary>Barriers (OpenFlow 1.0.0 §5.3.7).</summary>
/// <remarks>Threads: under the control lock.</remarks>
internal sealed class BarrierControl(WorkerShared shared, Worker[] workers, PacketOutSender packetOuts, RemovedFlows removed, ControlLock controlLock)
{
    /// <summary>Goes on with a barrier: microseconds, unless there is much to wait for.</summary>
    /// <returns>
    /// True once every earlier packet-out is sent, no worker treats a packet by an earlier table, the outputs of packets begun before are sent, and entries
    /// removed before are reported. If false, the caller releases the control lock and calls again.
    /// </returns>
    /// <param name="progress">The state of the barrier between calls.</param>
    /// <param name="reader">How many reports of removed entries the barrier's sender has read. The barrier does not wait for other controllers to read.</param>
    /// <exception cref="InvalidOperationException">A worker is stuck: a reply would not be true.</exception>
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
                shared.Grace.Poll(RemovedFlows.SliceLength); // first: a caller that cannot release the control lock makes progress, too
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
