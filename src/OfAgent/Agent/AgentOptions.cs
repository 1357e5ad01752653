using System.Net.Sockets;
using System.Reflection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Softswitch.OfAgent.Connections;
using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Agent;

/// <summary>How the agent reaches controllers, and what it says of the switch.</summary>
public sealed record AgentOptions
{
    /// <summary>Idle time after which a peer is asked for an echo.</summary>
    internal static readonly TimeSpan DefaultProbeInterval = TimeSpan.FromSeconds(5);

    /// <summary>A peer that was silent for this many probe intervals is taken for dead.</summary>
    internal const int ProbesUntilClose = 3;

    /// <summary>How long a connection attempt may take, and a TLS handshake on either side.</summary>
    internal static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(5);

    /// <summary>As controllers, tools and people are told it: that of Directory.Build.props.</summary>
    internal static string ProgramVersion { get; } =
        typeof(AgentOptions).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

    /// <summary>Controllers to connect to.</summary>
    public IReadOnlyList<ConnectionTarget> Controllers { get; init; } = [];

    /// <summary>Where to wait for controllers and management tools.</summary>
    public IReadOnlyList<ConnectionTarget> Listeners { get; init; } = [];

    /// <summary>Our key and whom we trust, where a target is <c>ssl:</c> or <c>pssl:</c>; stays the caller's.</summary>
    internal TlsCredentials? Tls { get; init; }

    /// <summary>The treatment of packets without a flow entry while no controller takes them.</summary>
    public FailMode FailMode { get; init; } = FailMode.Secure;

    /// <summary>Attempts to reach a controller again that must fail before emergency mode is entered (OpenFlow 1.0.0 §4.3: "zero or more").</summary>
    public int EmergencyAttempts { get; init; } = 1;

    /// <summary>How long a peer may be silent before it is asked for an echo; after three times as long it is given up.</summary>
    public TimeSpan ProbeInterval { get; init; } = DefaultProbeInterval;

    /// <summary>What another process listened by at a target, to go on with; null where this one is to bind.</summary>
    internal Func<ConnectionTarget, Socket?> TakeListener { get; init; } = static _ => null;

    /// <summary>Whether such a connection is for management only: a peer of a listener beside configured controllers.</summary>
    internal bool IsManagement(bool isPassive) => isPassive && Controllers.Count > 0;

    internal SwitchDescription Description { get; init; } = new("Softswitch", "user space", ProgramVersion, "none", "Softswitch");

    internal TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>Told of connection events; called from any thread, not under the control lock.</summary>
    internal ILogger Log { get; init; } = NullLogger.Instance;
}
