using Softswitch.Datapath.Control;
using Softswitch.Datapath.Ports;
using Softswitch.Datapath.Queues;
using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Agent;

/// <summary>Answers what controllers ask about queues: statistics (OpenFlow 1.0.0 §5.3.5) and configuration (§5.3.4).</summary>
/// <remarks>Threads: with the control lock held. OFPQOFC_EPERM is never needed: any peer that may connect may ask.</remarks>
internal static class QueueResponder
{
    /// <summary>What OFPQT_MIN_RATE says when a rate cannot be given as a part of the port's: above 1000 is "disabled" (§5.2.2).</summary>
    public const ushort MinRateDisabled = 0xffff;

    private const int WholeRate = 1000;

    /// <summary>Statistics of all queues, a port's, or one; a long answer in parts.</summary>
    public static bool TryHandleStatistics(DatapathControl control, ReadOnlySpan<byte> body, uint xid, OfBuffer reply, out OfError error)
    {
        if (!QueueStatsMessage.TryDecodeRequest(body, out ushort wantedPort, out uint wantedQueue, out error))
        {
            return false;
        }
        // §5.3.5 has ALL for every port. Open vSwitch sends it too; NONE, which port statistics have, is taken for the same.
        bool isAllPorts = wantedPort is PortNumber.All or PortNumber.None;
        List<QueueStatistics> found = [];
        bool hasPort = isAllPorts;
        foreach (ushort port in control.Ports.Numbers)
        {
            if (isAllPorts || port == wantedPort)
            {
                hasPort = true;
                found.AddRange(control.Queues.ReadStatistics(port).Where(q => wantedQueue == QueueStatsMessage.AllQueues || q.QueueId == wantedQueue));
            }
        }
        if (!hasPort || (found.Count == 0 && wantedQueue != QueueStatsMessage.AllQueues))
        {
            error = hasPort ? OfError.QueueOpBadQueue : OfError.QueueOpBadPort;
            return false;
        }
        WriteStatistics(found, xid, reply);
        return true;
    }

    /// <summary>A port's queues with their guarantees.</summary>
    public static bool TryHandleConfig(DatapathControl control, ReadOnlySpan<byte> message, uint xid, OfBuffer reply, out OfError error)
    {
        if (!QueueConfigMessage.TryDecodeRequest(message, out ushort port, out error))
        {
            return false;
        }
        if (!control.Ports.TryRead(port, out _))
        {
            error = OfError.QueueOpBadPort;
            return false;
        }
        long portRate = control.Queues.ReadRate(port);
        QueueDescription[] queues = [.. control.Queues.Read(port).Select(queue => new QueueDescription(queue.Id, MinRateOf(queue, portRate)))];
        QueueConfigMessage.WriteReply(reply, xid, port, queues);
        return true;
    }

    /// <summary>A guarantee in tenths of a percent of the port's rate, rounded, but never to nothing; null where there is none.</summary>
    public static ushort? MinRateOf(in QueueConfig queue, long portRate)
    {
        if (queue.MinRate == 0)
        {
            return null;
        }
        return portRate == 0 ? MinRateDisabled : (ushort)Math.Clamp(((queue.MinRate * WholeRate) + (portRate / 2)) / portRate, 1, WholeRate);
    }

    private static void WriteStatistics(List<QueueStatistics> queues, uint xid, OfBuffer reply)
    {
        const int perPart = (StatsResponder.PartSize - StatsMessage.HeaderSize) / QueueStatsMessage.EntrySize;
        int next = 0;
        do
        {
            int start = StatsMessage.BeginReply(reply, xid, OfStatsType.Queue);
            for (int end = Math.Min(next + perPart, queues.Count); next < end; next++)
            {
                QueueStatsMessage.WriteEntry(reply, queues[next]);
            }
            StatsMessage.EndReply(reply, start, more: next < queues.Count);
        }
        while (next < queues.Count);
    }
}
