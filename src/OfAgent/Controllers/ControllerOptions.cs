namespace Softswitch.OfAgent.Controllers;

/// <summary>How an <see cref="OfController"/> listens and what it asks of switches.</summary>
public sealed record ControllerOptions
{
    /// <summary>Shown in <see cref="Log"/>.</summary>
    public string Name { get; init; } = "controller";

    /// <summary>Where to listen: <c>ptcp:[PORT][:HOST]</c> or <c>punix:PATH</c>. Port 0 takes a free one.</summary>
    public string Listen { get; init; } = "ptcp:0";

    /// <summary>Bytes of a packet without a flow that switches send along; all of it unless told otherwise.</summary>
    public ushort MissSendLength { get; init; } = ushort.MaxValue;

    /// <summary>How long a switch may be silent before it is probed, and again before it is given up.</summary>
    public TimeSpan ProbeInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Takes one line for people about each switch that comes, goes or misbehaves. Called by any thread.</summary>
    public Action<string>? Log { get; init; }
}
