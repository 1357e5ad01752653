namespace Softswitch.Datapath.Queues;

/// <summary>A queue with the counters it keeps through changes.</summary>
internal readonly record struct QueueSetup(QueueConfig Config, QueueCounters Counters);

/// <summary>What a port's scheduler is to do. Never changed, replaced as a whole; a port that needs no scheduler has none.</summary>
internal sealed class PortQueueSettings
{
    /// <param name="rate">Bit/s of the port; 0 if unknown.</param>
    /// <param name="queues">In ascending order of number.</param>
    /// <param name="frameLimit">Packets each queue may hold.</param>
    /// <param name="largeFrameLimit">How many of them may be in large frames.</param>
    public PortQueueSettings(long rate, QueueSetup[] queues, int frameLimit, int largeFrameLimit)
    {
        Rate = rate;
        Queues = queues;
        FrameLimit = frameLimit;
        LargeFrameLimit = largeFrameLimit;
    }

    public long Rate { get; }

    public QueueSetup[] Queues { get; }

    public int FrameLimit { get; }

    public int LargeFrameLimit { get; }

    public bool Has(uint queueId) => Array.Exists(Queues, queue => queue.Config.Id == queueId);

    /// <summary>Counters of a queue; null if there is none of that number.</summary>
    public QueueCounters? CountersOf(uint queueId)
    {
        foreach (ref readonly QueueSetup queue in Queues.AsSpan())
        {
            if (queue.Config.Id == queueId)
            {
                return queue.Counters;
            }
        }
        return null;
    }
}
