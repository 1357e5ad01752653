using Softswitch.Datapath.Classification;

namespace Softswitch.Datapath.Control;

/// <summary>Sizes and sources of a datapath; fixed for its life.</summary>
public sealed record DatapathOptions
{
    public ulong DatapathId { get; init; } = 1;

    /// <summary>Threads that forward. Each port queue belongs to one of them.</summary>
    public int Workers { get; init; } = 1;

    /// <summary>Frames of <see cref="FrameSize"/> bytes in the pool.</summary>
    public int FrameCount { get; init; } = 16384;

    /// <summary>2048 or 4096 bytes.</summary>
    public int FrameSize { get; init; } = 2048;

    /// <summary>Frames for packets longer than an ordinary frame holds.</summary>
    public int LargeFrameCount { get; init; } = 256;

    /// <summary>Entries table 0 takes.</summary>
    public int MaxExactEntries { get; init; } = 1 << 20;

    /// <summary>Entries table 1 takes.</summary>
    public int MaxWildcardEntries { get; init; } = 1 << 16;

    /// <summary>Packets that can wait for the controller's word in buffers.</summary>
    public int BufferCount { get; init; } = 256;

    /// <summary>Packet-ins of one kind (no match, action, LLDP) that can be queued for each port and worker; beyond it they are counted drops.</summary>
    public int PacketInQueueLength { get; init; } = 128;

    /// <summary>Packet-ins a second, over all ports, shared fairly between those that want more than their share; 0 for no limit.</summary>
    public int PacketInRate { get; init; } = 10_000;

    /// <summary>Packet-ins that may come at once after a pause.</summary>
    public int PacketInBurst { get; init; } = 2500;

    /// <summary>Packet-outs that can be queued for the workers.</summary>
    public int PacketOutQueueLength { get; init; } = 1024;

    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>A fixed hash secret for repeatable tests; null draws one.</summary>
    public FlowHash? Hash { get; init; }
}
