using Softswitch.Datapath.Fragments;
using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Tables;

namespace Softswitch.Datapath.Pipeline;

/// <summary>What the control side publishes to every worker.</summary>
internal sealed class WorkerShared : IDisposable
{
    private volatile PortSet _ports = PortSet.Empty;
    private volatile int _missBehaviour;
    private volatile int _fragmentHandling;
    private volatile bool _arePacketInsLimited;
    private volatile InBandTraffic? _inBand;

    public required FramePool Frames { get; init; }

    public required FlowTable Table { get; init; }

    public required GracePeriod Grace { get; init; }

    public required ControlClock Clock { get; init; }

    public required StationTable Macs { get; init; }

    public required ServiceSignal Service { get; init; }

    public required int FlowCacheCapacity { get; init; }

    public required int MaxReassemblies { get; init; }

    public required TimeSpan ReassemblyTimeout { get; init; }

    /// <summary>For packet-ins whose ingress is no port: a packet-out through the table with OFPP_NONE or OFPP_CONTROLLER.</summary>
    public required PacketInQueues PortlessPacketIns { get; init; }

    /// <summary>Whether packet-ins wait because of the rate limit.</summary>
    public bool ArePacketInsLimited
    {
        get => _arePacketInsLimited;
        set => _arePacketInsLimited = value;
    }

    public PortSet Ports
    {
        get => _ports;
        set => _ports = value;
    }

    public MissBehaviour MissBehaviour
    {
        get => (MissBehaviour)_missBehaviour;
        set => _missBehaviour = (int)value;
    }

    public FragmentHandling FragmentHandling
    {
        get => (FragmentHandling)_fragmentHandling;
        set => _fragmentHandling = (int)value;
    }

    /// <summary>What is forwarded past the flow table; null without in-band control.</summary>
    public InBandTraffic? InBand
    {
        get => _inBand;
        set => _inBand = value;
    }

    public void Dispose()
    {
        Table.Dispose();
        Table.Store.Dispose();
        Grace.Dispose();
        Macs.Dispose();
        Service.Dispose();
    }
}
