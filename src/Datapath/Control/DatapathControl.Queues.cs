using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Queues;

namespace Softswitch.Datapath.Control;

/// <content>Queues of ports (OpenFlow 1.0.0 §5.2.2, §5.3.4) and rates of ports.</content>
internal sealed unsafe partial class DatapathControl
{
    private readonly QueueControl _queues;

    /// <summary>Adds a queue to a port or changes its rates; it keeps its counters and packets.</summary>
    /// <returns><see cref="ControlError.BadPort"/>; <see cref="ControlError.BadQueue"/> if number or rates make no sense or the port has
    /// <see cref="QueueConfig.MaxPerPort"/> queues already. Guarantees may exceed the port's rate: then they shrink in proportion.</returns>
    public ControlError ConfigureQueue(ushort port, in QueueConfig config)
    {
        if (_shared.Ports.Find(port) is not SwitchPort found)
        {
            return ControlError.BadPort;
        }
        ControlError error = QueueControl.Configure(found, config);
        PublishQueues(error == ControlError.None);
        return error;
    }

    /// <summary>Takes a queue from a port. Its packets are dropped and counted; those that name it from now on go by the port's own queue.</summary>
    public ControlError RemoveQueue(ushort port, uint queueId)
    {
        if (_shared.Ports.Find(port) is not SwitchPort found)
        {
            return ControlError.BadPort;
        }
        ControlError error = QueueControl.Remove(found, queueId);
        PublishQueues(error == ControlError.None);
        return error;
    }

    /// <summary>Sets the rate a port sends at; without one, a port with queues sends at its link's speed, as far as that is known.</summary>
    /// <param name="bitsPerSecond">Bytes of frames count, from the Ethernet header to the payload; 0 for none.</param>
    public ControlError ConfigurePortRate(ushort port, long bitsPerSecond)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bitsPerSecond);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bitsPerSecond, QueueConfig.HighestRate);
        if (_shared.Ports.Find(port) is not SwitchPort found)
        {
            return ControlError.BadPort;
        }
        QueueControl.SetRate(found, bitsPerSecond);
        PublishQueues(changed: true);
        return ControlError.None;
    }

    /// <summary>A port's rate in bit/s, as configured or else its link's; 0 if unknown or if there is no such port.</summary>
    public long ReadPortRate(ushort port) => _shared.Ports.Find(port)?.Rate ?? 0;

    /// <summary>A port's queues in ascending order of number; empty too if there is no such port.</summary>
    public IReadOnlyList<QueueConfig> ReadQueues(ushort port) =>
        Array.ConvertAll(_shared.Ports.Find(port)?.QueueSettings?.Queues ?? [], queue => queue.Config);

    /// <summary>Counters of a port's queues, in the same order.</summary>
    public IReadOnlyList<QueueStatistics> ReadQueueStatistics(ushort port) =>
        _shared.Ports.Find(port) is SwitchPort found
            ? Array.ConvertAll(found.QueueSettings?.Queues ?? [], queue => QueueControl.Read(found, queue))
            : [];

    /// <summary>Packets that named a queue which the port has not, and went by the port's own; 0 too if there is no such port.</summary>
    public ulong ReadQueueMisses(ushort port) => _shared.Ports.Find(port)?.ReadQueueMisses() ?? 0;

    /// <summary>Makes changed settings known to the workers: they look at a port's settings when the set of ports is replaced.</summary>
    private void PublishQueues(bool changed)
    {
        if (_queues.Refresh(_shared.Ports) | changed)
        {
            Publish(_shared.Ports.Ports);
        }
    }
}
