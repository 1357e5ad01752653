namespace Softswitch.Hosting.Reports;

/// <summary>One port.</summary>
/// <param name="Number">OpenFlow's.</param>
/// <param name="Label">As people write it: the number, or <c>LOCAL</c>.</param>
/// <param name="Name">What it is called at present.</param>
/// <param name="Spec">As it was asked for.</param>
/// <param name="Backend">What stands behind it, and why; null while its interface is away.</param>
/// <param name="State"><c>up</c>, <c>down</c> (no carrier), <c>away</c> (its interface is not there, or cannot be opened, and is awaited) or <c>opening</c>.</param>
/// <param name="Fault">What keeps its device from its work, or the port from being opened; null while nothing does, or only the interface's absence.</param>
/// <param name="Config">What a controller set: <c>portDown</c>, <c>noFlood</c> and so on.</param>
/// <param name="HardwareAddress">Null while it is away.</param>
/// <param name="Mtu">Bytes of the longest IP packet; 0 without a limit.</param>
/// <param name="RateBitsPerSecond">The link's speed, or the limit it was given; 0 if unknown.</param>
/// <param name="Traffic">OpenFlow's counters; zero while it is away, and from its return on counted anew.</param>
/// <param name="Account">Where its packets are; null while it is away.</param>
/// <param name="Drops">Packets that ended at this port, by the reason's name; those that had none left out.</param>
internal sealed record PortReport(
    int Number,
    string Label,
    string Name,
    string Spec,
    string? Backend,
    string State,
    string? Fault,
    IReadOnlyList<string> Config,
    string? HardwareAddress,
    int Mtu,
    long RateBitsPerSecond,
    TrafficReport Traffic,
    AccountReport? Account,
    IReadOnlyDictionary<string, long> Drops)
{
    /// <summary>Its queues in ascending order of number; empty while it is away.</summary>
    public IReadOnlyList<QueueReport> Queues { get; init; } = [];
}

/// <summary>A queue of a port: struct ofp_queue_stats, and what it was given.</summary>
/// <param name="MinRateBitsPerSecond">What it is guaranteed; 0 for nothing.</param>
/// <param name="MaxRateBitsPerSecond">What it may send at most; 0 without a limit.</param>
/// <param name="SendDropped">Packets that came when it was full.</param>
internal sealed record QueueReport(
    uint Id, long MinRateBitsPerSecond, long MaxRateBitsPerSecond, ulong SentPackets, ulong SentBytes, ulong SendDropped);

/// <summary>A port's counters: struct ofp_port_stats.</summary>
internal sealed record TrafficReport(
    ulong ReceivedPackets,
    ulong ReceivedBytes,
    ulong SentPackets,
    ulong SentBytes,
    ulong ReceiveDropped,
    ulong SendDropped,
    ulong ReceiveErrors,
    ulong SendErrors);
