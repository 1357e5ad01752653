using Softswitch.Datapath.Control;
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

    /// <summary>Sizes and times. Datapath id and frame memory come from the host, which adds the frames that ports bring.</summary>
    public DatapathOptions Datapath { get; init; } = new();

    /// <summary>Controllers, listeners and what happens without a controller. Credentials and the log come from the host.</summary>
    public AgentOptions Agent { get; init; } = new();

    /// <summary>The Unix socket to take commands at; null for none.</summary>
    public ConnectionTarget? Control { get; init; }

    /// <summary>Not null if a target needs TLS.</summary>
    public TlsFiles? Tls { get; init; }

    /// <summary>Whether controllers are reached through the switch itself; LOCAL is a TAP device then.</summary>
    public bool InBand { get; init; }

    /// <summary>Whether workers without packets keep looking instead of sleeping.</summary>
    public bool SpinsWhenIdle { get; init; }

    /// <summary>The processor of each worker, in order; empty to leave them to the scheduler.</summary>
    public IReadOnlyList<int> Processors { get; init; } = [];
}
