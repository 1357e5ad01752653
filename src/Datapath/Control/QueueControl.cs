using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Queues;

namespace Softswitch.Datapath.Control;

/// <summary>Queues of ports (OpenFlow 1.0.0 §5.2.2, §5.3.4) and rates of ports.</summary>
/// <remarks>Threads: under the control lock.</remarks>
internal sealed class QueueControl(WorkerShared shared, PipelineControl pipeline)
{
    // Every queue may always hold some packets, however many queues there are.
    private const int LeastFrames = 16;
    private const int MostLargeFrames = 16;

    /// <summary>Adds a queue to a port or changes its rates; it keeps its counters and packets.</summary>
    /// <returns><see cref="ControlError.BadPort"/>; <see cref="ControlError.BadQueue"/> if number or rates make no sense or the port has
    /// <see cref="QueueConfig.MaxPerPort"/> queues already. Guarantees may exceed the port's rate: then they shrink in proportion.</returns>
    public ControlError Configure(ushort port, in QueueConfig config)
    {
        if (shared.Ports.Find(port) is not SwitchPort found)
        {
            return ControlError.BadPort;
        }
        QueueSetup[] queues = QueuesOf(found);
        uint id = config.Id;
        QueueCounters? counters = found.QueueSettings?.CountersOf(id);
        if (!config.IsValid || (counters == null && queues.Length >= QueueConfig.MaxPerPort))
        {
            return ControlError.BadQueue;
        }
        QueueSetup setup = new(config, counters ?? new QueueCounters());
        Replace(found, [.. queues.Where(queue => queue.Config.Id != id).Append(setup).OrderBy(queue => queue.Config.Id)]);
        return ControlError.None;
    }

    /// <summary>Takes a queue from a port. Its packets are dropped and counted; those that name it from now on go by the port's own queue.</summary>
    public ControlError Remove(ushort port, uint queueId)
    {
        if (shared.Ports.Find(port) is not SwitchPort found)
        {
            return ControlError.BadPort;
        }
        if (found.QueueSettings?.Has(queueId) != true)
        {
            return ControlError.BadQueue;
        }
        Replace(found, [.. found.QueueSettings.Queues.Where(queue => queue.Config.Id != queueId)]);
        return ControlError.None;
    }

    /// <summary>Sets the rate a port sends at; without one, a port with queues sends at its link's speed, as far as that is known.</summary>
    /// <param name="bitsPerSecond">Bytes of frames count, from the Ethernet header to the payload; 0 for none.</param>
    public ControlError ConfigureRate(ushort port, long bitsPerSecond)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bitsPerSecond);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bitsPerSecond, QueueConfig.HighestRate);
        if (shared.Ports.Find(port) is not SwitchPort found)
        {
            return ControlError.BadPort;
        }
        found.RateLimit = bitsPerSecond;
        Replace(found, QueuesOf(found));
        return ControlError.None;
    }

    /// <summary>A port's rate in bit/s, as configured or else its link's; 0 if unknown or if there is no such port.</summary>
    public long ReadRate(ushort port) => shared.Ports.Find(port)?.Rate ?? 0;

    /// <summary>A port's queues in ascending order of number; empty too if there is no such port.</summary>
    public IReadOnlyList<QueueConfig> Read(ushort port) => Array.ConvertAll(QueuesOf(shared.Ports.Find(port)), queue => queue.Config);

    /// <summary>Counters of a port's queues, in the same order.</summary>
    public IReadOnlyList<QueueStatistics> ReadStatistics(ushort port) => Array.ConvertAll(
        QueuesOf(shared.Ports.Find(port)),
        queue => new QueueStatistics(port, queue.Config.Id, queue.Counters.Bytes, queue.Counters.Packets, queue.Counters.Overruns));

    /// <summary>Packets that named a queue which the port has not, and went by the port's own; 0 too if there is no such port.</summary>
    public ulong ReadMisses(ushort port) => shared.Ports.Find(port)?.ReadQueueMisses() ?? 0;

    /// <summary>
    /// Shares packet memory out among the queues there are, follows the links' speed, and makes changed settings known to the workers: they look at
    /// a port's settings when the set of ports is replaced.
    /// </summary>
    public void Refresh(bool changed = false)
    {
        SwitchPort[] ports = shared.Ports.Ports;
        int queues = ports.Sum(port => port.QueueSettings == null ? 0 : port.QueueSettings.Queues.Length + 1);
        // Half of the memory at most waits in queues; the other half keeps the switch receiving.
        FramePool pool = shared.Frames;
        int frames = Math.Clamp(pool.FrameCount / 2 / Math.Max(queues, 1), LeastFrames, ScheduledQueue.Capacity);
        int largeFrames = Math.Clamp(pool.LargeFrameCount / 2 / Math.Max(queues, 1), 1, MostLargeFrames);
        foreach (SwitchPort port in ports)
        {
            if (port.QueueSettings is { } old && (old.Rate != port.Rate || old.FrameLimit != frames || old.LargeFrameLimit != largeFrames))
            {
                port.QueueSettings = new PortQueueSettings(port.Rate, old.Queues, frames, largeFrames);
                changed = true;
            }
        }
        if (changed)
        {
            pipeline.Publish(ports);
        }
    }

    private static QueueSetup[] QueuesOf(SwitchPort? port) => port?.QueueSettings?.Queues ?? [];

    // The limits are Refresh's to set.
    private void Replace(SwitchPort port, QueueSetup[] queues)
    {
        PortQueueSettings? old = port.QueueSettings;
        port.QueueSettings = queues.Length == 0 && port.RateLimit == 0
            ? null
            : new PortQueueSettings(port.Rate, queues, old?.FrameLimit ?? LeastFrames, old?.LargeFrameLimit ?? 1);
        Refresh(changed: true);
    }
}
