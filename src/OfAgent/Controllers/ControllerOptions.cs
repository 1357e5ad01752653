using Softswitch.OfAgent.Connections;

namespace Softswitch.OfAgent.Controllers;

/// <summary>How an <see cref="OfController"/> listens and what it asks of switches.</summary>
public record ControllerOptions
{
    /// <summary>Begins each line of <see cref="Log"/>; empty for a program's only controller.</summary>
    public string Name { get; init; } = "";

    /// <summary>
    /// Where to listen: <c>ptcp:[PORT][:HOST]</c>, <c>pssl:[PORT][:HOST]</c> or <c>punix:PATH</c>. Port 0 takes a free one.
    /// </summary>
    public string Listen { get; init; } = "ptcp:0";

    /// <summary>Our key and whom we trust, for <c>pssl:</c>; stays the caller's.</summary>
    public TlsCredentials? Tls { get; init; }

    /// <summary>Switches served at a time; further connections are closed.</summary>
    public int MaxSwitches { get; init; } = int.MaxValue;

    /// <summary>Bytes of a packet without a flow that switches send along; all of it unless told otherwise.</summary>
    public ushort MissSendLength { get; init; } = ushort.MaxValue;

    /// <summary>
    /// How long a switch may be silent before it is probed, and again before it is given up; also how long a TLS handshake, or a write to
    /// it, may take.
    /// </summary>
    public TimeSpan ProbeInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Takes one line for people about each switch that comes, goes or misbehaves. Called by any thread.</summary>
    public Action<string>? Log { get; init; }
}
