using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Tables;

namespace Softswitch.Datapath.Pipeline;

/// <summary>State that the control side shares with every worker.</summary>
internal sealed class WorkerShared : IDisposable
{
    private volatile PipelineSettings _settings = new();
    private volatile bool _arePacketInsLimited;
    private long _accountEpoch;

    public required FramePool Frames { get; init; }

    /// <summary>The datapath's quota of frames; null if they are not counted.</summary>
    public FrameQuota? FrameQuota { get; init; }

    public required FlowTable Table { get; init; }

    public required ActionListMemory Lists { get; init; }

    public required GracePeriod Grace { get; init; }

    public required ControlClock Clock { get; init; }

    public required StationTable Macs { get; init; }

    public required ControlWakeup Service { get; init; }

    public required int FlowCacheCapacity { get; init; }

    public required int MaxReassemblies { get; init; }

    public required TimeSpan ReassemblyTimeout { get; init; }

    /// <summary>The frames that waiting packet-ins may hold.</summary>
    public required PacketInRoom PacketInRoom { get; init; }

    /// <summary>For packet-ins whose ingress is no port: a packet-out through the table with OFPP_NONE or OFPP_CONTROLLER.</summary>
    public required PacketInQueues PortlessPacketIns { get; init; }

    /// <summary>Whether packet-ins wait because of the rate limit.</summary>
    public bool ArePacketInsLimited
    {
        get => _arePacketInsLimited;
        set => _arePacketInsLimited = value;
    }

    /// <summary>Each worker copies its accounts when this has moved on, before anything else of its next pass. Moved on under the control lock.</summary>
    public long AccountEpoch
    {
        get => Volatile.Read(ref _accountEpoch);
        set => Interlocked.Exchange(ref _accountEpoch, value); // a fence: wakes follow
    }

    public PipelineSettings Settings
    {
        get => _settings;
        set => _settings = value;
    }

    public PortSet Ports => _settings.Ports;

    public void Dispose()
    {
        Table.Dispose();
        Table.Store.Dispose();
        Grace.Dispose();
        Macs.Dispose();
        Service.Dispose();
    }
}
