using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.SpanningTree;

namespace Softswitch.Datapath.Control;

/// <summary>Sizes and sources of a datapath; fixed for its life.</summary>
public sealed record DatapathOptions
{
    internal ulong DatapathId { get; init; } = 1;

    /// <summary>Threads that forward. Each port queue belongs to one of them.</summary>
    public int Workers { get; init; } = 1;

    /// <summary>Frames of <see cref="FrameSize"/> bytes in the pool.</summary>
    public int FrameCount { get; init; } = 16384;

    /// <summary>2048 or 4096 bytes.</summary>
    public int FrameSize { get; init; } = 2048;

    /// <summary>Where so many bytes for these frames come from; null for the heap.</summary>
    internal Func<nuint, FrameMemory>? FrameMemory { get; init; }

    /// <summary>Whether another process has this memory still: as the pool's <c>isInUse</c>.</summary>
    internal bool AreFramesInUse { get; init; }

    /// <summary>Asks for huge pages for a part of a large table: address and bytes; null for none. Under the control lock.</summary>
    internal Action<nint, nuint>? AdviseHugePages { get; init; }

    /// <summary>Whether the process may take more memory, for entries; null if it always may. Under the control lock.</summary>
    internal Func<bool>? HasMemory { get; init; }

    /// <summary>Frames for packets longer than an ordinary frame holds.</summary>
    public int LargeFrameCount { get; init; } = 256;

    /// <summary>Entries table 0 takes.</summary>
    public int MaxExactEntries { get; init; } = 1 << 20;

    /// <summary>Entries table 1 takes.</summary>
    public int MaxWildcardEntries { get; init; } = 1 << 18;

    /// <summary>Flows for which each worker remembers what table 1 gave, 66 bytes each where used; rounded up to a power of two.</summary>
    public int FlowCacheCapacity { get; init; } = 1 << 18;

    /// <summary>Entries with OFPFF_EMERG, beside those of the flow table.</summary>
    public int MaxEmergencyEntries { get; init; } = 1024;

    /// <summary>Bytes that action lists of all these entries may take. Equal lists count once, a single output to a port not at all. The default lets every entry have a list of its own of five actions.</summary>
    public long ActionMemory { get; init; } = 256 << 20;

    /// <summary>Packets that can wait for the controller's word in buffers; 0 for no buffers: then each packet-in has the whole packet.</summary>
    public int BufferCount { get; init; }

    /// <summary>How long a packet is kept in a buffer; what names the buffer afterwards is refused with OFPBRC_BUFFER_EMPTY.</summary>
    public TimeSpan BufferTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Packet-ins a second, over all ports, shared fairly between those that want more than their share; 0 for no limit.</summary>
    public int PacketInRate { get; init; } = 10_000;

    /// <summary>Packet-ins that may come at once after a pause. They wait in frames: of these a quarter is for packet-ins, and one port may have two thirds of that.</summary>
    public int PacketInBurst { get; init; } = 2500;

    /// <summary>Packet-outs that can be queued for the workers.</summary>
    public int PacketOutQueueLength { get; init; } = 1024;

    /// <summary>Spanning tree (§4.5); null for a switch without.</summary>
    public SpanningTreeOptions? SpanningTree { get; init; }

    /// <summary>Datagrams each worker can have in reassembly (OFPC_FRAG_REASM); beyond, the oldest gives way. Each has a large frame, over and above <see cref="LargeFrameCount"/>.</summary>
    public int MaxReassemblies { get; init; } = 128;

    /// <summary>From a datagram's first fragment to its end. RFC 791 §3.2 suggests 15 s, RFC 1122 §3.3.2 60 s to 120 s for hosts; Linux has 30 s.</summary>
    public TimeSpan ReassemblyTimeout { get; init; } = TimeSpan.FromSeconds(30);

    internal TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>A fixed hash secret for repeatable tests; null draws one.</summary>
    internal FlowHash? Hash { get; init; }
}
