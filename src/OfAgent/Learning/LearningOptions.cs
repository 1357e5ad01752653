using Softswitch.OfAgent.Connections;

namespace Softswitch.OfAgent.Learning;

/// <summary>How a <see cref="LearningController"/> behaves.</summary>
public sealed record LearningOptions
{
    /// <summary>Where to listen: <c>ptcp:[PORT][:HOST]</c>, <c>pssl:[PORT][:HOST]</c> or <c>punix:PATH</c>. Port 0 takes a free one.</summary>
    public string Listen { get; init; } = "ptcp:6653";

    /// <summary>Our key and whom we trust, for <c>pssl:</c>; stays the caller's.</summary>
    public TlsCredentials? Tls { get; init; }

    /// <summary>Idle timeout of the flows it installs, in seconds; 0 for none.</summary>
    public ushort IdleTimeoutSeconds { get; init; } = 10;

    /// <summary>Hard timeout of the flows it installs, in seconds; 0 for none.</summary>
    public ushort HardTimeoutSeconds { get; init; }

    /// <summary>Priority of the flows it installs. Of no effect on flows without wildcards (§3.4).</summary>
    public ushort Priority { get; init; } = 0x8000;

    /// <summary>Bytes of a packet without a flow that switches send along.</summary>
    public ushort MissSendLength { get; init; } = 128;

    /// <summary>Addresses remembered per switch; a power of two.</summary>
    public int MacTableCapacity { get; init; } = 4096;

    /// <summary>How long an address is remembered that is not seen.</summary>
    public TimeSpan MacLifetime { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Switches served at a time; further connections are closed.</summary>
    public int MaxSwitches { get; init; } = 64;

    /// <summary>How long a switch may be silent before it is probed, and again before it is given up; also how long a TLS handshake may take.</summary>
    public TimeSpan ProbeInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Takes one line for people about each switch that comes, goes or misbehaves. Called by any thread.</summary>
    public Action<string>? Log { get; init; }
}
