using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Queues;

namespace Softswitch.Datapath.Control;

/// <summary>The control side of queues: what is configured on which port. Threads: under the control lock.</summary>
internal sealed class QueueControl
{
    // Every queue may always hold some packets, however many queues there are.
    private const int LeastFrames = 16;
    private const int MostLargeFrames = 16;

    private readonly FramePool _pool;

    public QueueControl(FramePool pool) => _pool = pool;

    public static ControlError Configure(SwitchPort port, in QueueConfig config)
    {
        QueueSetup[] queues = port.QueueSettings?.Queues ?? [];
        uint id = config.Id;
        QueueCounters? counters = port.QueueSettings?.CountersOf(id);
        if (!config.IsValid || (counters == null && queues.Length >= QueueConfig.MaxPerPort))
        {
            return ControlError.BadQueue;
        }
        QueueSetup setup = new(config, counters ?? new QueueCounters());
        Replace(port, [.. queues.Where(queue => queue.Config.Id != id).Append(setup).OrderBy(queue => queue.Config.Id)]);
        return ControlError.None;
    }

    public static ControlError Remove(SwitchPort port, uint queueId)
    {
        if (port.QueueSettings?.Has(queueId) != true)
        {
            return ControlError.BadQueue;
        }
        Replace(port, [.. port.QueueSettings.Queues.Where(queue => queue.Config.Id != queueId)]);
        return ControlError.None;
    }

    public static void SetRate(SwitchPort port, long bitsPerSecond)
    {
        port.RateLimit = bitsPerSecond;
        Replace(port, port.QueueSettings?.Queues ?? []);
    }

    /// <summary>Shares packet memory out among the queues there are, and follows the links' speed.</summary>
    /// <returns>Whether that changed any port's settings.</returns>
    public bool Refresh(PortSet ports)
    {
        int queues = ports.Ports.Sum(port => port.QueueSettings == null ? 0 : port.QueueSettings.Queues.Length + 1);
        // Half of the memory at most waits in queues; the other half keeps the switch receiving.
        int frames = Math.Clamp(_pool.FrameCount / 2 / Math.Max(queues, 1), LeastFrames, ScheduledQueue.Capacity);
        int largeFrames = Math.Clamp(_pool.LargeFrameCount / 2 / Math.Max(queues, 1), 1, MostLargeFrames);
        bool changed = false;
        foreach (SwitchPort port in ports.Ports)
        {
            if (port.QueueSettings is { } old && (old.Rate != port.Rate || old.FrameLimit != frames || old.LargeFrameLimit != largeFrames))
            {
                port.QueueSettings = new PortQueueSettings(port.Rate, old.Queues, frames, largeFrames);
                changed = true;
            }
        }
        return changed;
    }

    public static QueueStatistics Read(SwitchPort port, in QueueSetup queue) =>
        new(port.Number, queue.Config.Id, queue.Counters.Bytes, queue.Counters.Packets, queue.Counters.Overruns);

    // The limits are Refresh's to set; until then those before hold.
    private static void Replace(SwitchPort port, QueueSetup[] queues)
    {
        PortQueueSettings? old = port.QueueSettings;
        port.QueueSettings = queues.Length == 0 && port.RateLimit == 0
            ? null
            : new PortQueueSettings(port.Rate, queues, old?.FrameLimit ?? LeastFrames, old?.LargeFrameLimit ?? 1);
    }
}
