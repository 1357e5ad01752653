using Softswitch.Datapath.SpanningTree;
using Softswitch.OfAgent.Agent;
using Softswitch.OfAgent.Connections;

namespace Softswitch.Hosting.Configuration;

/// <summary>Everything <c>run</c> was asked to do, checked.</summary>
public sealed record SwitchOptions
{
    /// <summary>At least one, numbers all different, those of cards among them.</summary>
    public required IReadOnlyList<PortOption> Ports { get; init; }

    /// <summary>NetFPGA cards; each of their interfaces is one of the ports.</summary>
    public IReadOnlyList<CardOption> Cards { get; init; } = [];

    /// <summary>Each on one of the ports, no two alike.</summary>
    public IReadOnlyList<QueueOption> Queues { get; init; } = [];

    /// <summary>Null: to be made from the ports.</summary>
    public ulong? DatapathId { get; init; }

    public IReadOnlyList<ConnectionTarget> Controllers { get; init; } = [];

    public IReadOnlyList<ConnectionTarget> Listeners { get; init; } = [];

    /// <summary>The Unix socket to take commands at; null for none.</summary>
    public ConnectionTarget? Control { get; init; }

    /// <summary>Not null if a target needs TLS.</summary>
    public TlsFiles? Tls { get; init; }

    public FailMode FailMode { get; init; } = FailMode.Secure;

    /// <summary>Whether controllers are reached through the switch itself; LOCAL is a TAP device then.</summary>
    public bool InBand { get; init; }

    /// <summary>Packet-ins a second; 0 for no limit; null for the datapath's default, as below.</summary>
    public int? PacketInRate { get; init; }

    /// <summary>Packet-ins at once after a pause.</summary>
    public int? PacketInBurst { get; init; }

    /// <summary>Frames in the pool; null for the datapath's default.</summary>
    public int? Frames { get; init; }

    /// <summary>Bytes of a frame, 2048 or 4096; null for the datapath's default.</summary>
    public int? FrameSize { get; init; }

    /// <summary>Packets that can wait in buffers; null for the datapath's default, as below.</summary>
    public int? Buffers { get; init; }

    /// <summary>How long each of them waits.</summary>
    public TimeSpan? BufferTimeout { get; init; }

    /// <summary>Memory for action lists.</summary>
    public int? ActionMemoryMiB { get; init; }

    /// <summary>Entries the emergency flow table takes.</summary>
    public int? EmergencyFlows { get; init; }

    /// <summary>Failed attempts after which emergency entries come into force; null for the agent's default.</summary>
    public int? EmergencyAttempts { get; init; }

    public int Workers { get; init; } = 1;

    /// <summary>Whether workers without packets keep looking instead of sleeping.</summary>
    public bool SpinsWhenIdle { get; init; }

    /// <summary>The processor of each worker, in order; empty to leave them to the scheduler.</summary>
    public IReadOnlyList<int> Processors { get; init; } = [];

    /// <summary>Null: no spanning tree.</summary>
    public SpanningTreeOptions? SpanningTree { get; init; }
}
